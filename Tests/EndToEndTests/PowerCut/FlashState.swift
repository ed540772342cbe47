// UEFI's variables in a flash that a power cut left, as our reader finds them.

import Boot
import Foundation

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
