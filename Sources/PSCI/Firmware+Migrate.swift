// MIGRATE and its two questions: where a trusted OS lives. DEN0022 F.b §5.1.6 to §5.1.8, §5.8 and §5.9.
//
// There is no trusted OS behind this: what is modelled is its presence, as a guest with CPU hotplug sees it.

/// A trusted OS that runs on one core.
public enum TrustedOS: UInt8, CaseIterable, Sendable {
    case none
    /// It starts on the core that boots, and MIGRATE moves it.
    case migratable
    /// It stays on the core that boots.
    case fixed
}

/// What MIGRATE_INFO_TYPE returns.
public enum MigrateInfoType: UInt32, CaseIterable, Sendable {
    /// A trusted OS that runs on one core and can be moved with MIGRATE.
    case uniprocessorMigrateCapable = 0
    /// A trusted OS that runs on one core and cannot be moved.
    case uniprocessorNotMigrateCapable = 1
    /// No trusted OS, or one that does not need MIGRATE.
    case migrationNotRequired = 2
}

extension Firmware {
    func migrate(_ arguments: Arguments) -> Answer {
        switch policy.trustedOS {
        case .none: return .code(.notSupported)
        case .fixed: return .code(.denied)
        case .migratable: break
        }
        let target = core(arguments.first)
        return platform.withState { state in
            guard state.trustedOSCore == arguments.caller else { return .code(.notPresent) }
            guard let target else { return .code(.invalidParameters) }
            // §5.8.2: the target has to be powered up.
            guard state.isRunning(target), state.state(ofCore: target) == .on else { return .code(.internalFailure) }
            state.trustedOSCore = target
            return .code(.success)
        }
    }

    func migrateInfoType() -> Answer {
        let type: MigrateInfoType =
            switch policy.trustedOS {
            case .none: .migrationNotRequired
            case .migratable: .uniprocessorMigrateCapable
            case .fixed: .uniprocessorNotMigrateCapable
            }
        return .value(type.rawValue)
    }

    func migrateInfoUpCPU() -> Answer {
        .wide(platform.topology.affinities[platform.withState { $0.trustedOSCore }].rawValue)
    }
}
