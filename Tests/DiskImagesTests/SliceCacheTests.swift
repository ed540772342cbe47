// Which slices of tables stay in memory.

import Testing

@testable import DiskImages

@Suite("Slices of an image's tables")
struct SliceCacheTests {
    @Test("However many come, there are not more than the limit, and those that are changed or always used stay")
    func limit() {
        var cache = SliceCache(limit: 8)
        for offset in 0..<8 as Range<UInt64> { _ = cache.insert([UInt8(offset)], at: offset) }
        if let changed = cache.find(3) { cache.change(changed) { $0[0] = 33 } }
        for offset in 8..<1000 as Range<UInt64> {
            #expect(cache.find(5) != nil)
            #expect(!cache.isStuck)
            let position = cache.insert([UInt8(truncatingIfNeeded: offset)], at: offset)
            #expect(cache[position].offset == offset)
        }
        let kept = (0..<1000 as Range<UInt64>).filter { cache.find($0) != nil }
        #expect(kept.count == 8 && kept.contains(3) && kept.contains(5) && kept.contains(999))
        #expect(cache.find(3).map { cache[$0].bytes } == [33])
        #expect(cache.find(999).map { cache[$0].bytes } == [UInt8(truncatingIfNeeded: 999)])
    }

    @Test("Only when all are changed is there no place, until they are written")
    func stuck() {
        var cache = SliceCache(limit: 4)
        for offset in 0..<4 as Range<UInt64> {
            #expect(!cache.isStuck)
            cache.change(cache.insert([0], at: offset)) { $0[0] = 1 }
        }
        #expect(cache.isStuck && cache.dirty.map(\.offset) == [0, 1, 2, 3])
        cache.markClean()
        #expect(!cache.isStuck)
        _ = cache.insert([0], at: 9)
        #expect((0..<4 as Range<UInt64>).count(where: { cache.find($0) != nil }) == 3)
        // What a place of the file has become is looked for anew.
        cache.forget(0..<4)
        #expect((0..<10 as Range<UInt64>).filter { cache.find($0) != nil } == [9])
        for offset in 10..<20 as Range<UInt64> { _ = cache.insert([0], at: offset) }
        #expect((0..<20 as Range<UInt64>).count(where: { cache.find($0) != nil }) == 4)
    }
}
