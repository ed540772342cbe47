// The list of pages that an image is in.
//
// Follows Linux's kernel/power/swap.c (`struct swap_map_page`): pages of 64-bit entries, each the place of one of the
// image's pages, counted in pages from the disk's or partition's beginning. The last entry of a map page is the place of
// the next one. Zeros end the list; the last map page may have nothing else.

/// The places of an image's pages, in the image's order.
struct SwapMap {
    var entries: [UInt64] = []
    /// The places of the map's own pages.
    var mapPages: [UInt64] = []

    private static let entryByteCount = 8

    /// Reads the map of `image` and checks it: every place in the area, none twice, nothing behind the end.
    static func read(of image: HibernationImage, on disk: RawDisk) throws(ImageCheckFailure) -> SwapMap {
        let pages = try AreaPages(image, on: disk)
        var map = SwapMap()
        var seen: Set<UInt64> = []
        var next = image.firstSector
        guard next != 0 else { throw .damage(.noMap) }
        while next != 0 {
            guard pages.contains(next) else { throw .damage(.mapOutside(page: next)) }
            guard seen.insert(next).inserted else { throw .damage(.mapRepeats(page: next)) }
            map.mapPages.append(next)
            let page = try pages.read(next)
            next = try map.append(page, of: pages)
        }
        try map.checkRepeats()
        return map
    }

    /// Takes the entries of one map page, and returns where the next one is.
    private mutating func append(_ page: [UInt8], of pages: AreaPages) throws(ImageCheckFailure) -> UInt64 {
        let count = page.count / Self.entryByteCount - 1
        let next: UInt64 = page.littleEndian(at: count * Self.entryByteCount)
        var isEnd = false
        for index in 0..<count {
            let entry: UInt64 = page.littleEndian(at: index * Self.entryByteCount)
            if entry == 0 {
                isEnd = true
                continue
            }
            guard !isEnd else { throw .damage(.mapGoesOn(index: entries.count)) }
            guard pages.contains(entry) else { throw .damage(.pageOutside(index: entries.count, page: entry)) }
            entries.append(entry)
        }
        guard !isEnd || next == 0 else { throw .damage(.mapGoesOn(index: entries.count)) }
        // More than there can be without one of them twice: not worth reading on.
        guard UInt64(entries.count) <= pages.upperBound else {
            throw .damage(.pageRepeats(page: entries.last ?? 0))
        }
        return next
    }

    private func checkRepeats() throws(ImageCheckFailure) {
        let sorted = (entries + mapPages).sorted()
        for (page, next) in zip(sorted, sorted.dropFirst()) where page == next {
            throw .damage(.pageRepeats(page: page))
        }
    }
}

/// The pages of a swap area, by the numbers that the kernel gives them.
struct AreaPages {
    let pageSize: Int
    /// Behind the last page.
    let upperBound: UInt64
    private let region: DiskRegion
    private let header: UInt64
    private let disk: RawDisk

    init(_ image: HibernationImage, on disk: RawDisk) throws(ImageCheckFailure) {
        pageSize = image.pageSize
        region = image.area.region
        header = image.area.resumeOffset
        self.disk = disk
        // The disk may have become shorter since it was searched.
        let byteCount = min(region.byteCount, disk.byteCount - min(region.offset, disk.byteCount))
        let available = byteCount / UInt64(pageSize)
        // A file's pages are anywhere on its disk; a partition knows how many are its area's.
        guard header == 0, image.originalSignature == .swapSpace2,
            let bytes = try disk.checked(at: region.offset + UInt64(SwapHeader.lastPage), count: 4)
        else {
            upperBound = available
            return
        }
        upperBound = min(available, UInt64(bytes.littleEndian(at: 0, as: UInt32.self)) + 1)
    }

    /// Whether a page of an image may be here: not in the area's first page, nor outside of it.
    func contains(_ page: UInt64) -> Bool { page > 0 && page < upperBound && page != header }

    func read(_ page: UInt64) throws(ImageCheckFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: pageSize)
        try read([page], into: &bytes, at: 0)
        return bytes
    }

    /// Reads `pages`, all of which are here, into `bytes` from `start` on, as much at a time as lies together.
    func read(_ pages: ArraySlice<UInt64>, into bytes: inout [UInt8], at start: Int) throws(ImageCheckFailure) {
        var position = start
        var rest = pages
        while let first = rest.first {
            var count = 1
            // Safe from overflow: page numbers are below the region's size.
            while count < rest.count, rest[rest.startIndex + count] == first + UInt64(count) { count += 1 }
            let length = count * pageSize
            let isThere = try ImageCheckFailure.mapping { () throws(RawDiskError) in
                try disk.read(
                    at: region.offset + first * UInt64(pageSize), into: &bytes, position..<position + length)
            }
            guard isThere else { throw .damage(.pageMissing(page: first)) }
            position += length
            rest = rest.dropFirst(count)
        }
    }
}
