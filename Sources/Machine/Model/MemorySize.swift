// A size of memory as people write it.

/// How much memory a machine has, as an option says it: `512` or `512M` for MiB, `2G` for GiB.
public struct MemorySize: Sendable, Hashable {
    public var byteCount: UInt64

    public init(byteCount: UInt64) {
        self.byteCount = byteCount
    }

    /// Shifts by the suffixes that are understood, in lower case.
    private static let units: [String: UInt64] = ["": 20, "m": 20, "mib": 20, "g": 30, "gib": 30]

    /// Nil if `text` is no size: a number without a sign, a fraction or a space, then possibly a unit.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = UInt64(digits), let shift = Self.units[text.dropFirst(digits.count).lowercased()] else {
            return nil
        }
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        self.byteCount = byteCount
    }
}
