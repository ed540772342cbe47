// What a laboratory's disk holds of a guest that never flushes: no more than a cache has room for.

import Testing

@testable import Devices

@Suite("The volatile cache of a disk in the laboratory")
struct WriteCacheTests {
    private static let limit = 64 << 10

    private func write(_ sector: UInt64, _ byte: UInt8, sectors: Int = 1) -> DiskWrite {
        DiskWrite(sector: sector, bytes: [UInt8](repeating: byte, count: sectors * 512))
    }

    @Test(
        "However much a guest writes without a flush, the cache holds no more than its limit; the oldest leave in order"
    )
    func bound() {
        var cache = WriteCache(byteLimit: Self.limit)
        var left: [DiskWrite] = []
        for number in 0..<10_000 { left += cache.append(write(UInt64(number), UInt8(number & 0xFF))) }
        #expect(cache.writes.count <= Self.limit / 512)
        #expect(!cache.isEmpty)
        #expect((left + cache.writes).map(\.sector) == (0..<10_000).map { UInt64($0) })
    }

    @Test("Writes of nothing do not fill memory either, nor does one that is larger than the cache")
    func extremes() {
        var cache = WriteCache(byteLimit: Self.limit)
        for _ in 0..<10_000 { _ = cache.append(DiskWrite(sector: 0, bytes: [])) }
        #expect(cache.writes.count <= Self.limit / 64)
        cache.removeAll()
        let large = write(7, 1, sectors: Self.limit / 512 + 1)
        #expect(cache.append(large) == [large])
        #expect(cache.isEmpty)
        #expect(cache.sector(7) == nil)
    }

    @Test("Zeros that have no bytes fill the cache by their number, and are found; the newest counts")
    func zeroes() {
        var cache = WriteCache(byteLimit: Self.limit)
        #expect(cache.append(write(3, 5, sectors: 2)) == [])
        #expect(cache.append(DiskWrite(sector: 2, zeroedSectorCount: 2)) == [])
        #expect(cache.append(write(2, 6)) == [])
        #expect(
            (1..<6).map { cache.sector($0).map { [$0.count, Int($0.first ?? 9)] } } == [
                nil, [512, 6], [512, 0], [512, 5], nil,
            ])
        var left: [DiskWrite] = []
        for number in 0..<1000 { left += cache.append(DiskWrite(sector: UInt64(number), zeroedSectorCount: 100)) }
        #expect(cache.writes.count < Self.limit / 64 / 100 + 1)
        #expect(left.count + cache.writes.count == 1003)
    }

    @Test("A range of sectors is cut into writes that the log takes")
    func pieces() {
        let limit = UInt64(DiskWrite.maximumZeroedSectorCount)
        let writes = DiskWrite.zeroes(5..<2 * limit + 6)
        #expect(writes.map(\.sector) == [5, 5 + limit, 5 + 2 * limit])
        #expect(writes.map(\.sectorCount) == [Int(limit), Int(limit), 1])
        #expect(writes.prefix(sectors: Int(limit) + 3).map(\.sectorCount) == [Int(limit), 3, 0])
        #expect(DiskWrite.zeroes(7..<7) == [])
    }

    @Test("What is still in the cache is found, and what left is the medium's")
    func reading() {
        var cache = WriteCache(byteLimit: 4 * (512 + 64))
        // The fifth makes the oldest leave until half is free.
        var left: [DiskWrite] = []
        for number in 0..<5 { left += cache.append(write(UInt64(number % 3), UInt8(number))) }
        #expect(left.map { $0.bytes[0] } == [0, 1, 2])
        #expect((0..<3).map { cache.sector($0)?.first } == [3, 4, nil])
    }

    @Test("A power cut that is constructed from a log leaves what left the cache on the medium, too")
    func constructedCut() {
        // A quarter of the limit each: the fifth makes three leave.
        let quarter = UnflushedWrites.byteLimit / 4 / 512
        let entries = (0..<5).map { DiskLog.Entry.write(disk: 0, write(UInt64($0), UInt8($0), sectors: quarter)) }
        let cut = PowerCut(position: 5, unflushed: .lose)
        let contents = DiskLog(entries: entries).contents(after: cut, diskCount: 1)
        #expect(contents[0].map(\.sector) == [0, 1, 2])
    }
}
