// What floating-point operations read from and write to the guest's control registers.
//
// Responsible for: the bits of FPCR and FPSR that there are (DDI 0487, C5.2.8 and C5.2.10; a CPU model may lack some),
// and a value that carries them through one operation. Not responsible for access to the registers by MRS and MSR.

/// The fields of FPCR.
public enum FPCR {
    /// FZ16: the same for half precision.
    public static let fz16: UInt32 = 1 << 19
    /// RMode, bits 23:22.
    public static let rMode: UInt32 = 3 << rModeShift
    /// FZ: denormal inputs and results of single and double precision become zero.
    public static let fz: UInt32 = 1 << 24
    /// DN: every NaN result is the default NaN.
    public static let dn: UInt32 = 1 << 25
    /// AHP: half precision is the alternative format, without infinities and NaNs.
    public static let ahp: UInt32 = 1 << 26

    static let rModeShift: UInt32 = 22
}

/// The cumulative floating-point exception bits of FPSR.
public enum FPSR {
    /// IOC: invalid operation.
    public static let ioc: UInt32 = 1 << 0
    /// DZC: division by zero.
    public static let dzc: UInt32 = 1 << 1
    /// OFC: overflow.
    public static let ofc: UInt32 = 1 << 2
    /// UFC: underflow.
    public static let ufc: UInt32 = 1 << 3
    /// IXC: inexact.
    public static let ixc: UInt32 = 1 << 4
    /// IDC: input denormal.
    public static let idc: UInt32 = 1 << 7
}

/// How a result is rounded; raw values 0 to 3 are those of FPCR.RMode.
public enum FloatRounding: UInt8, Sendable {
    case nearestEven
    case plusInfinity
    case minusInfinity
    case zero
    /// To nearest, ties away from zero: FCVTAS, FRINTA and the like.
    case nearestAway
    /// To odd: FCVTXN.
    case odd
    /// Whatever FPCR.RMode says when the operation is executed. Only in operations, never in arithmetic.
    case current
}

/// FPCR as it is, and FPSR as it becomes, during one operation.
@frozen
public struct FloatEnvironment: Sendable {
    public let fpcr: UInt32
    public var fpsr: UInt32

    @inline(__always)
    public init(fpcr: UInt32, fpsr: UInt32) {
        self.fpcr = fpcr
        self.fpsr = fpsr
    }

    @inline(__always)
    init(_ state: CPUState) {
        self.init(fpcr: state.fpcr, fpsr: state.fpsr)
    }

    /// Writes FPSR back, if it changed. It rarely does, and an unneeded store would hold up the next operation, which
    /// loads FPCR and FPSR together.
    @inline(__always)
    func store(to state: CPUState) {
        if state.fpsr != fpsr { state.fpsr = fpsr }
    }

    /// FPProcessException, for exceptions that are never trapped.
    @inline(__always)
    mutating func raise(_ exceptions: UInt32) {
        fpsr |= exceptions
    }

    /// Whether denormals become zero in a format with `control`.
    @inline(__always)
    func flushes(_ control: UInt32) -> Bool { fpcr & control != 0 }

    @inline(__always)
    var usesDefaultNaN: Bool { fpcr & FPCR.dn != 0 }

    @inline(__always)
    var usesAlternativeHalf: Bool { fpcr & FPCR.ahp != 0 }

    /// FPCR.RMode.
    @inline(__always)
    var rounding: FloatRounding {
        switch (fpcr & FPCR.rMode) >> FPCR.rModeShift {
        case 0: .nearestEven
        case 1: .plusInfinity
        case 2: .minusInfinity
        default: .zero
        }
    }

    /// `rounding`, where `current` stands for FPCR.RMode.
    @inline(__always)
    func resolve(_ rounding: FloatRounding) -> FloatRounding {
        rounding == .current ? self.rounding : rounding
    }
}
