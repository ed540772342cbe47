// PSCI's functions as DEN0022 F.b prints them (§5.1, and Table 17 in §6.9), typed from the document: what the tests
// compare with.

import PSCI
import Testing

/// How a version of PSCI has a function.
enum Presence {
    case absent
    case optional
    case mandatory
}

/// One function of the document's tables.
struct FunctionRow: CustomTestStringConvertible {
    let name: String
    let smc32: UInt32
    let hasSMC64: Bool
    /// In 0.2, 1.0, 1.1 and 1.2, and 1.3.
    let presence: [Presence]
    /// Whether the firmware of the default policy has it where the version does.
    let offered: Bool

    init(_ name: String, _ smc32: UInt32, _ width: Width, _ presence: String, offered: Bool = true) {
        self.name = name
        self.smc32 = smc32
        hasSMC64 = width == .both
        self.presence = presence.map { $0 == "M" ? .mandatory : $0 == "O" ? .optional : .absent }
        self.offered = offered
    }

    enum Width {
        case smc32Only
        case both
    }

    var smc64: UInt32 { smc32 + 0x4000_0000 }

    func presence(in version: Version) -> Presence {
        switch version {
        case .v0_2: presence[0]
        case .v1_0: presence[1]
        case .v1_1, .v1_2: presence[2]
        case .v1_3: presence[3]
        }
    }

    /// Whether our firmware of `version` has it.
    func isThere(in version: Version) -> Bool {
        offered && presence(in: version) != .absent
    }

    var testDescription: String { name }

    static let all = [
        FunctionRow("PSCI_VERSION", 0x8400_0000, .smc32Only, "MMMM"),
        FunctionRow("CPU_SUSPEND", 0x8400_0001, .both, "MMMM"),
        FunctionRow("CPU_OFF", 0x8400_0002, .smc32Only, "MMMM"),
        FunctionRow("CPU_ON", 0x8400_0003, .both, "MMMM"),
        FunctionRow("AFFINITY_INFO", 0x8400_0004, .both, "MMMM"),
        FunctionRow("MIGRATE", 0x8400_0005, .both, "OOOO", offered: false),
        FunctionRow("MIGRATE_INFO_TYPE", 0x8400_0006, .smc32Only, "OOOO"),
        FunctionRow("MIGRATE_INFO_UP_CPU", 0x8400_0007, .both, "OOOO", offered: false),
        FunctionRow("SYSTEM_OFF", 0x8400_0008, .smc32Only, "MMMM"),
        FunctionRow("SYSTEM_RESET", 0x8400_0009, .smc32Only, "MMMM"),
        FunctionRow("PSCI_FEATURES", 0x8400_000A, .smc32Only, "-MMM"),
        FunctionRow("CPU_FREEZE", 0x8400_000B, .smc32Only, "-OOO"),
        FunctionRow("CPU_DEFAULT_SUSPEND", 0x8400_000C, .both, "-OOO"),
        FunctionRow("NODE_HW_STATE", 0x8400_000D, .both, "-OOO"),
        FunctionRow("SYSTEM_SUSPEND", 0x8400_000E, .both, "-OOO"),
        FunctionRow("PSCI_SET_SUSPEND_MODE", 0x8400_000F, .smc32Only, "-OOO"),
        FunctionRow("PSCI_STAT_RESIDENCY", 0x8400_0010, .both, "-OOO"),
        FunctionRow("PSCI_STAT_COUNT", 0x8400_0011, .both, "-OOO"),
        FunctionRow("SYSTEM_RESET2", 0x8400_0012, .both, "--OO"),
        FunctionRow("MEM_PROTECT", 0x8400_0013, .smc32Only, "--OO"),
        FunctionRow("MEM_PROTECT_CHECK_RANGE", 0x8400_0014, .both, "--OO"),
        FunctionRow("SYSTEM_OFF2", 0x8400_0015, .both, "---O"),
    ]
}
