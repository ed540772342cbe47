// The fields of FPCR that the CPU models have: DDI 0487, FPCR.
//
// Responsible for: which bits there are, by features. What they do is said where floating point is executed.

/// Bits of FPCR, Floating-point Control Register.
enum FloatingPointControl {
    /// RMode, FZ, DN and AHP.
    static var always: UInt64 { 0x1F << 22 }
    /// FZ16: denormals of half precision become zero.
    static var fz16: UInt64 { 1 << 19 }

    /// All fields, with the features that they need.
    static let fields = [FeatureBits(always, needs: .fp), FeatureBits(fz16, needs: .fp16)]
}
