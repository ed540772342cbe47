// The soft-float library against the host's arithmetic, which is an independent implementation of IEEE 754: for numbers
// and rounding to nearest, both must agree bit for bit. And the fast path against the soft-float library, FPSR
// included.

import Testing

@testable import Emulator

@Suite("Soft float and the host")
struct SoftFloatTests {
    /// A generator with a fixed seed: a failure can be repeated.
    struct Generator: RandomNumberGenerator {
        var state: UInt64 = 0x5EED
        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }

        /// A number in the middle of the range, or at random, or a special one.
        mutating func number<Format: FloatFormat>(_: Format.Type) -> UInt64 {
            let bits = next() & (Format.signBit | Format.magnitudeMask)
            let fraction = bits & Format.fractionMask
            let short = fraction & ~(Format.fractionMask >> 8)
            switch next() % 8 {
            case 0: return bits
            case 1: return bits & (Format.signBit | Format.fractionMask)
            case 2: return Format.sign(bits & Format.signBit != 0)
            case 3: return Format.infinity(false) | (next() & 1 == 0 ? 0 : fraction)
            case 4: return Format.power(Int(next() % 8) - 4) | short
            case 5: return Format.power(Int(next() % 8) - 4, negative: true) | short
            default: return Format.power(Int(next() % 128) - 64) | fraction
            }
        }
    }

    static let rounds = 4000

    private func compare<Format: HostFloatFormat>(_: Format.Type) {
        typealias Soft = SoftFloat<Format>
        var generator = Generator()
        for _ in 0..<Self.rounds {
            let a = generator.number(Format.self)
            let b = generator.number(Format.self)
            let c = generator.number(Format.self)
            let (x, y, z) = (Format.host(a), Format.host(b), Format.host(c))
            var environment = FloatEnvironment(fpcr: 0, fpsr: 0)
            func check(_ result: UInt64, _ expected: Format.Host, _ what: String) {
                let isSame = expected.isNaN ? Format.host(result).isNaN : result == Format.bits(expected)
                #expect(isSame, "\(what) of \(x), \(y), \(z)")
            }
            check(Soft.add(a, b, &environment), x + y, "sum")
            check(Soft.subtract(a, b, &environment), x - y, "difference")
            check(Soft.multiply(a, b, &environment), x * y, "product")
            check(Soft.divide(a, b, &environment), x / y, "quotient")
            check(Soft.squareRoot(a, &environment), x.squareRoot(), "root")
            check(Soft.multiplyAdd(a, b, c, &environment), x.addingProduct(y, z), "fused")
            check(
                Soft.roundToIntegral(a, .nearestEven, isExact: false, &environment), x.rounded(.toNearestOrEven),
                "integral value")
            let ordering: FloatOrdering = x < y ? .less : x > y ? .greater : x == y ? .equal : .unordered
            #expect(Soft.compare(a, b, signalsQuietNaNs: false, &environment) == ordering)
        }
    }

    @Test("Double precision is what the host computes")
    func double() { compare(DoubleFormat.self) }

    @Test("Single precision is what the host computes")
    func single() { compare(SingleFormat.self) }

    private func compareFastPath<Format: HostFloatFormat>(_: Format.Type) {
        var generator = Generator()
        for _ in 0..<Self.rounds {
            let a = generator.number(Format.self)
            let b = generator.number(Format.self)
            let c = generator.number(Format.self)
            let fpcr = generator.next() & 1 == 0 ? 0 : UInt32(truncatingIfNeeded: generator.next()) & 0x07C0_0000
            let fpsr = generator.next() & 1 == 0 ? 0 : FPSR.ixc
            func check(
                _ what: String, _ fast: (inout FloatEnvironment) -> UInt64, _ slow: (inout FloatEnvironment) -> UInt64
            ) {
                var ours = FloatEnvironment(fpcr: fpcr, fpsr: fpsr)
                var reference = ours
                let result = fast(&ours)
                #expect(result == slow(&reference), "\(what) of \(a), \(b), \(c) with FPCR \(fpcr)")
                #expect(ours.fpsr == reference.fpsr, "FPSR after \(what) of \(a), \(b), \(c) with FPCR \(fpcr)")
            }
            typealias Host = HostFloat<Format>
            typealias Soft = SoftFloat<Format>
            check("sum", { Host.add(a, b, &$0) }, { Soft.add(a, b, &$0) })
            check("difference", { Host.subtract(a, b, &$0) }, { Soft.subtract(a, b, &$0) })
            check("product", { Host.multiply(a, b, &$0) }, { Soft.multiply(a, b, &$0) })
            check("quotient", { Host.divide(a, b, &$0) }, { Soft.divide(a, b, &$0) })
            check("root", { Host.squareRoot(a, &$0) }, { Soft.squareRoot(a, &$0) })
            check("fused", { Host.multiplyAdd(a, b, c, &$0) }, { Soft.multiplyAdd(a, b, c, &$0) })
            check("maximum", { Host.maximum(a, b, &$0) }, { Soft.maximum(a, b, &$0) })
            check("minimum number", { Host.minimumNumber(a, b, &$0) }, { Soft.minimumNumber(a, b, &$0) })
            for (isSigned, bitCount) in [(false, 32), (false, 64), (true, 32), (true, 64)] {
                let format = FixedPointFormat(isSigned: isSigned, bitCount: bitCount, fractionBits: 0)
                check(
                    "truncation", { Host.truncate(a, isSigned: isSigned, bitCount: bitCount, &$0) },
                    { Soft.toFixed(a, format, .zero, &$0) })
                check(
                    "conversion", { Host.convert(a, isSigned: isSigned, bitCount: bitCount, &$0) },
                    { Soft.fromFixed(a, format, &$0) })
            }
        }
    }

    @Test("The host's answers in double precision are the pseudocode's, FPSR included")
    func fastDouble() { compareFastPath(DoubleFormat.self) }

    @Test("The host's answers in single precision are the pseudocode's, FPSR included")
    func fastSingle() { compareFastPath(SingleFormat.self) }

    @Test("Conversions between precisions by the host are the pseudocode's, FPSR included")
    func fastConversions() {
        var generator = Generator()
        for _ in 0..<Self.rounds {
            let double = generator.number(DoubleFormat.self)
            let single = generator.number(SingleFormat.self)
            for fpcr in [0, FPCR.fz, FPCR.dn, Control.towardsPlusInfinity] {
                var ours = FloatEnvironment(fpcr: fpcr, fpsr: 0)
                var reference = ours
                #expect(
                    HostFloat<DoubleFormat>.narrow(double, &ours)
                        == SoftFloat<DoubleFormat>.convert(double, to: SingleFormat.self, .current, &reference))
                #expect(
                    HostFloat<SingleFormat>.widen(single, &ours)
                        == SoftFloat<SingleFormat>.convert(single, to: DoubleFormat.self, .current, &reference))
                #expect(ours.fpsr == reference.fpsr)
            }
        }
    }
}
