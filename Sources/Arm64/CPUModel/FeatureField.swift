// The fields of ID registers that tell of features.
//
// Responsible for: which value of a field says which feature, so that a model's ID registers follow from its features.
// Not responsible for fields of sizes and versions, which are data of a model. Follows DDI 0487, D19.2.

/// A field of an ID register whose value follows from a set of features.
struct FeatureField: Sendable {
    let register: SystemRegister
    /// Arm's name of the field.
    let name: String
    /// The number of its lowest bit.
    let lsb: UInt64
    /// What the field is when none of the features is there. Zero for most; 0xF where zero says that one is.
    let absent: UInt64
    /// From the least to the most: a field has the last value whose feature is there.
    let values: [(value: UInt64, feature: CPUFeature)]

    init(
        _ register: SystemRegister, _ name: String, _ lsb: UInt64, absent: UInt64 = 0,
        _ values: [(value: UInt64, feature: CPUFeature)]
    ) {
        self.register = register
        self.name = name
        self.lsb = lsb
        self.absent = absent
        self.values = values
    }

    /// What the field says of `features`.
    func value(with features: Set<CPUFeature>) -> UInt64 {
        values.last { features.contains($0.feature) }?.value ?? absent
    }

    static let all: [FeatureField] = [
        FeatureField(.idAA64PFR0EL1, "FP", 16, absent: 0xF, [(0, .fp), (1, .fp16)]),
        FeatureField(.idAA64PFR0EL1, "AdvSIMD", 20, absent: 0xF, [(0, .advSIMD), (1, .fp16)]),
        FeatureField(.idAA64PFR0EL1, "GIC", 24, [(1, .gicv3)]),
        FeatureField(.idAA64PFR0EL1, "RAS", 28, [(1, .ras)]),
        FeatureField(.idAA64PFR0EL1, "CSV2", 56, [(1, .csv2)]),
        FeatureField(.idAA64PFR0EL1, "CSV3", 60, [(1, .csv3)]),

        FeatureField(.idAA64PFR1EL1, "SSBS", 4, [(1, .ssbs), (2, .ssbs2)]),

        FeatureField(.idAA64ISAR0EL1, "AES", 4, [(1, .aes), (2, .pmull)]),
        FeatureField(.idAA64ISAR0EL1, "SHA1", 8, [(1, .sha1)]),
        FeatureField(.idAA64ISAR0EL1, "SHA2", 12, [(1, .sha256)]),
        FeatureField(.idAA64ISAR0EL1, "CRC32", 16, [(1, .crc32)]),
        FeatureField(.idAA64ISAR0EL1, "Atomic", 20, [(2, .lse)]),
        FeatureField(.idAA64ISAR0EL1, "RDM", 28, [(1, .rdm)]),
        FeatureField(.idAA64ISAR0EL1, "DP", 44, [(1, .dotProd)]),
        FeatureField(.idAA64ISAR0EL1, "TS", 52, [(1, .flagM)]),
        FeatureField(.idAA64ISAR0EL1, "TLB", 56, [(1, .tlbios), (2, .tlbirange)]),
        FeatureField(.idAA64ISAR0EL1, "RNDR", 60, [(1, .rng)]),

        FeatureField(.idAA64ISAR1EL1, "DPB", 0, [(1, .dpb)]),
        FeatureField(.idAA64ISAR1EL1, "LRCPC", 20, [(1, .lrcpc), (2, .lrcpc2)]),
        FeatureField(.idAA64ISAR1EL1, "SB", 36, [(1, .sb)]),

        FeatureField(.idAA64MMFR0EL1, "ASIDBits", 4, [(2, .asid16)]),

        // HAFDBS 1 is the access flag alone.
        FeatureField(.idAA64MMFR1EL1, "HAFDBS", 0, [(2, .hafdbs)]),
        FeatureField(.idAA64MMFR1EL1, "HPDS", 12, [(1, .hpds)]),
        FeatureField(.idAA64MMFR1EL1, "LO", 16, [(1, .lor)]),
        FeatureField(.idAA64MMFR1EL1, "PAN", 20, [(1, .pan), (2, .pan2)]),

        FeatureField(.idAA64MMFR2EL1, "CnP", 0, [(1, .ttcnp)]),
        FeatureField(.idAA64MMFR2EL1, "UAO", 4, [(1, .uao)]),
        FeatureField(.idAA64MMFR2EL1, "IESB", 12, [(1, .iesb)]),
        FeatureField(.idAA64MMFR2EL1, "E0PD", 60, [(1, .e0pd)]),
    ]
}
