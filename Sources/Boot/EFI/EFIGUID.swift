// GUIDs as EFI stores them. UEFI 2.10, appendix A.

import Bytes

/// The name of a configuration table.
struct EFIGUID: Equatable {
    /// 16: the first three fields have their lowest byte first.
    let bytes: [UInt8]

    init(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ rest: [UInt8]) {
        bytes = first.littleEndianBytes + second.littleEndianBytes + third.littleEndianBytes + rest
    }

    /// EFI_ACPI_20_TABLE_GUID: the RSDP (section 4.6.1).
    static let acpi = EFIGUID(0x8868_E871, 0xE4F1, 0x11D3, [0xBC, 0x22, 0x00, 0x80, 0xC7, 0x3C, 0x88, 0x81])
    /// EFI_RT_PROPERTIES_TABLE_GUID: which runtime services there are (section 4.6.2).
    static let runtimeProperties = EFIGUID(
        0xEB66_918A, 0x7EEF, 0x402A, [0x84, 0x2E, 0x93, 0x1D, 0x21, 0xC3, 0x8A, 0xE9])
}
