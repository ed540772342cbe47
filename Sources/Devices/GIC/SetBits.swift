// The positions of the ones in a word, lowest first: how the GIC walks its bitmaps.

/// The indices of the bits that are set in an integer, in ascending order.
struct SetBits<Word: FixedWidthInteger & UnsignedInteger>: Sequence, IteratorProtocol {
    private var rest: Word

    init(_ word: Word) {
        rest = word
    }

    mutating func next() -> Int? {
        guard rest != 0 else { return nil }
        defer { rest &= rest &- 1 }
        return rest.trailingZeroBitCount
    }
}
