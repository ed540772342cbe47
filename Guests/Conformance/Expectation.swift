// What the firmware is held to: what the machine was made with, or what it says of itself.

import PSCI

/// The firmware as it should be.
struct Expectation {
    /// What PSCI_VERSION must say.
    var version: UInt32
    /// The functions that there must be, and no others.
    var functions: Capabilities
    var idleStates: IdleStates
    var format: PowerStateFormat
    var trustedOS: TrustedOS
    /// Whether all of this was told on the command line; if not, the firmware was asked, and what it may lack is no
    /// failure.
    var isTold: Bool

    /// By the command line: `version=1.3 functions=0x… states=0x… format=extended trusted-os=fixed`. What is not there
    /// is what a machine offers by default; without a version, the firmware is asked.
    init(_ board: Board) {
        let firmware = board.firmware
        let found = UInt32(truncatingIfNeeded: firmware.call(.psciVersion, .smc32))
        format = board.argument("format=")?.equals("extended") == true ? .extendedStateID : .original
        trustedOS = .none
        if let name = board.argument("trusted-os=") {
            trustedOS = name.equals("fixed") ? .fixed : name.equals("migratable") ? .migratable : .none
        }
        if let told = board.argument("version=").flatMap(Self.version) {
            isTold = true
            version = told
            let policy = Policy(
                version: Version(rawValue: told) ?? .v1_3, conduit: .hvc, optional: .possible(in: .v1_3),
                powerStateFormat: .original, idleStates: .all, trustedOS: trustedOS, coresPerCluster: 16)
            functions = board.hexadecimal("functions=").map { Capabilities(rawValue: $0) } ?? policy.capabilities
            idleStates =
                board.hexadecimal("states=").map { IdleStates(rawValue: UInt16(truncatingIfNeeded: $0)) }
                ?? policy.idleStates
            return
        }
        isTold = false
        version = found
        idleStates = .coreStandby
        let known = Version(rawValue: found) ?? .v1_3
        functions = .mandatory(in: known)
        guard found >= Version.v1_0.rawValue else { return }
        for number in UInt8(0)..<64 {
            guard let function = Function(rawValue: number) else { continue }
            let width: CallWidth = function.exists(as: .smc64) ? .smc64 : .smc32
            if firmware.features(of: function, width) >= 0 { functions.formUnion(Capabilities(function)) }
        }
        if firmware.features(of: .cpuSuspend, .smc64) & 2 != 0 { format = .extendedStateID }
    }

    func has(_ function: Function) -> Bool { functions.contains(function) }

    /// At least that version.
    func isAtLeast(_ other: Version) -> Bool { version >= other.rawValue }

    /// The power_state of a combination.
    func powerState(
        _ core: LocalState, cluster: LocalState = .run, lastIn: PowerLevel = .core
    ) -> UInt64 {
        let state = CompositeState(core: core, cluster: cluster, lastIn: lastIn)
        return UInt64(PowerState(state, format: format).rawValue)
    }

    /// `1.3` as PSCI_VERSION has it.
    private static func version(_ text: Text) -> UInt32? {
        guard text.count >= 3, text[1] == UInt8(ascii: ".") else { return nil }
        let major = text[0] &- UInt8(ascii: "0")
        let minor = text[2] &- UInt8(ascii: "0")
        guard major < 10, minor < 10 else { return nil }
        return UInt32(major) << 16 | UInt32(minor)
    }
}

extension Board {
    /// The hexadecimal number behind `name` on the command line, with or without 0x.
    func hexadecimal(_ name: StaticString) -> UInt64? {
        guard var text = argument(name) else { return nil }
        if text.starts(with: "0x") { text = text.dropping(2) }
        guard text.count > 0 else { return nil }
        var value: UInt64 = 0
        for index in 0..<text.count {
            let character = text[index]
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            default: return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
