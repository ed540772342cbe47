// The floating-point modes of the thread that runs guest code: rounding, denormals, traps.
//
// Responsible for: that they are IEEE 754's defaults while guest code is executed, which `HostFloat` and translated
// code rely on, and that whoever embeds a CPU has its own ones before and after. Not responsible for the guest's FPCR.
//
// Intel SDM volume 1, §10.2.3 (MXCSR); DDI 0487, FPCR, for arm64 hosts.

import Glibc

enum HostFloatModes {
    #if arch(x86_64)
    /// Flush to zero, rounding control, the masks of all exceptions, and denormals are zeros.
    private static let modes: UInt32 = 0xFFC0
    /// All exceptions masked, and nothing else: round to nearest, keep denormals.
    private static let defaults: UInt32 = 0x1F80
    #else
    /// AHP, DN, FZ, RMode, FZ16 and the traps' enables.
    private static let modes: UInt32 = 0x07FF_9F00
    private static let defaults: UInt32 = 0
    #endif

    /// Runs `body` with the defaults, and gives the thread its own modes back.
    @inline(__always)
    static func withDefaults<Result>(_ body: () -> Result) -> Result {
        var own = fenv_t()
        fegetenv(&own)
        guard _slowPath(own.modes & modes != defaults) else { return body() }
        var environment = own
        environment.modes = own.modes & ~modes | defaults
        fesetenv(&environment)
        defer { fesetenv(&own) }
        return body()
    }
}

extension fenv_t {
    /// The register that has the modes: MXCSR or FPCR.
    #if arch(x86_64)
    fileprivate var modes: UInt32 {
        get { __mxcsr }
        set { __mxcsr = newValue }
    }
    #else
    fileprivate var modes: UInt32 {
        get { __fpcr }
        set { __fpcr = newValue }
    }
    #endif
}
