// The process state, in the layout of SPSR_EL1.
//
// Responsible for: the fields that CPU models have, what an exception makes of them and what an exception return
// takes back. Not responsible for the debug architecture's say in PSTATE.SS. Follows DDI 0487, sections D1.4 (process
// state), D1.3.4 (illegal exception returns) and SPSR_EL1. DIT, TCO, BTYPE and all of AArch32 do not exist here: their
// bits read as zero.

/// PSTATE as SPSR_EL1 holds it.
public struct PSTATE: RawRepresentable, Hashable, Sendable {
    public private(set) var rawValue: UInt64

    /// Bits of fields that do not exist are cleared.
    public init(rawValue: UInt64) { self.rawValue = rawValue & Self.implemented }

    @inlinable public static var n: UInt64 { 1 << 31 }
    @inlinable public static var z: UInt64 { 1 << 30 }
    @inlinable public static var c: UInt64 { 1 << 29 }
    @inlinable public static var v: UInt64 { 1 << 28 }
    @inlinable public static var nzcv: UInt64 { n | z | c | v }
    /// User access override: LDTR and STTR of EL1 are as LDR and STR.
    @inlinable public static var uao: UInt64 { 1 << 23 }
    /// Privileged access never.
    @inlinable public static var pan: UInt64 { 1 << 22 }
    /// Software step.
    @inlinable public static var ss: UInt64 { 1 << 21 }
    /// Illegal execution state.
    @inlinable public static var il: UInt64 { 1 << 20 }
    /// Speculative store bypass safe: nothing here depends on it.
    @inlinable public static var ssbs: UInt64 { 1 << 12 }
    /// Debug exceptions masked.
    @inlinable public static var d: UInt64 { 1 << 9 }
    /// SError masked.
    @inlinable public static var a: UInt64 { 1 << 8 }
    /// IRQ masked.
    @inlinable public static var i: UInt64 { 1 << 7 }
    /// FIQ masked.
    @inlinable public static var f: UInt64 { 1 << 6 }
    @inlinable public static var daif: UInt64 { d | a | i | f }
    /// M[4:0], the mode.
    @inlinable public static var modeMask: UInt64 { 0x1F }
    /// Every field that some CPU model has.
    @inlinable public static var implemented: UInt64 { nzcv | uao | pan | ss | il | ssbs | daif | modeMask }
    /// All fields, with the features that they need.
    static let fields = [
        FeatureBits(nzcv | ss | il | daif | modeMask),
        FeatureBits(pan, needs: .pan),
        FeatureBits(uao, needs: .uao),
        FeatureBits(ssbs, needs: .ssbs),
    ]

    /// The exception level and stack pointer in use: M[4:0].
    public enum Mode: UInt64, Sendable {
        /// EL0, with SP_EL0.
        case el0t = 0b00000
        /// EL1, with SP_EL0.
        case el1t = 0b00100
        /// EL1, with SP_EL1.
        case el1h = 0b00101

        /// 0 or 1.
        public var exceptionLevel: UInt8 { self == .el0t ? 0 : 1 }
        /// PSTATE.SP: whether SP is SP_EL1 rather than SP_EL0.
        public var usesOwnStackPointer: Bool { self == .el1h }
    }

    /// Reset at EL1: EL1h, D, A, I and F masked.
    public static let reset = PSTATE(rawValue: daif | Mode.el1h.rawValue)

    /// Nil when M[4:0] names AArch32, EL2, EL3 or a reserved mode, which are all illegal to return to.
    public var mode: Mode? {
        get { Mode(rawValue: rawValue & Self.modeMask) }
        set {
            guard let newValue else { return }
            rawValue = rawValue & ~Self.modeMask | newValue.rawValue
        }
    }

    /// Whether all bits of `field` are set.
    public func contains(_ field: UInt64) -> Bool { rawValue & field == field }

    /// Sets or clears all bits of `field`; bits that do not exist stay zero.
    public mutating func set(_ field: UInt64, to value: Bool = true) {
        rawValue = value ? rawValue | field & Self.implemented : rawValue & ~field
    }
}

// Exceptions and returns.
extension PSTATE {
    /// What an exception taken to EL1 makes of this state; this state itself is what SPSR_EL1 then holds.
    ///
    /// - Parameters:
    ///   - span: SCTLR_EL1.SPAN; when clear, PAN is set.
    ///   - ssbs: SCTLR_EL1.DSSBS: what SSBS becomes.
    @inlinable
    public func takingException(span: Bool, ssbs: Bool = false) -> PSTATE {
        let kept = rawValue & ~(Self.ss | Self.il | Self.uao | Self.ssbs | Self.modeMask)
        let set = Self.daif | (ssbs ? Self.ssbs : 0) | (span ? 0 : Self.pan)
        return PSTATE(rawValue: kept | set | Mode.el1h.rawValue)
    }

    /// What ERET at EL1 makes of this state when SPSR_EL1 is `spsr`, of which only fields that the CPU model has count.
    ///
    /// A return to a mode that does not exist here is illegal: the mode stays and IL is set. SS is as in `spsr`; it
    /// stays so only where the debug architecture says that the next instruction is stepped.
    public func returning(spsr: UInt64) -> PSTATE {
        var state = PSTATE(rawValue: spsr)
        if state.mode == nil {
            state.mode = mode
            state.set(Self.il)
        }
        return state
    }
}
