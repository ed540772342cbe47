// Nanoseconds and ticks of a counter.

/// How fast a counter counts.
public struct CounterRate: Sendable, Hashable {
    /// In Hz; not zero.
    public let frequency: UInt64

    private static let nanosecondsPerSecond: UInt64 = 1_000_000_000

    /// - Precondition: `frequency` is not zero.
    public init(frequency: UInt64) {
        precondition(frequency > 0, "a counter counts")
        self.frequency = frequency
    }

    /// Whole ticks in a time; the low 64 bits.
    public func ticks(inNanoseconds nanoseconds: UInt64) -> UInt64 {
        Self.scale(nanoseconds, by: frequency, over: Self.nanosecondsPerSecond).quotient
    }

    /// How long so many ticks take, rounded up to nanoseconds: not before that the counter has counted them. `.max` if
    /// 64 bits do not hold it.
    public func nanoseconds(forTicks ticks: UInt64) -> UInt64 {
        let (quotient, hasRest, overflows) = Self.scale(ticks, by: Self.nanosecondsPerSecond, over: frequency)
        guard !overflows else { return .max }
        return hasRest && quotient < .max ? quotient + 1 : quotient
    }

    private static func scale(
        _ value: UInt64, by factor: UInt64, over divisor: UInt64
    ) -> (quotient: UInt64, hasRest: Bool, overflows: Bool) {
        // Most models count nanoseconds.
        guard factor != divisor else { return (value, false, false) }
        let product = value.multipliedFullWidth(by: factor)
        // The high word's own multiple of the divisor goes into bits that 64 do not hold.
        let (result, rest) = divisor.dividingFullWidth((product.high % divisor, product.low))
        return (result, rest != 0, product.high >= divisor)
    }
}

extension GuestClock {
    /// How fast it counts.
    public var rate: CounterRate { CounterRate(frequency: frequency) }
}
