// Which PSCI there is, and which there should be.

import PSCI

struct VersionCheck {
    /// Whether there must be a SYSTEM_OFF2; if not, there must be none.
    let hasSystemOff2: Bool

    /// Checks PSCI_VERSION. A firmware that is older than the one asked for is held to the one asked for all the same:
    /// what it lacks is a result.
    init(_ board: Board, _ tap: inout TAP) {
        let found = UInt32(truncatingIfNeeded: board.firmware.call(.psciVersion, .smc32))
        let wanted = board.argument("version=").flatMap(Self.number)
        if let wanted {
            tap.check(found == wanted, "PSCI_VERSION is the one on the command line")
        } else {
            tap.check(found >= Version.v1_3.rawValue, "PSCI_VERSION is 1.3 or later")
        }
        hasSystemOff2 = wanted.map { $0 >= Version.v1_3.rawValue } ?? true
        Console.write("# PSCI ")
        Console.write(decimal: UInt64(found >> 16))
        Console.write(".")
        Console.write(decimal: UInt64(found & 0xFFFF))
        Console.writeLine(board.conduit == .hvc ? " by HVC" : " by SMC")
    }

    /// `1.3` as PSCI_VERSION has it.
    private static func number(_ text: Text) -> UInt32? {
        guard text.count == 3, text[1] == UInt8(ascii: ".") else { return nil }
        let major = text[0] &- UInt8(ascii: "0")
        let minor = text[2] &- UInt8(ascii: "0")
        guard major < 10, minor < 10 else { return nil }
        return UInt32(major) << 16 | UInt32(minor)
    }
}
