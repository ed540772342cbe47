// What an embedder's floating-point modes are to guest code: nothing.

import Glibc
import Testing

@Suite("The host's floating-point modes", .everyEngine)
struct HostFloatModesTests {
    /// FDIV of d1 by d2, often enough to be translated; the quotient's bits in x0.
    private static let divide: [A64] = [
        .movz(.x3, 2000),
        .word(0x9E67_0001),  // FMOV D1, X0
        .word(0x9E67_0022),  // FMOV D2, X1
        .word(0x1E62_1820),  // FDIV D0, D1, D2
        .word(0xF100_0463),  // SUBS X3, X3, #1
        .word(0x54FF_FFC1),  // B.NE to the FDIV
        .word(0x9E66_0000),  // FMOV X0, D0
        .hvc(1),
    ]

    private func quotient(_ first: Double, _ second: Double) throws -> UInt64 {
        let machine = try SystemMachine()
        try machine.set(.cpacrEL1, 3 << 20)
        let stop = try machine.run(Self.divide, [.x0: first.bitPattern, .x1: second.bitPattern])
        #expect(stop == .call(1))
        return machine.x(0)
    }

    @Test(
        "Guest code rounds to nearest and keeps denormals whatever its thread's modes are, and leaves them as they were"
    )
    func modes() throws {
        #if arch(x86_64)
        var own = fenv_t()
        fegetenv(&own)
        defer { fesetenv(&own) }
        var environment = own
        // Flush to zero, denormals are zeros, round up.
        environment.__mxcsr = own.__mxcsr | 1 << 15 | 1 << 6 | 2 << 13
        let changed = environment.__mxcsr
        fesetenv(&environment)
        // IEEE 754, to nearest: 1/3 is 0x1.5555555555555p-2, and half of the least normal number a denormal.
        let third = try quotient(1, 3)
        let denormal = try quotient(.leastNormalMagnitude, 2)
        fegetenv(&environment)
        #expect(environment.__mxcsr & ~0x3F == changed & ~0x3F)
        fesetenv(&own)
        #expect(third == 0x3FD5_5555_5555_5555)
        #expect(denormal == 0x0008_0000_0000_0000)
        #endif
    }
}
