// An EFI zboot image: an EFI application that unpacks the kernel that it carries.
//
// Responsible for: where the compressed kernel is in it, and with what it was compressed. Follows Linux's
// drivers/firmware/efi/libstub/zboot-header.S.

import Bytes

/// What the first bytes of such an image say.
package struct EFIZbootHeader: Equatable {
    /// Bytes of the file that are the compressed kernel.
    package let payload: Range<UInt64>
    /// The name of the compression, as the kernel's build has it: `gzip`, `xzkern`, `zstd22`, …
    package let compression: String

    /// nil: the file is no such image, or ends before its kernel does.
    package init?(prefix: [UInt8], fileByteCount: UInt64) {
        guard prefix.count >= 56, KernelFileFormat(prefix: prefix) == .efiZboot else { return nil }
        let offset = UInt64(UInt32(littleEndianBytes: prefix[8..<12]))
        let count = UInt64(UInt32(littleEndianBytes: prefix[12..<16]))
        guard count > 0, offset + count <= fileByteCount else { return nil }
        payload = offset..<offset + count
        compression = String(decoding: prefix[24..<56].prefix { $0 != 0 }, as: UTF8.self)
    }
}
