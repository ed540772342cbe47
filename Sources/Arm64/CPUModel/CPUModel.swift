// CPU models: a set of features, and what follows from it.
//
// Responsible for: what a core decodes, which system registers and instructions it has, which bits its control
// registers have, and what its identification registers say. Which features a model has is in a file per model; what a
// feature consists of, in `FeatureTables`. Not responsible for who may read what: at EL0 only CTR_EL0 and DCZID_EL0 are
// not undefined. Follows DDI 0487, sections D17.1.1 (the ID space) and D19.2 (the registers).

/// A CPU model.
///
/// It is a contract: a hibernated guest must find every value and every instruction again, and no others, so a released
/// model never changes. An ID register advertises exactly what is implemented.
public struct CPUModel: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// How people and records call it.
    public let name: String
    /// Whether it is promised to stay. One in preparation may be another one with the next version.
    public let isReleased: Bool
    public var description: String { name }
    public var debugDescription: String { name }
    /// What it has beyond what every A64 CPU has.
    public let features: Set<CPUFeature>
    /// Those of `features` that its ID registers do not tell of. Empty, but for a model that was released so.
    public let unadvertised: Set<CPUFeature>
    /// The fields of the identification registers that are not zero, by register.
    public let fields: [SystemRegister: [IDField]]
    /// The caches that CCSIDR_EL1 describes, by the value of CSSELR_EL1.
    public let caches: [UInt64: Cache]
    /// The bits of SCTLR_EL1, TCR_EL1, PSTATE (as SPSR_EL1 holds it), CPACR_EL1 and FPCR that it has.
    public let sctlr: ControlBits
    public let tcr: ControlBits
    public let pstate: ControlBits
    public let cpacr: ControlBits
    public let fpcr: ControlBits
    /// Registers with a name here that it lacks.
    private let lackingRegisters: Set<SystemRegister>
    private let lackingInstructions: Set<SystemInstruction>
    private let instructionSet: InstructionSet
    private let values: [SystemRegister: UInt64]
    /// The fields that do not follow from features.
    let sizes: [SystemRegister: [IDField]]
    let tables: FeatureTables
    /// Cores that share Aff1. A GICv3 SGI reaches all of up to 16 with one target list.
    public var coresPerCluster = 16

    /// - Parameters:
    ///   - isReleased: whether it is promised to stay.
    ///   - features: with what they need, whether it is named or not.
    ///   - sizes: fields of ID registers that do not follow from features.
    ///   - tables: what there is to have.
    init(
        name: String, isReleased: Bool = false, features: Set<CPUFeature>, unadvertised: Set<CPUFeature> = [],
        sizes: [SystemRegister: [IDField]], caches: [UInt64: Cache], tables: FeatureTables = FeatureTables()
    ) {
        let features = CPUFeature.closure(of: features)
        self.name = name
        self.isReleased = isReleased
        self.features = features
        self.unadvertised = unadvertised.intersection(features)
        self.sizes = sizes
        self.caches = caches
        self.tables = tables
        let advertised = features.subtracting(unadvertised)
        var fields = sizes
        for field in tables.fields {
            let value = field.value(with: advertised)
            if value != 0 { fields[field.register, default: []].append(IDField(field.name, field.lsb, value)) }
        }
        self.fields = fields
        values = fields.mapValues { $0.reduce(0) { $0 | $1.value << $1.lsb } }
        sctlr = ControlBits(tables.sctlr, ones: SCTLR.res1, with: features)
        tcr = ControlBits(tables.tcr, with: features)
        pstate = ControlBits(tables.pstate, with: features)
        cpacr = ControlBits(tables.cpacr, with: features)
        fpcr = ControlBits(tables.fpcr, with: features)
        lackingRegisters = Set(tables.registers.filter { !features.contains($0.value) }.keys)
        lackingInstructions = Set(tables.instructions.filter { !features.contains($0.value) }.keys)
        instructionSet = InstructionSet(
            tables.encodings.filter { $0.feature.map(features.contains) ?? true })
    }

    /// A model of another name that has more features, or lacks some. What those need comes with them, and what needs
    /// those goes.
    public func with(
        name: String, adding added: Set<CPUFeature> = [], removing removed: Set<CPUFeature> = []
    ) -> CPUModel {
        var model = CPUModel(
            name: name, features: CPUFeature.removing(removed, from: features.union(added)), unadvertised: unadvertised,
            sizes: sizes, caches: caches, tables: tables)
        model.coresPerCluster = coresPerCluster
        return model
    }

    /// Every model there is.
    public static let all: [CPUModel] = [.dormouse1, .dormouse2]

    /// The model that is called `name`; nil if there is none.
    public static func named(_ name: String) -> CPUModel? { all.first { $0.name == name } }

    /// Finds the instructions of this model. One for all copies of a model, made when it is first asked for.
    public var decoder: Decoder { instructionSet.decoder }

    /// The names of `features`, in their canonical order: the instruction set as a record keeps it.
    public var featureNames: [String] { features.sorted().map(\.name) }

    /// Whether `register` belongs to a feature that this model lacks, so that it is undefined.
    public func lacks(_ register: SystemRegister) -> Bool { lackingRegisters.contains(register) }

    /// Whether this model has a system instruction; all others are undefined.
    public func has(_ instruction: SystemInstruction) -> Bool {
        SystemInstruction.names[instruction] != nil && !lackingInstructions.contains(instruction)
    }

    /// One field of an identification register.
    public struct IDField: Hashable, Sendable {
        /// Arm's name.
        public let name: String
        /// The number of its lowest bit.
        public let lsb: UInt64
        /// Its value, which is not zero.
        public let value: UInt64

        init(_ name: String, _ lsb: UInt64, _ value: UInt64) {
            self.name = name
            self.lsb = lsb
            self.value = value
        }
    }

    /// One cache, as CCSIDR_EL1 in its 32-bit format (no FEAT_CCIDX) describes it.
    public struct Cache: Hashable, Sendable {
        /// Log2 of the line's bytes.
        public let lineShift: UInt64
        /// Ways.
        public let associativity: UInt64
        public let sets: UInt64

        /// LineSize in 2:0, Associativity in 12:3, NumSets in 27:13.
        var ccsidr: UInt64 { (lineShift - 4) | (associativity - 1) << 3 | (sets - 1) << 13 }
    }

    /// The value of an identification register on core `cpu`, counted from 0; nil if `register` is none.
    ///
    /// All of the ID space is defined: what a model does not set, AArch32 registers among it, reads as zero.
    /// CCSIDR_EL1 depends on CSSELR_EL1: see `cacheSize`.
    public func value(of register: SystemRegister, cpu: Int) -> UInt64? {
        register == .mpidrEL1 ? multiprocessorAffinity(cpu: cpu) : value(of: register)
    }

    /// The value of an identification register that is the same on every core; nil if `register` is none.
    public func value(of register: SystemRegister) -> UInt64? {
        switch register {
        case .mpidrEL1: nil
        case .midrEL1, .ctrEL0, .dczidEL0, .clidrEL1: values[register, default: 0]
        case .revidrEL1, .aidrEL1: 0
        default: register.isInIDSpace ? values[register, default: 0] : nil
        }
    }

    /// CCSIDR_EL1 when CSSELR_EL1 is `selection`; zero for a cache that does not exist.
    public func cacheSize(selection: UInt64) -> UInt64 {
        caches[selection & Self.cacheSelectionMask]?.ccsidr ?? 0
    }

    /// The bits of CSSELR_EL1 that can be written: Level in 3:1 and InD in 0.
    public static let cacheSelectionMask: UInt64 = 0xF

    /// MPIDR_EL1 of core `cpu`: Aff0 is the core in its cluster, Aff1 the cluster; bit 31 is RES1; U and MT are zero.
    public func multiprocessorAffinity(cpu: Int) -> UInt64 {
        let coresPerCluster = max(1, coresPerCluster)
        let aff0 = UInt64(truncatingIfNeeded: cpu % coresPerCluster)
        let aff1 = UInt64(truncatingIfNeeded: cpu / coresPerCluster)
        return 1 << 31 | (aff1 & 0xFF) << 8 | aff0 & 0xFF
    }

    /// The physical address size in bits, from ID_AA64MMFR0_EL1.PARange.
    public var physicalAddressBits: UInt64 {
        switch values[.idAA64MMFR0EL1, default: 0] & 0xF {
        case 0: 32
        case 1: 36
        case 2: 40
        case 3: 42
        case 4: 44
        default: 48
        }
    }

    /// Breakpoint and watchpoint register pairs, from ID_AA64DFR0_EL1.BRPs and WRPs.
    public var debugRegisterPairs: (breakpoints: Int, watchpoints: Int) {
        let features = values[.idAA64DFR0EL1, default: 0]
        return (Int(features >> 12 & 0xF) + 1, Int(features >> 20 & 0xF) + 1)
    }
}
