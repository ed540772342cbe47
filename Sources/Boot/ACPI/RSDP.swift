// RSDP: the Root System Description Pointer, where a guest begins. ACPI 6.5, section 5.2.5.3.

import Bytes
import Hypervisor

enum RSDP {
    /// Bytes of revision 2.
    static let byteCount = 36
    /// What ACPI 1.0 had, with a checksum of its own.
    private static let firstPartByteCount = 20
    private static let checksumOffset = 8
    static let xsdtOffset = 24
    static let extendedChecksumOffset = 32

    static func bytes(xsdt: PhysicalAddress) -> [UInt8] {
        let revision: UInt8 = 2
        var bytes = Array("RSD PTR ".utf8)
        bytes.append(0)
        bytes.append(contentsOf: ACPITable.oemID)
        bytes.append(revision)
        // There is no RSDT.
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt32(byteCount))
        bytes.append(littleEndian: xsdt)
        bytes.append(zeros: 4)
        bytes[checksumOffset] = Array(bytes.prefix(firstPartByteCount)).checksum
        bytes[extendedChecksumOffset] = bytes.checksum
        return bytes
    }
}
