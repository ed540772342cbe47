// What all ACPI tables but the RSDP and the FACS share.
//
// Responsible for: the System Description Table Header (ACPI 6.5, section 5.2.6), length and checksum, and the Generic
// Address Structure (section 5.2.3.2). Not responsible for: what follows the header; each table has a file of its own.

import Bytes
import Hypervisor

/// A table while it is written.
struct ACPITable {
    /// Bytes of the header.
    static let headerSize = 36
    private static let lengthOffset = 4
    static let checksumOffset = 9

    /// Who made it, as the header says. Six and eight characters.
    static let oemID = Array("DORMSE".utf8)
    static let oemTableID = Array("DORMOUSE".utf8)
    private static let creatorID = Array("DRMS".utf8)

    /// The table so far, without length and checksum.
    var body: [UInt8] = []

    /// - Parameter signature: four characters.
    init(_ signature: String, revision: UInt8) {
        body.append(contentsOf: signature.utf8)
        body.append(littleEndian: UInt32(0))
        body.append(revision)
        body.append(0)
        body.append(contentsOf: Self.oemID)
        body.append(contentsOf: Self.oemTableID)
        body.append(littleEndian: UInt32(1))
        body.append(contentsOf: Self.creatorID)
        body.append(littleEndian: UInt32(1))
    }

    /// The whole table.
    var bytes: [UInt8] {
        var bytes = body
        bytes.replace(at: Self.lengthOffset, littleEndian: UInt32(truncatingIfNeeded: bytes.count))
        bytes[Self.checksumOffset] = bytes.checksum
        return bytes
    }

    /// A register of 32 bits in memory, to be accessed as a whole.
    static func register32(at address: PhysicalAddress) -> [UInt8] {
        let systemMemory: UInt8 = 0
        let doubleWordAccess: UInt8 = 3
        return [systemMemory, 32, 0, doubleWordAccess] + address.littleEndianBytes
    }
}

extension BoardDescription.Interrupt {
    /// The global system interrupt: on Arm, the INTID (ACPI 6.5, section 5.2.12.14).
    var gsi: UInt32 {
        switch self {
        case .spi(let number): 32 &+ number
        case .ppi(let number): 16 &+ number
        }
    }
}
