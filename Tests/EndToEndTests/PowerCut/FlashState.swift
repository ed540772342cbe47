// UEFI's variables in a flash that a power cut left: as our reader finds them, and made for the tests.
//
// edk2's MdeModulePkg/Include/Guid/VariableFormat.h has a variable's form, and its
// MdeModulePkg/Include/Guid/FaultTolerantWrite.h what follows the store.

import Boot
import Bytes
import Foundation
import Testing

/// The variables of a flash, by "NAME VENDOR" as EFI writes a GUID.
enum FlashVariables {
    /// The firmware counts its boots in it.
    static let bootCounter = "MTC EB704011-1402-11D3-8E77-00A0C969723B"

    static func read(_ flash: [UInt8]) -> [String: [UInt8]]? {
        FirmwareVariables(flash: Array(flash.prefix(FirmwareVariables.maximumByteCount))).map {
            Dictionary(uniqueKeysWithValues: $0.all.map { ("\($0.name) \(text($0.vendor))", $0.data) })
        }
    }

    /// A GUID's bytes as text: the first three fields are little endian.
    private static func text(_ guid: [UInt8]) -> String {
        let order = [3, 2, 1, 0, 5, 4, 7, 6] + Array(8..<16)
        let digits = order.map { String(format: "%02X", guid[$0]) }
        return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
    }
}

/// What a store of variables is laid out as, in AAVMF's flash: one block of 256 KiB, beginning with a volume's header.
enum FlashLayout {
    static let blockByteCount = 256 << 10
    /// The volume's header, and the store's of 28 bytes.
    static let firstVariable = 0x48 + 28

    /// Fills a store behind its variables with ones that were deleted, but for `free` bytes.
    static func fill(_ file: URL, free: Int) throws {
        let bytes = try FlashRecording.contents(of: file)
        let handle = try FileHandle(forUpdating: file)
        defer { try? handle.close() }
        var offset = firstVariable
        // Each begins with 0x55AA; behind the header of 60 bytes are a name and a value of these sizes.
        while bytes[offset] == 0xAA, bytes[offset + 1] == 0x55 {
            let nameSize = Int(bytes.littleEndian(at: offset + 36, as: UInt32.self))
            let dataSize = Int(bytes.littleEndian(at: offset + 40, as: UInt32.self))
            offset = (offset + 60 + nameSize + dataSize + 3) & ~3
        }
        while blockByteCount - offset - free > 0 {
            let room = blockByteCount - offset - free
            let name = Array("Old".utf16).flatMap(\.littleEndianBytes) + [0, 0]
            let overhead = 60 + name.count
            guard room > overhead + 4 else { break }
            let data = [UInt8](repeating: 0xA5, count: min(4096, room - overhead) & ~3)
            // Deleted; it is kept, and there when an operating system runs.
            var bytes: [UInt8] = [0xAA, 0x55, 0x3C, 0, 7, 0, 0, 0] + [UInt8](repeating: 0, count: 28)
            bytes += UInt32(name.count).littleEndianBytes + UInt32(data.count).littleEndianBytes
            bytes += [UInt8](repeating: 0x11, count: 16) + name + data
            try handle.seek(toOffset: UInt64(offset))
            try handle.write(contentsOf: Data(bytes))
            offset += bytes.count
        }
    }
}
