// The features of the architecture that a CPU model may have or lack, by Arm's names.
//
// Responsible for: the names, and which feature needs which other. What a feature consists of is said where the parts
// are: rows of `EncodingTable`, `FeatureField` for ID registers, `SystemRegister.features`,
// `SystemInstruction.features` and the fields of `SCTLR`, `TCR`, `PSTATE` and `CPACR`. Not here: what every A64 CPU
// has, and sizes (addresses, granules, caches), which are data of a model. Follows DDI 0487, chapter A2.

/// A feature of the architecture.
public struct CPUFeature: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Arm's name: FEAT_LSE.
    public let name: String

    public init(_ name: String) { self.name = name }

    public var description: String { name }

    /// The canonical order: by name.
    public static func < (a: Self, b: Self) -> Bool { a.name < b.name }

    // MARK: Instructions

    /// Floating point. Comes with `advSIMD` only.
    public static let fp = CPUFeature("FEAT_FP")
    /// Advanced SIMD. Comes with `fp` only.
    public static let advSIMD = CPUFeature("FEAT_AdvSIMD")
    public static let crc32 = CPUFeature("FEAT_CRC32")
    public static let aes = CPUFeature("FEAT_AES")
    /// PMULL and PMULL2 of doublewords.
    public static let pmull = CPUFeature("FEAT_PMULL")
    public static let sha1 = CPUFeature("FEAT_SHA1")
    public static let sha256 = CPUFeature("FEAT_SHA256")
    /// Arithmetic in half precision, and FPCR.FZ16.
    public static let fp16 = CPUFeature("FEAT_FP16")
    /// Atomics.
    public static let lse = CPUFeature("FEAT_LSE")
    /// SQRDMLAH and SQRDMLSH.
    public static let rdm = CPUFeature("FEAT_RDM")
    /// SDOT and UDOT.
    public static let dotProd = CPUFeature("FEAT_DotProd")
    /// LDAPR.
    public static let lrcpc = CPUFeature("FEAT_LRCPC")
    /// LDAPUR and STLUR.
    public static let lrcpc2 = CPUFeature("FEAT_LRCPC2")
    /// CFINV, RMIF, SETF8 and SETF16.
    public static let flagM = CPUFeature("FEAT_FlagM")
    /// SB.
    public static let sb = CPUFeature("FEAT_SB")
    /// Limited ordering regions. LDLAR and STLLR are all that is implemented, so a model cannot advertise it.
    public static let lor = CPUFeature("FEAT_LOR")

    // MARK: System registers and instructions

    /// RNDR and RNDRRS.
    public static let rng = CPUFeature("FEAT_RNG")
    /// PSTATE.PAN and SCTLR_EL1.SPAN.
    public static let pan = CPUFeature("FEAT_PAN")
    /// AT S1E1RP and AT S1E1WP.
    public static let pan2 = CPUFeature("FEAT_PAN2")
    /// PSTATE.UAO.
    public static let uao = CPUFeature("FEAT_UAO")
    /// PSTATE.SSBS and SCTLR_EL1.DSSBS.
    public static let ssbs = CPUFeature("FEAT_SSBS")
    /// MRS and MSR of SSBS.
    public static let ssbs2 = CPUFeature("FEAT_SSBS2")
    /// ESB and DISR_EL1, without error records: no error is ever deferred here.
    public static let ras = CPUFeature("FEAT_RAS")
    /// SCTLR_EL1.IESB.
    public static let iesb = CPUFeature("FEAT_IESB")
    /// DC CVAP.
    public static let dpb = CPUFeature("FEAT_DPB")
    /// TLBI in the Outer Shareable domain.
    public static let tlbios = CPUFeature("FEAT_TLBIOS")
    /// TLBI by range.
    public static let tlbirange = CPUFeature("FEAT_TLBIRANGE")
    /// The CPU interface's system registers.
    public static let gicv3 = CPUFeature("FEAT_GICv3")

    // MARK: Translation

    /// Access flag and dirty state by hardware: TCR_EL1.HA and HD.
    public static let hafdbs = CPUFeature("FEAT_HAFDBS")
    /// ASIDs of 16 bits: TCR_EL1.AS.
    public static let asid16 = CPUFeature("FEAT_ASID16")
    /// TCR_EL1.HPD0 and HPD1: attributes of tables do not restrict what is below.
    public static let hpds = CPUFeature("FEAT_HPDS")
    /// TCR_EL1.E0PD0 and E0PD1: EL0 finds nothing in a half, at once. Spares Linux page tables of their own for EL0.
    public static let e0pd = CPUFeature("FEAT_E0PD")
    /// TTBR0_EL1.CnP and TTBR1_EL1.CnP, which change nothing: no CPU uses another one's translations.
    public static let ttcnp = CPUFeature("FEAT_TTCNP")

    // MARK: Promises

    /// Branches are not predicted by what another context did.
    public static let csv2 = CPUFeature("FEAT_CSV2")
    /// Data that is not to be had is not speculated with.
    public static let csv3 = CPUFeature("FEAT_CSV3")
}

// MARK: What needs what

extension CPUFeature {
    /// The features that a feature cannot be without.
    private static let prerequisites: [CPUFeature: Set<CPUFeature>] = [
        .fp: [.advSIMD],
        .advSIMD: [.fp],
        .fp16: [.fp],
        .aes: [.advSIMD],
        .pmull: [.aes],
        .sha1: [.advSIMD, .sha256],
        .sha256: [.sha1],
        .rdm: [.advSIMD],
        .dotProd: [.advSIMD],
        .lrcpc2: [.lrcpc],
        .pan2: [.pan],
        .ssbs2: [.ssbs],
        .iesb: [.ras],
        .e0pd: [.csv3],
        .tlbirange: [.tlbios],
    ]

    /// `features` with all that they cannot be without.
    static func closure(of features: Set<CPUFeature>) -> Set<CPUFeature> {
        var closure = features
        var rest = Array(features)
        while let feature = rest.popLast() {
            for needed in prerequisites[feature, default: []] where closure.insert(needed).inserted {
                rest.append(needed)
            }
        }
        return closure
    }

    /// `features` without `removed`, and without all that cannot be without those.
    static func removing(_ removed: Set<CPUFeature>, from features: Set<CPUFeature>) -> Set<CPUFeature> {
        features.filter { closure(of: [$0]).isDisjoint(with: removed) }
    }
}
