// The bits of a control register that a CPU model has.
//
// Responsible for: how they follow from features. Which bits there are is said beside each register: `SCTLR`, `TCR`,
// `PSTATE`, `CPACR`, `FloatingPointControl`.

/// Bits of a control register that exist with a feature.
public struct FeatureBits: Sendable {
    public let bits: UInt64
    /// nil for bits that every CPU has.
    public let feature: CPUFeature?
    /// Whether they read as one without the feature (RES1), rather than as zero (RES0).
    public let areOnesWithout: Bool

    public init(_ bits: UInt64, needs feature: CPUFeature? = nil, onesWithout: Bool = false) {
        self.bits = bits
        self.feature = feature
        areOnesWithout = onesWithout
    }
}

/// The bits of a control register that a CPU model has.
public struct ControlBits: Equatable, Sendable {
    /// Bits that hold what is written.
    public let writable: UInt64
    /// Bits that are one whatever is written. All others are zero.
    public let ones: UInt64

    init(_ fields: [FeatureBits], ones: UInt64 = 0, with features: Set<CPUFeature>) {
        var (writable, ones) = (UInt64(0), ones)
        for field in fields {
            if field.feature.map(features.contains) ?? true {
                writable |= field.bits
            } else if field.areOnesWithout {
                ones |= field.bits
            }
        }
        self.writable = writable
        self.ones = ones & ~writable
    }

    /// What the register means after `value` is written to it.
    @inlinable
    public func effective(_ value: UInt64) -> UInt64 { value & writable | ones }
}
