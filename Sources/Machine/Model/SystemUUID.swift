// A system's UUID as people and files have it (RFC 9562), and as SMBIOS tells a guest of it.

import Arm64
import Boot
import Bytes

/// The text of a UUID.
public enum SystemUUID {
    /// How many bytes it has.
    public static let byteCount = 16
    /// Digits of each part, between hyphens.
    private static let parts = [8, 4, 4, 4, 12]

    /// In the order in which they are written; nil if `text` is none.
    public static func bytes(of text: String) -> [UInt8]? {
        guard text.split(separator: "-", omittingEmptySubsequences: false).map(\.count) == parts else { return nil }
        return Hexadecimal.bytes(of: text.filter { $0 != "-" })
    }

    public static func text(of bytes: [UInt8]) -> String {
        var digits = Hexadecimal.text(of: bytes)[...]
        return parts.map { count in
            defer { digits = digits.dropFirst(count) }
            return String(digits.prefix(count))
        }.joined(separator: "-")
    }

    /// One of version 4, from 16 random bytes.
    public static func random(_ random: [UInt8]) -> [UInt8] {
        var bytes = random
        // RFC 9562 §5.4: version and variant.
        bytes[6] = 0x40 | bytes[6] & 0x0F
        bytes[8] = 0x80 | bytes[8] & 0x3F
        return bytes
    }
}

extension MachineConfiguration {
    /// What a guest reads of its system: a pure function of the configuration, so that it is the same at every start.
    var smbios: SMBIOS {
        SMBIOS(
            product: model.name, version: "1", uuid: uuid ?? [UInt8](repeating: 0, count: SystemUUID.byteCount),
            hasUEFI: uefi != nil, coreCount: cpuCount, mainID: cpuModel.value(of: .midrEL1, cpu: 0) ?? 0,
            memory: [ram], oemStrings: guest.credentials.map(\.smbiosString) + guest.strings)
    }
}
