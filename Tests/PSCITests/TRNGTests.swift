import PSCI
import Testing

@Suite("The TRNG firmware interface")
struct TRNGTests {
    private static let ones: [UInt64] = [~0, ~0, ~0]

    @Test("The version is 1.0")
    func version() {
        #expect(firmware().call(0x8400_0050).registers.x0 == 0x0001_0000)
    }

    @Test("TRNG_FEATURES knows its own functions only")
    func features() {
        for id: UInt64 in [0x8400_0050, 0x8400_0051, 0x8400_0052, 0x8400_0053, 0xC400_0053] {
            #expect(firmware().call(0x8400_0051, id).registers.x0 == 0)
        }
        for id: UInt64 in [0, 0x8400_0000, 0x8000_0000, 0xC400_0050, 0x8400_0054] {
            #expect(firmware().call(0x8400_0051, id).registers.x0 == w0(-1))
        }
    }

    @Test("The UUID is 47acb59e-4d6c-4b7c-9a3e-6f0c2ad1e85b, for ever")
    func uuid() {
        let registers = firmware().call(0x8400_0052).registers
        let bytes = [registers.x0, registers.x1, registers.x2, registers.x3].flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
        #expect(
            bytes == [
                0x47, 0xAC, 0xB5, 0x9E, 0x4D, 0x6C, 0x4B, 0x7C, 0x9A, 0x3E, 0x6F, 0x0C, 0x2A, 0xD1, 0xE8, 0x5B,
            ])
        #expect(
            registers.x0 >> 32 == 0 && registers.x1 >> 32 == 0 && registers.x2 >> 32 == 0 && registers.x3 >> 32 == 0)
    }

    @Test(
        "TRNG_RND64 fills x3 first, and leaves bits that were not asked for zero",
        arguments: [
            (1, [0, 0, 1]), (32, [0, 0, 0xFFFF_FFFF]), (63, [0, 0, UInt64.max >> 1]), (64, [0, 0, .max]),
            (65, [0, 1, .max]), (128, [0, .max, .max]), (129, [1, .max, .max]), (191, [UInt64.max >> 1, .max, .max]),
            (192, [.max, .max, .max]),
        ] as [(UInt64, [UInt64])])
    func rnd64(bits: UInt64, expected: [UInt64]) {
        let registers = firmware(on: TestMachine(entropy: Self.ones)).call(0xC400_0053, bits, ~0, ~0).registers
        #expect(registers.x0 == 0)
        #expect([registers.x1, registers.x2, registers.x3] == expected)
    }

    @Test(
        "TRNG_RND32 returns 32 bits a register",
        arguments: [
            (1, [0, 0, 1]), (31, [0, 0, 0x7FFF_FFFF]), (32, [0, 0, 0xFFFF_FFFF]), (33, [0, 1, 0xFFFF_FFFF]),
            (64, [0, 0xFFFF_FFFF, 0xFFFF_FFFF]), (65, [1, 0xFFFF_FFFF, 0xFFFF_FFFF]),
            (96, [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF]),
        ] as [(UInt64, [UInt64])])
    func rnd32(bits: UInt64, expected: [UInt64]) {
        let registers = firmware(on: TestMachine(entropy: Self.ones)).call(0x8400_0053, bits, ~0, ~0).registers
        #expect(registers.x0 == 0)
        #expect([registers.x1, registers.x2, registers.x3] == expected)
    }

    @Test("No bits, or more than three registers hold, are invalid parameters")
    func invalidCounts() {
        for bits: UInt64 in [0, 193, 0xFFFF_FFFF, 1 << 32, .max] {
            #expect(firmware(on: TestMachine(entropy: Self.ones)).call(0xC400_0053, bits).registers.x0 == x0(-2))
        }
        for bits: UInt64 in [0, 97, 192, 0xFFFF_FFFF, 1 << 32] {
            #expect(firmware(on: TestMachine(entropy: Self.ones)).call(0x8400_0053, bits).registers.x0 == w0(-2))
        }
    }

    @Test("Without enough entropy the call says so, and gives none away")
    func noEntropy() {
        let registers = firmware(on: TestMachine(entropy: [~0, ~0])).call(0xC400_0053, 192).registers
        #expect(registers == CallRegisters(x0: x0(-3)))
    }

    @Test("A policy without TRNG has none of it")
    func hidden() {
        let policy = Policy.test(optional: .possible(in: .v1_3).subtracting(.trng))
        let firmware = Firmware(policy: policy, platform: TestMachine(entropy: Self.ones))
        for id: UInt32 in [0x8400_0050, 0x8400_0051, 0x8400_0052, 0x8400_0053] {
            #expect(firmware.call(id, 32).registers.x0 == w0(-1))
        }
        #expect(firmware.call(0xC400_0053, 32).registers.x0 == x0(-1))
    }
}
