// Every function that this module knows, whatever its width, its version and whether it is offered.
//
// Responsible for: which functions there are, what they are called, in which version of PSCI each appeared and
// whether it is mandatory there, and which widths exist. Not responsible for: the numbers on the wire (`FunctionID`),
// or what a machine offers (`Policy`).
//
// Follows DEN0022 F.b §5.1 and Table 17 (§6.9), DEN0028 §7 and DEN0098 §2.

/// A function of PSCI, of the SMC Calling Convention's own discovery, or of the TRNG firmware interface.
///
/// The raw value is the function's bit in `Capabilities`. For PSCI it is also the number of the function, bits 15:0 of
/// its ids.
public enum Function: UInt8, CaseIterable, Sendable {
    case psciVersion = 0x00
    case cpuSuspend = 0x01
    case cpuOff = 0x02
    case cpuOn = 0x03
    case affinityInfo = 0x04
    case migrate = 0x05
    case migrateInfoType = 0x06
    case migrateInfoUpCPU = 0x07
    case systemOff = 0x08
    case systemReset = 0x09
    case psciFeatures = 0x0A
    case cpuFreeze = 0x0B
    case cpuDefaultSuspend = 0x0C
    case nodeHWState = 0x0D
    case systemSuspend = 0x0E
    case psciSetSuspendMode = 0x0F
    case psciStatResidency = 0x10
    case psciStatCount = 0x11
    case systemReset2 = 0x12
    case memProtect = 0x13
    case memProtectCheckRange = 0x14
    case systemOff2 = 0x15

    case smcccVersion = 0x20
    case smcccArchFeatures = 0x21
    case smcccArchWorkaround1 = 0x22
    case smcccArchWorkaround2 = 0x23
    case smcccArchWorkaround3 = 0x24

    case trngVersion = 0x30
    case trngFeatures = 0x31
    case trngGetUUID = 0x32
    /// TRNG_RND32 and TRNG_RND64: one function in two widths.
    case trngRND = 0x33
}

extension Function {
    /// The interface that a function belongs to.
    public enum Interface: Sendable {
        case psci
        case smccc
        case trng
    }

    /// The interface that the function belongs to.
    public var interface: Interface {
        switch rawValue {
        case 0x20...0x2F: .smccc
        case 0x30...0x3F: .trng
        default: .psci
        }
    }

    /// Whether the function has an id for calls of that width.
    public func exists(as width: CallWidth) -> Bool {
        switch (self, width) {
        case (_, .smc32): true
        case (.cpuSuspend, .smc64), (.cpuOn, .smc64), (.affinityInfo, .smc64), (.migrate, .smc64),
            (.migrateInfoUpCPU, .smc64), (.cpuDefaultSuspend, .smc64), (.nodeHWState, .smc64),
            (.systemSuspend, .smc64), (.psciStatResidency, .smc64), (.psciStatCount, .smc64),
            (.systemReset2, .smc64), (.memProtectCheckRange, .smc64), (.systemOff2, .smc64), (.trngRND, .smc64):
            true
        case (_, .smc64): false
        }
    }

    /// The first version of PSCI that has the function; nil for functions that are not PSCI's.
    public var introduced: Version? {
        switch self {
        case .psciVersion, .cpuSuspend, .cpuOff, .cpuOn, .affinityInfo, .migrate, .migrateInfoType, .migrateInfoUpCPU,
            .systemOff, .systemReset:
            .v0_2
        case .psciFeatures, .cpuFreeze, .cpuDefaultSuspend, .nodeHWState, .systemSuspend, .psciSetSuspendMode,
            .psciStatResidency, .psciStatCount:
            .v1_0
        case .systemReset2, .memProtect, .memProtectCheckRange: .v1_1
        case .systemOff2: .v1_3
        case .smcccVersion, .smcccArchFeatures, .smcccArchWorkaround1, .smcccArchWorkaround2, .smcccArchWorkaround3,
            .trngVersion, .trngFeatures, .trngGetUUID, .trngRND:
            nil
        }
    }

    /// Whether a PSCI that has the function at all must offer it.
    public var isMandatory: Bool {
        switch self {
        case .psciVersion, .cpuSuspend, .cpuOff, .cpuOn, .affinityInfo, .systemOff, .systemReset, .psciFeatures: true
        default: false
        }
    }

    /// The name in the documents, without a width.
    public var name: StaticString {
        switch self {
        case .psciVersion: "PSCI_VERSION"
        case .cpuSuspend: "CPU_SUSPEND"
        case .cpuOff: "CPU_OFF"
        case .cpuOn: "CPU_ON"
        case .affinityInfo: "AFFINITY_INFO"
        case .migrate: "MIGRATE"
        case .migrateInfoType: "MIGRATE_INFO_TYPE"
        case .migrateInfoUpCPU: "MIGRATE_INFO_UP_CPU"
        case .systemOff: "SYSTEM_OFF"
        case .systemReset: "SYSTEM_RESET"
        case .psciFeatures: "PSCI_FEATURES"
        case .cpuFreeze: "CPU_FREEZE"
        case .cpuDefaultSuspend: "CPU_DEFAULT_SUSPEND"
        case .nodeHWState: "NODE_HW_STATE"
        case .systemSuspend: "SYSTEM_SUSPEND"
        case .psciSetSuspendMode: "PSCI_SET_SUSPEND_MODE"
        case .psciStatResidency: "PSCI_STAT_RESIDENCY"
        case .psciStatCount: "PSCI_STAT_COUNT"
        case .systemReset2: "SYSTEM_RESET2"
        case .memProtect: "MEM_PROTECT"
        case .memProtectCheckRange: "MEM_PROTECT_CHECK_RANGE"
        case .systemOff2: "SYSTEM_OFF2"
        case .smcccVersion: "SMCCC_VERSION"
        case .smcccArchFeatures: "SMCCC_ARCH_FEATURES"
        case .smcccArchWorkaround1: "SMCCC_ARCH_WORKAROUND_1"
        case .smcccArchWorkaround2: "SMCCC_ARCH_WORKAROUND_2"
        case .smcccArchWorkaround3: "SMCCC_ARCH_WORKAROUND_3"
        case .trngVersion: "TRNG_VERSION"
        case .trngFeatures: "TRNG_FEATURES"
        case .trngGetUUID: "TRNG_GET_UUID"
        case .trngRND: "TRNG_RND"
        }
    }
}
