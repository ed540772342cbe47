// PSCI_VERSION and PSCI_FEATURES: what there is. DEN0022 F.b §5.3, §5.1.15 and §5.16.

extension Firmware {
    func psciVersion() -> Answer {
        .value(policy.version.rawValue)
    }

    func psciFeatures(_ arguments: Arguments) -> Answer {
        guard let function = offeredFunction(FunctionID(rawValue: arguments.firstWord)) else {
            return .code(.notSupported)
        }
        switch function.interface {
        case .psci:
            return .value(featureFlags(of: function))
        case .smccc where function == .smcccVersion:
            // §5.16.1: the one function that is not PSCI's and can be found here.
            return .value(0)
        case .smccc, .trng:
            return .code(.notSupported)
        }
    }

    /// The flags of §5.16.2, Table 11.
    private func featureFlags(of function: Function) -> UInt32 {
        switch function {
        case .cpuSuspend:
            (policy.powerStateFormat == .extendedStateID ? CPUSuspendFeatures.extendedStateID : 0)
                | (policy.hasOSInitiatedMode ? CPUSuspendFeatures.osInitiatedMode : 0)
        case .systemOff2: HibernateType.hibernateOff.feature
        default: 0
        }
    }
}

/// The feature flags of CPU_SUSPEND.
public enum CPUSuspendFeatures {
    /// PSCI_SET_SUSPEND_MODE can switch to OS-initiated mode.
    public static var osInitiatedMode: UInt32 { 1 << 0 }
    /// power_state has the extended StateID format.
    public static var extendedStateID: UInt32 { 1 << 1 }
}
