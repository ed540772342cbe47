// MIGRATE_INFO_TYPE: where a trusted OS lives. DEN0022 F.b §5.1.7 and §5.9.
//
// There is none, so nothing ever needs migrating: MIGRATE and MIGRATE_INFO_UP_CPU are not offered.

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
    func migrateInfoType() -> Answer {
        .value(MigrateInfoType.migrationNotRequired.rawValue)
    }
}
