// The cryptographic instructions, put together to the algorithms they were made for and held against the standards'
// examples.

import Arm64
import Testing

@testable import Emulator

@Suite("Cryptography: AES")
struct CryptographyAESTests {
    let cpu = VectorTestCPU()
    static let rounds = 10

    /// FIPS 197, 5.2, for 128-bit keys. SubWord is AESE of a vector whose four columns are equal: ShiftRows then moves
    /// nothing that differs.
    func expandedKey(_ key: [UInt8]) throws -> [SIMD16<UInt8>] {
        let first = unsafeBitCast(SIMD16<UInt8>(key), to: SIMD4<UInt32>.self)
        var words: [UInt32] = [first[0], first[1], first[2], first[3]]
        var constant: UInt32 = 1
        while words.count < 4 * (Self.rounds + 1) {
            var word = words[words.count - 1]
            if words.count % 4 == 0 {
                cpu.setVector(0, SIMD4<UInt32>(repeating: word >> 8 | word << 24))
                cpu.setVector(1, SIMD4<UInt32>())
                try cpu.run("AESE V0.16B, V1.16B", 0x4E28_4820)
                word = cpu.vector(0, as: SIMD4<UInt32>.self)[0] ^ constant
                constant = constant << 1 ^ (constant & 0x80 == 0 ? 0 : 0x11B)
            }
            words.append(words[words.count - 4] ^ word)
        }
        return (0...Self.rounds).map { round in
            let key = SIMD4<UInt32>(words[4 * round..<4 * round + 4])
            return unsafeBitCast(key, to: SIMD16<UInt8>.self)
        }
    }

    /// The examples of FIPS 197, appendixes B and C.1: key, plain text, cipher text.
    static let examples: [(key: [UInt8], plain: [UInt8], cipher: [UInt8])] = [
        (
            [0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6, 0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C],
            [0x32, 0x43, 0xF6, 0xA8, 0x88, 0x5A, 0x30, 0x8D, 0x31, 0x31, 0x98, 0xA2, 0xE0, 0x37, 0x07, 0x34],
            [0x39, 0x25, 0x84, 0x1D, 0x02, 0xDC, 0x09, 0xFB, 0xDC, 0x11, 0x85, 0x97, 0x19, 0x6A, 0x0B, 0x32]
        ),
        (
            Array(0...15), (0...15).map { $0 * 0x11 },
            [0x69, 0xC4, 0xE0, 0xD8, 0x6A, 0x7B, 0x04, 0x30, 0xD8, 0xCD, 0xB7, 0x80, 0x70, 0xB4, 0xC5, 0x5A]
        ),
    ]

    @Test("AESE and AESMC encrypt the examples of FIPS 197", arguments: examples)
    func encrypts(example: (key: [UInt8], plain: [UInt8], cipher: [UInt8])) throws {
        let keys = try expandedKey(example.key)
        cpu.setVector(0, SIMD16<UInt8>(example.plain))
        for round in 0..<Self.rounds {
            cpu.setVector(1, keys[round])
            try cpu.run("AESE V0.16B, V1.16B", 0x4E28_4820)
            if round < Self.rounds - 1 { try cpu.run("AESMC V0.16B, V0.16B", 0x4E28_6800) }
        }
        #expect(cpu.vector(0) ^ keys[Self.rounds] == SIMD16<UInt8>(example.cipher))
    }

    @Test("AESD and AESIMC decrypt the examples of FIPS 197", arguments: examples)
    func decrypts(example: (key: [UInt8], plain: [UInt8], cipher: [UInt8])) throws {
        let keys = try expandedKey(example.key)
        cpu.setVector(0, SIMD16<UInt8>(example.cipher))
        for round in (1...Self.rounds).reversed() {
            // The equivalent inverse cipher (FIPS 197, 5.3.5) wants the inner round keys mixed too.
            cpu.setVector(1, keys[round])
            if round < Self.rounds { try cpu.run("AESIMC V1.16B, V1.16B", 0x4E28_7821) }
            try cpu.run("AESD V0.16B, V1.16B", 0x4E28_5820)
            if round > 1 { try cpu.run("AESIMC V0.16B, V0.16B", 0x4E28_7800) }
        }
        #expect(cpu.vector(0) ^ keys[0] == SIMD16<UInt8>(example.plain))
    }
}

@Suite("Cryptography: SHA")
struct CryptographySHATests {
    let cpu = VectorTestCPU()

    /// "abc", padded to one block (FIPS 180-4, 5.1.1), as big-endian words.
    static let block: [UInt32] = [0x6162_6380] + Array(repeating: 0, count: 14) + [24]

    private func setBlock(into registers: UInt8) {
        for index in 0..<4 {
            let words = Self.block[4 * index..<4 * index + 4]
            cpu.setVector(registers + UInt8(index), SIMD4<UInt32>(words))
        }
    }

    @Test("The SHA-1 instructions hash the example of FIPS 180-4")
    func sha1() throws {
        // V0 is a, b, c, d; V1 has e; V4–V7 are the schedule; V2 the schedule plus the round's constant.
        let initial = SIMD4<UInt32>(0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476)
        let initialE: UInt32 = 0xC3D2_E1F0
        let constants: [UInt32] = [0x5A82_7999, 0x6ED9_EBA1, 0x8F1B_BCDC, 0xCA62_C1D6]
        cpu.setVector(0, initial)
        cpu.setVector(1, SIMD4<UInt32>(initialE, 0, 0, 0))
        setBlock(into: 4)
        for group in 0..<20 {
            cpu.setVector(2, cpu.vector(4) &+ SIMD4<UInt32>(repeating: constants[group / 5]))
            cpu.setVector(3, cpu.vector(0, as: SIMD4<UInt32>.self))
            switch group / 5 {
            case 0: try cpu.run("SHA1C Q0, S1, V2.4S", 0x5E02_0020)
            case 2: try cpu.run("SHA1M Q0, S1, V2.4S", 0x5E02_2020)
            default: try cpu.run("SHA1P Q0, S1, V2.4S", 0x5E02_1020)
            }
            try cpu.run("SHA1H S1, S3", 0x5E28_0861)
            // The next four words of the schedule, and the window one on.
            try cpu.run("SHA1SU0 V4.4S, V5.4S, V6.4S", 0x5E06_30A4)
            try cpu.run("SHA1SU1 V4.4S, V7.4S", 0x5E28_18E4)
            let next: SIMD4<UInt32> = cpu.vector(4)
            for register in UInt8(4)..<7 { cpu.setVector(register, cpu.vector(register + 1, as: SIMD4<UInt32>.self)) }
            cpu.setVector(7, next)
        }
        #expect(
            cpu.vector(0) &+ initial == SIMD4<UInt32>(0xA999_3E36, 0x4706_816A, 0xBA3E_2571, 0x7850_C26C))
        #expect(cpu.vector(1, as: SIMD4<UInt32>.self)[0] &+ initialE == 0x9CD0_D89D)
    }

    /// The first 32 bits of the fractional parts of the roots of order `order` of the first `count` primes: what FIPS
    /// 180-4 (4.2.2 and 5.3.3) defines SHA-256's constants to be.
    static func rootFractions(count: Int, order: Int) -> [UInt32] {
        let primes = (2...).lazy.filter { number in !(2..<number).contains { number % $0 == 0 } }.prefix(count)
        return primes.map { prime in
            // The greatest integer whose power is at most prime × 2^(32 × order), bit by bit from the top.
            var root: UInt64 = 0
            for bit in (0..<36).reversed() {
                let candidate = root | 1 << UInt64(bit)
                if isPower(of: candidate, order, atMost: UInt64(prime)) { root = candidate }
            }
            return UInt32(truncatingIfNeeded: root)
        }
    }

    /// Whether number^order ≤ limit × 2^(32 × order).
    private static func isPower(of number: UInt64, _ order: Int, atMost limit: UInt64) -> Bool {
        var power: UInt128 = 1
        for _ in 0..<order { power *= UInt128(number) }
        return power <= UInt128(limit) << UInt128(32 * order)
    }

    @Test("The SHA-256 instructions hash the example of FIPS 180-4")
    func sha256() throws {
        // V0 is a, b, c, d; V1 is e, f, g, h; V4–V7 are the schedule; V2 the schedule plus the round's constants.
        let initial = Self.rootFractions(count: 8, order: 2)
        let constants = Self.rootFractions(count: 64, order: 3)
        cpu.setVector(0, SIMD4<UInt32>(initial[0..<4]))
        cpu.setVector(1, SIMD4<UInt32>(initial[4..<8]))
        setBlock(into: 4)
        for group in 0..<16 {
            cpu.setVector(2, cpu.vector(4) &+ SIMD4<UInt32>(constants[4 * group..<4 * group + 4]))
            cpu.setVector(3, cpu.vector(0, as: SIMD4<UInt32>.self))
            try cpu.run("SHA256H Q0, Q1, V2.4S", 0x5E02_4020)
            try cpu.run("SHA256H2 Q1, Q3, V2.4S", 0x5E02_5061)
            try cpu.run("SHA256SU0 V4.4S, V5.4S", 0x5E28_28A4)
            try cpu.run("SHA256SU1 V4.4S, V6.4S, V7.4S", 0x5E07_60C4)
            let next: SIMD4<UInt32> = cpu.vector(4)
            for register in UInt8(4)..<7 { cpu.setVector(register, cpu.vector(register + 1, as: SIMD4<UInt32>.self)) }
            cpu.setVector(7, next)
        }
        #expect(
            cpu.vector(0) &+ SIMD4<UInt32>(initial[0..<4])
                == SIMD4<UInt32>(0xBA78_16BF, 0x8F01_CFEA, 0x4141_40DE, 0x5DAE_2223))
        #expect(
            cpu.vector(1) &+ SIMD4<UInt32>(initial[4..<8])
                == SIMD4<UInt32>(0xB003_61A3, 0x9617_7A9C, 0xB410_FF61, 0xF200_15AD))
    }
}

@Suite("Cryptography: PMULL")
struct CryptographyPMULLTests {
    @Test("PMULL and PMULL2 of doublewords give the products of the published carry-less multiplication example")
    func products() throws {
        // Gueron and Kounavis, "Intel Carry-Less Multiplication Instruction and its Usage for Computing the GCM Mode".
        let cpu = VectorTestCPU()
        cpu.setVector(1, SIMD2<UInt64>(0x6374_6F72_5D53_475D, 0x7B5B_5465_7374_5665))
        cpu.setVector(2, SIMD2<UInt64>(0x5B47_7565_726F_6E5D, 0x4869_2853_6861_7929))
        try cpu.run("PMULL V0.1Q, V1.1D, V2.1D", 0x0EE2_E020)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x9296_33D5_D36F_0451, 0x1D4D_84C8_5C34_40C0))
        try cpu.run("PMULL2 V0.1Q, V1.2D, V2.2D", 0x4EE2_E020)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0xD66E_E03E_410F_D4ED, 0x1D1E_1F2C_592E_7C45))
    }
}
