// Blocks of vector instructions on the translator, which keeps registers in those of the host, and does some
// instructions two at a time: against the standards' examples, and against one instruction after the other.

#if arch(x86_64)

import Arm64
import Hypervisor
import TestSupport
import Testing

@testable import Emulator

/// Words of the instructions that are tested, by DDI 0487, C7.2.
private enum Word {
    static func two(_ base: UInt32, _ d: UInt32, _ n: UInt32) -> UInt32 { base | n << 5 | d }
    static func three(_ base: UInt32, _ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { base | m << 16 | n << 5 | d }

    static func aese(_ d: UInt32, _ n: UInt32) -> UInt32 { two(0x4E28_4800, d, n) }
    static func aesd(_ d: UInt32, _ n: UInt32) -> UInt32 { two(0x4E28_5800, d, n) }
    static func aesmc(_ d: UInt32, _ n: UInt32) -> UInt32 { two(0x4E28_6800, d, n) }
    static func aesimc(_ d: UInt32, _ n: UInt32) -> UInt32 { two(0x4E28_7800, d, n) }
    static func sha1c(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x5E00_0000, d, n, m) }
    static func sha1p(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x5E00_1000, d, n, m) }
    static func sha1m(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x5E00_2000, d, n, m) }
    static func sha1su0(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x5E00_3000, d, n, m) }
    static func sha1h(_ d: UInt32, _ n: UInt32) -> UInt32 { two(0x5E28_0800, d, n) }
    static func sha1su1(_ d: UInt32, _ n: UInt32) -> UInt32 { two(0x5E28_1800, d, n) }
    static func sha256h(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x5E00_4000, d, n, m) }
    static func sha256h2(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x5E00_5000, d, n, m) }
    static func sha256su0(_ d: UInt32, _ n: UInt32) -> UInt32 { two(0x5E28_2800, d, n) }
    static func sha256su1(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x5E00_6000, d, n, m) }
    static func pmull(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x0EE0_E000, d, n, m) }
    static func pmull2(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x4EE0_E000, d, n, m) }
    /// MOV (vector), of 16 or 8 bytes.
    static func mov(_ d: UInt32, _ n: UInt32, half: Bool = false) -> UInt32 {
        three(half ? 0x0EA0_1C00 : 0x4EA0_1C00, d, n, n)
    }
    static func add(_ d: UInt32, _ n: UInt32, _ m: UInt32) -> UInt32 { three(0x4EA0_8400, d, n, m) }
    /// Of words, or halfwords.
    static func ushr(_ d: UInt32, _ n: UInt32, _ bits: UInt32, _ size: UInt32 = 32) -> UInt32 {
        two(0x6F00_0400 | (2 * size - bits) << 16, d, n)
    }
    static func shl(_ d: UInt32, _ n: UInt32, _ bits: UInt32, _ size: UInt32 = 32) -> UInt32 {
        two(0x4F00_5400 | (size + bits) << 16, d, n)
    }
    static func sli(_ d: UInt32, _ n: UInt32, _ bits: UInt32, _ size: UInt32 = 32) -> UInt32 {
        two(0x6F00_5400 | (size + bits) << 16, d, n)
    }
    static func sri(_ d: UInt32, _ n: UInt32, _ bits: UInt32, _ size: UInt32 = 32) -> UInt32 {
        two(0x6F00_4400 | (2 * size - bits) << 16, d, n)
    }
}

/// A machine that runs vector instructions in a loop, until blocks that follow each other are translated together.
private struct VectorMachine {
    private let machine: SystemMachine
    /// More than `Engine.auto` interprets.
    private static let rounds: UInt64 = 40

    init(_ features: HostFeatures) throws {
        machine = try SystemMachine(ramByteCount: 16 << 20, engine: .auto, hostFeatures: features)
        try machine.set(.cpacrEL1, 3 << 20)
        // Without tables all memory is a device's, and translated code leaves each access to the interpreter, and what is
        // behind it in the block.
        try machine.enableMMU(machine.makeTables())
    }

    /// All vector registers after `words`, from what they were before.
    func run(_ words: [UInt32], from vectors: [SIMD2<UInt64>]) throws -> [SIMD2<UInt64>] {
        let data = SystemMachine.Layout.data
        let results = data + 0x1000
        for (index, vector) in vectors.enumerated() {
            for half in 0..<2 { machine.memory.store(vector[half], at: data + UInt64(16 * index + 8 * half)) }
        }
        // LDP and STP of Q registers, at x0 and x1.
        func pairs(_ base: UInt32) -> [UInt32] {
            (0..<16).map { base | 2 * $0 << 15 | (2 * $0 + 1) << 10 | 2 * $0 }
        }
        let code = (pairs(0xAD40_0000) + words + pairs(0xAD00_0020)).map { A64.word($0) }
        let stop = try machine.run(
            code + [.sub(.x2, .x2, 1), .cbnz(.x2, -code.count - 1), .hvc(1)],
            [.x0: data, .x1: results, .x2: Self.rounds])
        #expect(stop == .call(1))
        return vectors.indices.map { index in
            let place = results + UInt64(16 * index)
            return SIMD2(machine.word(at: place), machine.word(at: place + 8))
        }
    }
}

/// Hosts: this one, and this one without what some of the instructions take.
private enum Host: String, CaseIterable {
    case whole, withoutAES, withoutSHA, withoutCarrylessProduct

    func features() throws -> HostFeatures {
        var features = try #require(HostFeatures.ofHost())
        switch self {
        case .whole: break
        case .withoutAES: features.hasAES = false
        case .withoutSHA: features.hasSHA = false
        case .withoutCarrylessProduct: features.hasCarrylessProduct = false
        }
        return features
    }
}

@Suite("Blocks of vector instructions, translated") struct TranslatedVectorTests {
    private static func vector(_ words: some Sequence<UInt32>) -> SIMD2<UInt64> {
        unsafeBitCast(SIMD4<UInt32>(Array(words)), to: SIMD2<UInt64>.self)
    }

    private static func vector(_ bytes: SIMD16<UInt8>) -> SIMD2<UInt64> {
        unsafeBitCast(bytes, to: SIMD2<UInt64>.self)
    }

    @Test("AES encrypts and decrypts the examples of FIPS 197", arguments: Host.allCases)
    private func aes(host: Host) throws {
        let machine = try VectorMachine(try host.features())
        for example in CryptographyAESTests.examples {
            let keys = try CryptographyAESTests().expandedKey(example.key).map { Self.vector($0) }
            let last = CryptographyAESTests.rounds
            // v0 is the block, v16 to v26 are the round keys; v1 decrypts what v0 becomes.
            var vectors = [SIMD2<UInt64>](repeating: SIMD2(), count: 32)
            vectors[0] = Self.vector(SIMD16<UInt8>(example.plain))
            vectors[1] = Self.vector(SIMD16<UInt8>(example.cipher))
            vectors.replaceSubrange(16...16 + last, with: keys)
            var words: [UInt32] = []
            for round in 0..<last {
                words.append(Word.aese(0, 16 + UInt32(round)))
                if round < last - 1 { words.append(Word.aesmc(0, 0)) }
            }
            for round in (1...last).reversed() {
                let key = 16 + UInt32(round)
                // The equivalent inverse cipher (FIPS 197, 5.3.5) wants the inner round keys mixed too.
                words += round < last ? [Word.aesimc(2, key), Word.aesd(1, 2)] : [Word.aesd(1, key)]
                if round > 1 { words.append(Word.aesimc(1, 1)) }
            }
            let result = try machine.run(words, from: vectors)
            #expect(result[0] ^ keys[last] == Self.vector(SIMD16<UInt8>(example.cipher)))
            #expect(result[1] ^ keys[0] == Self.vector(SIMD16<UInt8>(example.plain)))
        }
    }

    @Test("SHA-1 hashes the example of FIPS 180-4", arguments: [Host.whole, .withoutSHA])
    private func sha1(host: Host) throws {
        // v0 is a, b, c, d, v1 has e; v4 to v7 are the schedule, v16 to v19 the constants.
        let initial: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        var vectors = [SIMD2<UInt64>](repeating: SIMD2(), count: 32)
        vectors[0] = Self.vector(initial[0..<4])
        vectors[1] = Self.vector([initial[4], 0, 0, 0])
        for index in 0..<4 { vectors[4 + index] = Self.vector(CryptographySHATests.block[4 * index..<4 * index + 4]) }
        for (index, constant) in [0x5A82_7999, 0x6ED9_EBA1, 0x8F1B_BCDC, 0xCA62_C1D6].enumerated() {
            vectors[16 + index] = Self.vector(repeatElement(UInt32(constant), count: 4))
        }
        var words: [UInt32] = []
        for group in 0..<UInt32(20) {
            let w = (0..<UInt32(4)).map { 4 + ($0 + group) % 4 }
            words += [Word.add(2, w[0], 16 + group / 5), Word.mov(3, 0)]
            switch group / 5 {
            case 0: words.append(Word.sha1c(0, 1, 2))
            case 2: words.append(Word.sha1m(0, 1, 2))
            default: words.append(Word.sha1p(0, 1, 2))
            }
            words += [Word.sha1h(1, 3), Word.sha1su0(w[0], w[1], w[2]), Word.sha1su1(w[0], w[3])]
        }
        let result = try VectorMachine(try host.features()).run(words, from: vectors)
        let hash = unsafeBitCast(result[0], to: SIMD4<UInt32>.self) &+ SIMD4<UInt32>(initial[0..<4])
        #expect(hash == SIMD4<UInt32>(0xA999_3E36, 0x4706_816A, 0xBA3E_2571, 0x7850_C26C))
        let e = unsafeBitCast(result[1], to: SIMD4<UInt32>.self)
        #expect(e &+ SIMD4(initial[4], 0, 0, 0) == SIMD4(0x9CD0_D89D, 0, 0, 0))
    }

    @Test("SHA-256 hashes the example of FIPS 180-4", arguments: [Host.whole, .withoutSHA])
    private func sha256(host: Host) throws {
        // v0 is a, b, c, d, v1 is e, f, g, h; v4 to v7 are the schedule, v16 to v31 the constants.
        let initial = CryptographySHATests.rootFractions(count: 8, order: 2)
        let constants = CryptographySHATests.rootFractions(count: 64, order: 3)
        var vectors = [SIMD2<UInt64>](repeating: SIMD2(), count: 32)
        vectors[0] = Self.vector(initial[0..<4])
        vectors[1] = Self.vector(initial[4..<8])
        for index in 0..<4 { vectors[4 + index] = Self.vector(CryptographySHATests.block[4 * index..<4 * index + 4]) }
        for index in 0..<16 { vectors[16 + index] = Self.vector(constants[4 * index..<4 * index + 4]) }
        var words: [UInt32] = []
        for group in 0..<UInt32(16) {
            let w = (0..<UInt32(4)).map { 4 + ($0 + group) % 4 }
            words += [Word.add(2, w[0], 16 + group), Word.mov(3, 0), Word.sha256su0(w[0], w[1])]
            words += [Word.sha256h(0, 1, 2), Word.sha256h2(1, 3, 2), Word.sha256su1(w[0], w[2], w[3])]
        }
        let result = try VectorMachine(try host.features()).run(words, from: vectors)
        #expect(
            unsafeBitCast(result[0], to: SIMD4<UInt32>.self) &+ SIMD4<UInt32>(initial[0..<4])
                == SIMD4<UInt32>(0xBA78_16BF, 0x8F01_CFEA, 0x4141_40DE, 0x5DAE_2223))
        #expect(
            unsafeBitCast(result[1], to: SIMD4<UInt32>.self) &+ SIMD4<UInt32>(initial[4..<8])
                == SIMD4<UInt32>(0xB003_61A3, 0x9617_7A9C, 0xB410_FF61, 0xF200_15AD))
    }

    /// Some instructions, often those that the translator does together, in the way that it can and in others. Mostly of
    /// few registers, so that operands are often the same; now and then of more than the host has.
    private static func draw(_ random: inout SeededGenerator) -> [UInt32] {
        let count = random.oneIn(3) ? 24 : 5
        func register() -> UInt32 { UInt32(random.below(count)) }
        let (a, b, c, d) = (register(), register(), register(), register())
        /// A register that ought to be `usual`, and now and then is another.
        func mostly(_ usual: UInt32) -> UInt32 { random.oneIn(6) ? register() : usual }
        /// Nothing, or something that may be in between.
        func between() -> [UInt32] {
            random.oneIn(4) ? [random.oneIn(2) ? Word.add(register(), register(), register()) : 0xD503_201F] : []
        }
        switch random.below(20) {
        case 0, 1: return [Word.aese(a, b)] + between() + [Word.aesmc(mostly(a), mostly(a))]
        case 2, 3: return [Word.aesd(a, b)] + between() + [Word.aesimc(mostly(a), mostly(a))]
        case 4: return [Word.aese(a, b), Word.aesimc(a, a), Word.aesd(c, d), Word.aesmc(c, c)]
        case 5: return [Word.aesmc(a, b), Word.aesimc(c, d)]
        case 6: return [Word.pmull(a, b, c), Word.pmull2(c, d, a)]
        case 7: return [Word.sha1c(a, b, c), Word.sha1p(b, c, d), Word.sha1m(c, d, a)]
        case 8: return [Word.sha1h(a, b), Word.sha1su0(b, c, d), Word.sha1su1(c, d)]
        case 9: return [Word.sha256su0(a, b), Word.sha256su1(b, c, d)]
        case 10: return [Word.sha256h(a, b, c), Word.sha256h2(b, c, d)]
        case 11...14:
            // Rounds behind each other, where the one half has a copy or the other.
            let (first, second) = random.oneIn(2) ? (a, d) : (d, a)
            var words: [UInt32] = []
            for _ in 0...random.below(3) {
                words.append(Word.mov(d, mostly(a), half: random.oneIn(8)))
                words += between()
                words.append(Word.sha256h(first, b, c))
                words += between()
                words.append(Word.sha256h2(mostly(b), mostly(second), mostly(c)))
                if random.oneIn(3) { words.append(Word.mov(a, d)) }
            }
            return words
        case 15:
            let functions = [Word.sha1c, Word.sha1p, Word.sha1m]
            var words: [UInt32] = []
            for _ in 0...random.below(3) {
                words += between()
                if random.oneIn(3) { words.append(Word.mov(b, a)) }
                words.append(functions[random.below(3)](mostly(a), mostly(b), mostly(c)))
            }
            return words
        default:
            // Rotations, and what only looks like one.
            let size: UInt32 = random.oneIn(4) ? 16 : 32
            let bits = UInt32(random.below(Int(size)))
            let other = random.oneIn(3) ? UInt32(random.below(Int(size))) : size - bits
            if random.oneIn(3) {
                return [Word.shl(a, b, other % size, size)] + between() + [Word.sri(mostly(a), b, max(bits, 1), size)]
            }
            return [Word.ushr(a, b, max(other, 1), size)] + between()
                + [Word.sli(mostly(a), b, bits, random.oneIn(6) ? 48 - size : size)]
        }
    }

    /// FMUL, FMLA or FMLS, mostly by an element, of four singles or two doubles.
    private static func drawProduct(_ random: inout SeededGenerator) -> UInt32 {
        let registers = UInt32(random.below(32)) << 16 | UInt32(random.below(32)) << 5 | UInt32(random.below(32))
        let isDouble = random.oneIn(2)
        let size: UInt32 = isDouble ? 1 << 22 : 0
        guard random.oneIn(4) else {
            // FMUL, FMLA, FMLS by element: H, and L, which doubles do not have.
            let base: [UInt32] = [0x4F80_9000, 0x4F80_1000, 0x4F80_5000]
            let element = UInt32(random.below(2)) << 11 | (isDouble ? 0 : UInt32(random.below(2)) << 21)
            return base[random.below(3)] | registers | size | element
        }
        let base: [UInt32] = [0x6E20_DC00, 0x4E20_CC00, 0x4EA0_CC00]
        return base[random.below(3)] | registers | size
    }

    /// Mostly numbers of ordinary size, and now and then one of those that the host's arithmetic does not do for.
    private static func drawFloats(_ random: inout SeededGenerator, isDouble: Bool) -> SIMD2<UInt64> {
        func single() -> UInt64 {
            let special: [UInt32] = [
                0, 0x8000_0000, 1, 0x007F_FFFF, 0x0080_0000, 0x0100_0000, 0x7F7F_FFFF, 0x7F80_0000, 0xFF80_0000,
                0x7FC0_0000, 0x7F80_0001, 0x7F00_0000,
            ]
            guard random.oneIn(40) else { return UInt64(Float.random(in: -8...8, using: &random).bitPattern) }
            return UInt64(special[random.below(special.count)])
        }
        func double() -> UInt64 {
            let special: [UInt64] = [
                0, 1 << 63, 1, (1 << 52) - 1, 1 << 52, 1 << 53, 0x7FEF_FFFF_FFFF_FFFF, 0x7FF0 << 48, 0xFFF0 << 48,
                0x7FF8 << 48, 0x7FF0 << 48 | 1, 0x7FE0 << 48,
            ]
            guard random.oneIn(40) else { return Double.random(in: -8...8, using: &random).bitPattern }
            return special[random.below(special.count)]
        }
        if isDouble { return SIMD2(double(), double()) }
        return SIMD2(single() | single() << 32, single() | single() << 32)
    }

    @Test("Products and sums of floating point, by element too, are what one instruction after the other makes")
    private func products() throws {
        let machine = try VectorMachine(try Host.whole.features())
        let reference = VectorTestCPU()
        var random = SeededGenerator(seed: 0xF31A)
        for _ in 0..<200 {
            let words = (0..<12).map { _ in Self.drawProduct(&random) }
            let isDouble = random.oneIn(2)
            let before = (0..<32).map { _ in Self.drawFloats(&random, isDouble: isDouble) }
            for (index, vector) in before.enumerated() { reference.setVector(UInt8(index), vector) }
            for word in words { try reference.run("\(word)", word) }
            let after = try machine.run(words, from: before)
            let expected = (0..<32).map { reference.vector($0, as: SIMD2<UInt64>.self) }
            guard after == expected else {
                let code = words.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")
                Issue.record("from \(before): \(code)")
                return
            }
        }
    }

    @Test("What instructions come to does not depend on which others are around them", arguments: Host.allCases)
    private func neighbours(host: Host) throws {
        let machine = try VectorMachine(try host.features())
        let reference = VectorTestCPU()
        var random = SeededGenerator(seed: 0xAE5)
        for _ in 0..<400 {
            var words: [UInt32] = []
            while words.count < 64 { words += Self.draw(&random) }
            let before = (0..<32).map { _ in SIMD2<UInt64>(random.next(), random.next()) }
            for (index, vector) in before.enumerated() { reference.setVector(UInt8(index), vector) }
            for word in words where word != 0xD503_201F { try reference.run("\(word)", word) }
            let after = try machine.run(words, from: before)
            let expected = (0..<32).map { reference.vector($0, as: SIMD2<UInt64>.self) }
            guard after == expected else {
                let code = words.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")
                Issue.record("from \(before): \(code)")
                return
            }
        }
    }
}

#endif
