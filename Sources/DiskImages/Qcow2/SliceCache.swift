// Parts of an image's tables in memory, as many as there is room for.
//
// Responsible for: finding them, and which of them were changed. Not responsible for reading and writing them, nor for
// the order in which that has to be done (`Qcow2Image`).

/// Slices of tables, by their place in the file.
struct SliceCache {
    struct Slice {
        var offset: UInt64
        var bytes: [UInt8]
        var isDirty = false
        /// Whether it was found since the hand was here.
        fileprivate var wasUsed = false
    }

    /// How many there are at most.
    let limit: Int
    private var slices: [Slice] = []
    private var positions: [UInt64: Int] = [:]
    /// Where the search for a place goes on: each slice that was used meanwhile is passed over once. To look for the
    /// one that was not used for longest among thousands took longer than to read one.
    private var hand = 0
    private(set) var dirtyCount = 0

    init(limit: Int) { self.limit = limit }

    /// Where the slice at `offset` of the file is; nil if it is not here.
    mutating func find(_ offset: UInt64) -> Int? {
        guard let position = positions[offset] else { return nil }
        slices[position].wasUsed = true
        return position
    }

    subscript(position: Int) -> Slice { slices[position] }

    /// Whether nothing can be added before something was written.
    var isStuck: Bool { slices.count >= limit && dirtyCount >= slices.count }

    /// Adds a slice, in the place of one that was not used for a while and is not changed.
    ///
    /// - Returns: where it is.
    mutating func insert(_ bytes: [UInt8], at offset: UInt64) -> Int {
        let slice = Slice(offset: offset, bytes: bytes)
        guard let victim = slices.count >= limit ? takeVictim() : nil else {
            slices.append(slice)
            positions[offset] = slices.count - 1
            return slices.count - 1
        }
        positions[slices[victim].offset] = nil
        slices[victim] = slice
        positions[offset] = victim
        return victim
    }

    /// A slice that is needed least; nil if all are changed.
    private mutating func takeVictim() -> Int? {
        guard dirtyCount < slices.count else { return nil }
        // Each is passed over once at most, so that one is found in the second round.
        while true {
            hand = hand + 1 < slices.count ? hand + 1 : 0
            if slices[hand].isDirty { continue }
            guard slices[hand].wasUsed else { return hand }
            slices[hand].wasUsed = false
        }
    }

    /// Changes a slice.
    mutating func change(_ position: Int, _ body: (inout [UInt8]) -> Void) {
        if !slices[position].isDirty { dirtyCount += 1 }
        slices[position].isDirty = true
        body(&slices[position].bytes)
    }

    /// Those that were changed, in the order of their places.
    var dirty: [Slice] { slices.filter(\.isDirty).sorted { $0.offset < $1.offset } }

    /// They are on stable storage.
    mutating func markClean() {
        for position in slices.indices { slices[position].isDirty = false }
        dirtyCount = 0
    }

    /// Forgets the slices in `range` of the file, which has become something else.
    mutating func forget(_ range: Range<UInt64>) {
        guard slices.contains(where: { range.contains($0.offset) }) else { return }
        slices.removeAll { range.contains($0.offset) }
        positions = Dictionary(uniqueKeysWithValues: slices.enumerated().map { ($1.offset, $0) })
        dirtyCount = slices.count(where: \.isDirty)
    }
}
