// From an instruction word to the row of the table that it matches.
//
// Responsible for: a search that is cheap enough for code that runs once. Two levels: bits 31:21 select a list of
// candidate rows; where that list is long (Advanced SIMD), bits 15:10 split it again. Within a list, rows that fix
// more bits come first, so that an alias-like special case wins over the general one.

/// Finds the encoding of instruction words. `CPUModel.decoder` is that of a model.
public struct Decoder: Sendable {
    /// A run of `candidates`.
    private struct Bucket {
        var start: UInt32
        var count: UInt16
        /// Index of 64 further buckets in `secondary`, or none.
        var secondary: UInt16
        static let none: UInt16 = .max
    }

    private struct Candidate {
        var mask: UInt32
        var value: UInt32
        var instruction: Instruction
    }

    private var primary: [Bucket] = []
    private var secondary: [Bucket] = []
    private var candidates: [Candidate] = []

    private static let primaryShift: UInt32 = 21
    private static let secondaryShift: UInt32 = 10
    private static let secondaryCount = 64
    /// Lists no longer than this are searched as they are.
    private static let shortList = 3

    /// Builds the search structure for `table`.
    public init(table: [Encoding]) {
        let rows = table.sorted { $0.mask.nonzeroBitCount > $1.mask.nonzeroBitCount }
        for key in 0..<UInt32(1 << (32 - Self.primaryShift)) {
            let keyMask = ~UInt32(0) << Self.primaryShift
            let matching = rows.filter { ($0.value ^ key << Self.primaryShift) & $0.mask & keyMask == 0 }
            guard matching.count > Self.shortList else {
                primary.append(bucket(of: matching))
                continue
            }
            let index = UInt16(secondary.count / Self.secondaryCount)
            let subMask = UInt32(Self.secondaryCount - 1) << Self.secondaryShift
            for subkey in 0..<UInt32(Self.secondaryCount) {
                secondary.append(
                    bucket(of: matching.filter { ($0.value ^ subkey << Self.secondaryShift) & $0.mask & subMask == 0 }))
            }
            primary.append(Bucket(start: 0, count: 0, secondary: index))
        }
    }

    private mutating func bucket(of rows: [Encoding]) -> Bucket {
        let start = UInt32(candidates.count)
        candidates += rows.map { Candidate(mask: $0.mask, value: $0.value, instruction: $0.instruction) }
        return Bucket(start: start, count: UInt16(rows.count), secondary: Bucket.none)
    }

    /// The instruction that `word` encodes, or nil if it is unallocated or not implemented.
    public func decode(_ word: UInt32) -> Instruction? {
        var bucket = primary[Int(word >> Self.primaryShift)]
        if bucket.secondary != Bucket.none {
            let subkey = Int(word >> Self.secondaryShift) & (Self.secondaryCount - 1)
            bucket = secondary[Int(bucket.secondary) * Self.secondaryCount + subkey]
        }
        for index in Int(bucket.start)..<Int(bucket.start) + Int(bucket.count) {
            let candidate = candidates[index]
            if word & candidate.mask == candidate.value { return candidate.instruction }
        }
        return nil
    }
}
