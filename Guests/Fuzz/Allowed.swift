// What each function may return, by DEN0022 F.b §5.1: typed from the document.

import PSCI

enum Allowed {
    /// Whether a call of `function`, nil if there is none of that id, may return `value` at a version.
    static func contains(_ value: Int64, _ function: Function?, _ version: UInt32) -> Bool {
        // Every function may be left out but the mandatory ones, and is before its time.
        guard let function else { return value == notSupported }
        if let introduced = function.introduced, introduced.rawValue > version { return value == notSupported }
        let has1_0 = version >= Version.v1_0.rawValue
        switch function {
        case .psciVersion: return value == Int64(version)
        case .cpuSuspend: return value == 0 || value == -2 || value == -3 || (has1_0 && value == -9)
        case .cpuDefaultSuspend: return value == 0 || value == -9
        case .cpuOff, .cpuFreeze: return value == -3
        case .cpuOn:
            return value == 0 || value == -2 || value == -4 || value == -5 || value == -6 || (has1_0 && value == -9)
                || (version >= Version.v1_2.rawValue && value == -3)
        case .affinityInfo: return (0...2).contains(value) || value == -2 || value == -8
        case .migrate: return value == notSupported || value == 0 || value == -2 || value == -6 || value == -7 || value == -3
        case .migrateInfoType: return (0...2).contains(value)
        case .psciFeatures: return value == notSupported || (0...3).contains(value)
        case .nodeHWState: return (0...2).contains(value) || value == -2
        case .systemSuspend: return value == -3 || value == -9
        case .psciSetSuspendMode: return value == 0 || value == -2 || value == -3
        case .systemReset2, .systemOff2: return value == -2
        case .memProtect: return value == 0 || value == 1
        case .memProtectCheckRange: return value == 0 || value == -3
        // Counters and addresses: every value is one.
        case .psciStatCount, .psciStatResidency, .migrateInfoUpCPU: return true
        default: return false
        }
    }

    private static var notSupported: Int64 { -1 }
}
