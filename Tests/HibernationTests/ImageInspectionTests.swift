import Testing

@testable import Hibernation

@Suite("Whole and torn images")
struct ImageInspectionTests {
    /// A disk that is a swap area, with an image on it.
    private func disk(
        _ image: SyntheticImage = SyntheticImage(), byteCount: Int? = nil
    ) throws -> (disk: TestDisk, map: [UInt64], entries: [UInt64]) {
        let disk = try TestDisk(byteCount: byteCount ?? 256 * image.pageSize, swapPageSize: image.pageSize)
        let (map, entries) = image.write(to: disk)
        return (disk, map, entries)
    }

    private func inspect(_ disk: TestDisk, readingData: Bool = true) throws -> ImageInspection {
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        return try ImageInspection(image, onDiskAt: disk.path, readingData: readingData)
    }

    private func damage(_ disk: TestDisk) throws -> ImageDamage? {
        guard case .torn(let damage) = try inspect(disk).verdict else { return nil }
        return damage
    }

    @Test(
        "A whole image is whole, whatever its pages and its compression",
        arguments: [4096, 16384, 65536], SyntheticImage.Compression.allCases)
    func whole(pageSize: Int, compression: SyntheticImage.Compression) throws {
        let (disk, map, entries) = try disk(SyntheticImage(pageSize: pageSize, compression: compression, hwSig: 0xFACE))
        let inspection = try inspect(disk)
        #expect(inspection.verdict == .whole)
        #expect(inspection.checksum == (compression == .none ? .absent : .right))
        #expect(inspection.storedPageCount == entries.count)
        #expect(inspection.mapPageCount == map.count)
        #expect(inspection.image.hardwareSignature == 0xFACE)
        let information = try #require(inspection.information)
        #expect(information.build == SyntheticImage.build)
        #expect(information.imagePageCount == 70)
        #expect(information.pageCount == 72)
        #expect(information.byteCount == 72 * UInt64(pageSize))
        #expect(inspection.kernel?.release == SyntheticImage.release)
        #expect(inspection.kernel?.machine == "aarch64")
    }

    @Test("An image whose map ends with a full page, and one more that is empty, is whole")
    func fullMapPage() throws {
        // 511 entries of a map page: the first page, one of places, and memory.
        let (disk, map, entries) = try disk(
            SyntheticImage(compression: .none, imagePageCount: 509), byteCount: 600 * 4096)
        #expect(map.count == 2 && entries.count == 511)
        #expect(try inspect(disk).verdict == .whole)
    }

    @Test(
        "The kernel that an image is of is found without its checksum", arguments: SyntheticImage.Compression.allCases)
    func kernel(compression: SyntheticImage.Compression) throws {
        let (disk, map, _) = try disk(SyntheticImage(compression: compression))
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.kernel(onDiskAt: disk.path)?.release == SyntheticImage.release)
        // Without a map nothing is, and a disk that is gone has none.
        disk.write([UInt8](repeating: 0xFF, count: 4096), at: Int(map[0]) * 4096)
        #expect(image.kernel(onDiskAt: disk.path) == nil)
        #expect(image.kernel(onDiskAt: "/nonexistent") == nil)
    }

    @Test("A checksum that is not to be looked at costs no reading, and the kernel's name is unknown")
    func structureOnly() throws {
        let (disk, _, entries) = try disk()
        disk.write([0xFF], at: Int(entries[10]) * 4096 + 17)
        let inspection = try inspect(disk, readingData: false)
        #expect(inspection.verdict == .whole)
        #expect(inspection.checksum == .unchecked)
        #expect(inspection.kernel == nil)
    }

    @Test("One changed byte of the data is found", arguments: [SyntheticImage.Compression.lzo, .lz4])
    func changedByte(compression: SyntheticImage.Compression) throws {
        let (disk, _, entries) = try disk(SyntheticImage(compression: compression))
        let place = Int(entries[5]) * 4096 + 100
        disk.write([~disk.read(at: place, count: 1)[0]], at: place)
        let inspection = try inspect(disk)
        #expect(inspection.checksum == .wrong)
        guard case .torn(.checksum) = inspection.verdict else {
            Issue.record("\(inspection.verdict)")
            return
        }
    }

    @Test("A block's length that cannot be is found", arguments: [0, 1, 139_000, UInt64.max, UInt64(Int64.max)])
    func blockLength(length: UInt64) throws {
        let (disk, _, entries) = try disk()
        disk.write(littleEndian(length), at: Int(entries[1]) * 4096)
        #expect(try damage(disk)?.check == "compressed-data")
    }

    @Test("A map that goes where it cannot is found")
    func map() throws {
        let image = SyntheticImage(compression: .none, imagePageCount: 600)
        let byteCount = 700 * 4096
        let swapPages: UInt64 = 700
        func damage(_ change: (TestDisk, [UInt64], [UInt64]) -> Void) throws -> ImageDamage? {
            let (disk, map, entries) = try disk(image, byteCount: byteCount)
            change(disk, map, entries)
            return try self.damage(disk)
        }
        func entry(_ index: Int, of map: [UInt64]) -> Int { Int(map[index / 511]) * 4096 + index % 511 * 8 }

        #expect(try damage { _, _, _ in } == nil)
        // The header's page, behind the area, far away.
        for page in [swapPages, UInt64.max, 1 << 40] {
            let found = try damage { disk, map, _ in disk.write(littleEndian(page), at: entry(20, of: map)) }
            #expect(found == .pageOutside(index: 20, page: page))
        }
        #expect(
            try damage { disk, map, entries in disk.write(littleEndian(entries[7]), at: entry(550, of: map)) }
                == .pageRepeats(page: 9))
        #expect(
            try damage { disk, map, entries in disk.write(littleEndian(map[1]), at: entry(550, of: map)) }?.check
                == "map")
        // An end in the middle.
        #expect(
            try damage { disk, map, _ in disk.write(littleEndian(UInt64(0)), at: entry(20, of: map)) }
                == .mapGoesOn(index: 20))
        // The map's end is missing: what a power cut leaves, since the kernel writes the header before it.
        #expect(
            try damage { disk, map, _ in disk.write([UInt8](repeating: 0, count: 4096), at: Int(map[1]) * 4096) }
                == .pageCount(expected: 602, found: 511))
        #expect(
            try damage { disk, map, _ in disk.write([UInt8](repeating: 0, count: 4096), at: Int(map[0]) * 4096) }
                == .noPages)
        // A loop, and a next page that is none.
        #expect(
            try damage { disk, map, _ in disk.write(littleEndian(map[0]), at: Int(map[0]) * 4096 + 4088) }
                == .mapRepeats(page: map(ofFirst: 1)))
        #expect(
            try damage { disk, map, _ in disk.write(littleEndian(swapPages), at: Int(map[0]) * 4096 + 4088) }
                == .mapOutside(page: swapPages))
        #expect(try damage { disk, _, _ in disk.write(littleEndian(UInt64(0)), at: 4064) } == .noMap)
        // mkswap said that the area is smaller than the disk.
        #expect(try damage { disk, _, _ in disk.write(littleEndian(UInt32(99)), at: 1028) }?.check == "map")
        #expect(try damage { disk, _, _ in disk.truncate(to: 300 * 4096) }?.check == "map")
    }

    private func map(ofFirst page: UInt64) -> UInt64 { page }

    @Test("A page that is in the map twice is found, however far the pages between are apart")
    func farRepeats() throws {
        // A swap file's pages may be anywhere on a disk of 1 TiB.
        let pageCount = 1 << 28
        let disk = try TestDisk(byteCount: pageCount * 4096)
        try disk.makeSwap(at: 150 * 4096, byteCount: 100 * 4096, pageSize: 4096)
        let map = 300
        for (last, isTwice) in [(UInt64(pageCount) - 1, true), (UInt64(pageCount) - 3, false)] {
            let entries: [UInt64] = [400, UInt64(pageCount) - 1, 401, UInt64(pageCount) - 2, 1 << 20, last]
            disk.write(
                (entries + [UInt64](repeating: 0, count: 512 - entries.count)).flatMap { littleEndian($0) },
                at: map * 4096)
            disk.hibernate(
                at: 150 * 4096, pageSize: 4096, hwSig: 0, crc32: 0, image: UInt64(map),
                flags: SyntheticImage.Compression.none.rawValue)
            let image = try #require(
                try HibernationImage.find(onDiskAt: disk.path, SwapSelection(resumeOffset: 150)))
            // Its first page, of zeros, is no image's.
            #expect(
                try ImageInspection(image, onDiskAt: disk.path).verdict
                    == .torn(isTwice ? .pageRepeats(page: UInt64(pageCount) - 1) : .information))
            disk.write(Array("SWAPSPACE2".utf8), at: 150 * 4096 + 4096 - 10)
        }
    }

    @Test("A first page that contradicts itself is found", arguments: [400, 416, 424, 432])
    func information(offset: Int) throws {
        let (disk, _, entries) = try disk()
        for value in [0, UInt64.max, 1 << 60] {
            disk.write(littleEndian(value), at: Int(entries[0]) * 4096 + offset)
            let inspection = try inspect(disk)
            // Only too much memory is possible.
            #expect(inspection.verdict == (offset == 400 && value > 0 ? .whole : .torn(.information)))
        }
    }

    @Test("An image that has fewer pages than it says is found")
    func pageCount() throws {
        let (disk, _, entries) = try disk()
        for (offset, value) in [(424, UInt64(80)), (432, 80 * 4096)] {
            disk.write(littleEndian(value), at: Int(entries[0]) * 4096 + offset)
        }
        #expect(try damage(disk) == .pageCount(expected: 80, found: 72))
    }

    @Test("An image in a swap file is found where resume_offset says, and its pages are anywhere on the disk")
    func swapFile() throws {
        for pageSize in [4096, 16384] {
            let disk = try TestDisk(byteCount: 400 * pageSize)
            try disk.makeSwap(at: 150 * pageSize, byteCount: 100 * pageSize, pageSize: pageSize)
            SyntheticImage(pageSize: pageSize, resumeOffset: 150, firstPage: 300).write(to: disk)
            #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
            let image = try #require(
                try HibernationImage.find(onDiskAt: disk.path, SwapSelection(resumeOffset: 150)))
            #expect(image.pageSize == pageSize)
            #expect(image.swapAreaOffset == UInt64(150 * pageSize))
            let inspection = try ImageInspection(image, onDiskAt: disk.path)
            #expect(inspection.verdict == .whole && inspection.checksum == .right)
            for offset in [149, 151, UInt64.max, 1 << 52, 400] {
                #expect(try HibernationImage.find(onDiskAt: disk.path, SwapSelection(resumeOffset: offset)) == nil)
            }
        }
    }

    @Test("A disk that somebody is writing is refused")
    func inUse() throws {
        let (disk, _, _) = try disk()
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        try RawDisk.withDisk(at: disk.path, for: .writing) { _ throws(RawDiskError) in
            #expect(throws: RawDiskError.inUse(path: disk.path)) { try ImageInspection(image, onDiskAt: disk.path) }
            #expect(throws: RawDiskError.inUse(path: disk.path)) { try SwapSearch(diskAt: disk.path) }
            #expect(throws: ImageHeaderError.disk(.inUse(path: disk.path))) {
                try HibernationImage.discard(onDiskAt: disk.path)
            }
        }
        #expect(try inspect(disk).verdict == .whole)
    }
}
