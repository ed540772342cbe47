// The address of a network interface, as IEEE 802 has it.

import Bytes

/// A unicast MAC address.
public struct MACAddress: Sendable, Hashable, CustomStringConvertible {
    public static let byteCount = 6

    /// In the order of the wire.
    public let bytes: [UInt8]

    /// Bit 0 of the first byte: a group of stations, which no interface has for its own address.
    private static let groupBit: UInt8 = 1

    /// Nil unless there are six bytes that name one station.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes[0] & Self.groupBit == 0, bytes.contains(where: { $0 != 0 }) else {
            return nil
        }
        self.bytes = bytes
    }

    /// `52:54:00:00:00:1d`: six numbers of two hexadecimal digits.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            part.utf8.count == 2 && part.allSatisfy(\.isHexDigit) ? UInt8(part, radix: 16) : nil
        }
        guard bytes.count == parts.count else { return nil }
        self.init(bytes: bytes)
    }

    /// A locally administered address with the prefix that virtual machines commonly have, 52:54:00.
    public init(virtualMachine number: UInt8) {
        bytes = [0x52, 0x54, 0x00, 0x00, 0x00, number]
    }

    public var description: String {
        bytes.map { Hexadecimal.text(of: [$0]) }.joined(separator: ":")
    }
}
