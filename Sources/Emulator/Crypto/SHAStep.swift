// The steps of SHA-1 and SHA-256 (FIPS 180-4, 4.1, 6.1.2 and 6.2.2) as Arm's instructions group them: four rounds, or
// four words of the schedule, in two parts. Element 0 of a vector is the first of a, b, c, d; e, f, g, h; W.

extension UInt32 {
    /// This word rotated left by `count`, 1 to 31.
    @inline(__always)
    func rotatedLeft(by count: UInt32) -> UInt32 { self &<< count | self &>> (32 &- count) }

    /// This word rotated right by `count`, 1 to 31.
    @inline(__always)
    func rotatedRight(by count: UInt32) -> UInt32 { self &>> count | self &<< (32 &- count) }
}

/// The functions of FIPS 180-4, 4.1.1 and 4.1.2, that both algorithms have.
enum SHA {
    /// Ch.
    @inline(__always)
    static func choose(_ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 { (y ^ z) & x ^ z }

    /// Parity.
    @inline(__always)
    static func parity(_ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 { x ^ y ^ z }

    /// Maj.
    @inline(__always)
    static func majority(_ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 { x & y | (x | y) & z }
}

/// Steps of SHA-1.
enum SHA1Step {
    /// SHA1C, SHA1P, SHA1M: four rounds on a, b, c, d in `abcd` and on `e`, with W + K in `schedule`.
    @inline(__always)
    static func hash(
        _ abcd: SIMD4<UInt32>, _ e: UInt32, _ schedule: SIMD4<UInt32>,
        _ function: (UInt32, UInt32, UInt32) -> UInt32
    ) -> SIMD4<UInt32> {
        var x = abcd
        var y = e
        for round in 0..<4 {
            let sum = y &+ x[0].rotatedLeft(by: 5) &+ function(x[1], x[2], x[3]) &+ schedule[round]
            y = x[3]
            x = SIMD4(sum, x[0], x[1].rotatedLeft(by: 30), x[2])
        }
        return x
    }

    /// SHA1SU0: the exclusive or of W[t-16], W[t-14] and W[t-8].
    static func schedule0(_ d: SIMD4<UInt32>, _ n: SIMD4<UInt32>, _ m: SIMD4<UInt32>) -> SIMD4<UInt32> {
        d ^ SIMD4(d[2], d[3], n[0], n[1]) ^ m
    }

    /// SHA1SU1: with W[t-3], rotated; the last word needs the first of this very step.
    static func schedule1(_ d: SIMD4<UInt32>, _ n: SIMD4<UInt32>) -> SIMD4<UInt32> {
        let sum = d ^ SIMD4(n[1], n[2], n[3], 0)
        return SIMD4(
            sum[0].rotatedLeft(by: 1), sum[1].rotatedLeft(by: 1), sum[2].rotatedLeft(by: 1),
            sum[3].rotatedLeft(by: 1) ^ sum[0].rotatedLeft(by: 2))
    }
}

/// Steps of SHA-256.
enum SHA256Step {
    /// SHA256H and SHA256H2: four rounds, with W + K in `schedule`; both halves of the new state.
    @inline(__always)
    static func hash(
        _ abcd: SIMD4<UInt32>, _ efgh: SIMD4<UInt32>, _ schedule: SIMD4<UInt32>
    ) -> (first: SIMD4<UInt32>, second: SIMD4<UInt32>) {
        var x = abcd
        var y = efgh
        for round in 0..<4 {
            let sum = y[3] &+ upperSigma1(y[0]) &+ SHA.choose(y[0], y[1], y[2]) &+ schedule[round]
            let e = x[3] &+ sum
            let a = sum &+ upperSigma0(x[0]) &+ SHA.majority(x[0], x[1], x[2])
            x = SIMD4(a, x[0], x[1], x[2])
            y = SIMD4(e, y[0], y[1], y[2])
        }
        return (x, y)
    }

    /// SHA256SU0: W[t-16] + σ0(W[t-15]).
    static func schedule0(_ d: SIMD4<UInt32>, _ n: SIMD4<UInt32>) -> SIMD4<UInt32> {
        d &+ SIMD4(lowerSigma0(d[1]), lowerSigma0(d[2]), lowerSigma0(d[3]), lowerSigma0(n[0]))
    }

    /// SHA256SU1: plus W[t-7] + σ1(W[t-2]); the last two words need the first two of this very step.
    static func schedule1(_ d: SIMD4<UInt32>, _ n: SIMD4<UInt32>, _ m: SIMD4<UInt32>) -> SIMD4<UInt32> {
        var result = d &+ SIMD4(n[1], n[2], n[3], m[0])
        result[0] &+= lowerSigma1(m[2])
        result[1] &+= lowerSigma1(m[3])
        result[2] &+= lowerSigma1(result[0])
        result[3] &+= lowerSigma1(result[1])
        return result
    }

    /// Σ0.
    @inline(__always)
    private static func upperSigma0(_ x: UInt32) -> UInt32 {
        x.rotatedRight(by: 2) ^ x.rotatedRight(by: 13) ^ x.rotatedRight(by: 22)
    }

    /// Σ1.
    @inline(__always)
    private static func upperSigma1(_ x: UInt32) -> UInt32 {
        x.rotatedRight(by: 6) ^ x.rotatedRight(by: 11) ^ x.rotatedRight(by: 25)
    }

    /// σ0.
    @inline(__always)
    private static func lowerSigma0(_ x: UInt32) -> UInt32 {
        x.rotatedRight(by: 7) ^ x.rotatedRight(by: 18) ^ x &>> 3
    }

    /// σ1.
    @inline(__always)
    private static func lowerSigma1(_ x: UInt32) -> UInt32 {
        x.rotatedRight(by: 17) ^ x.rotatedRight(by: 19) ^ x &>> 10
    }
}
