// The list of pages that an image is in.
//
// Follows Linux's kernel/power/swap.c (`struct swap_map_page`): pages of 64-bit entries, each the place of one of the
// image's pages, counted in pages from the disk's or partition's beginning. The last entry of a map page is the place
// of the next one. Zeros end the list; the last map page may have nothing else.

import Bytes

/// Where the places of an image's pages are listed.
///
/// Only the list's own pages are kept, which are one of 512: a disk may claim an image as large as itself.
struct SwapMap {
    /// How many pages the image has.
    private(set) var entryCount = 0
    /// The place of the image's first page.
    private(set) var firstEntry: UInt64?
    /// The places of the map's own pages.
    private(set) var mapPages: [UInt64] = []

    fileprivate static let entryByteCount = 8

    /// Reads the map of `image` and checks it: every place in the area, none twice, nothing behind the end.
    static func read(of image: HibernationImage, on disk: RawDisk) throws(ImageCheckFailure) -> SwapMap {
        let pages = try AreaPages(image, on: disk)
        var map = SwapMap()
        var used = PageSet()
        var next = image.firstSector
        guard next != 0 else { throw .damage(.noMap) }
        var maps: Set<UInt64> = []
        while next != 0 {
            guard pages.contains(next) else { throw .damage(.mapOutside(page: next)) }
            guard maps.insert(next).inserted else { throw .damage(.mapRepeats(page: next)) }
            try used.add(next)
            map.mapPages.append(next)
            let page = try pages.read(next)
            next = try map.append(page, of: pages, to: &used)
        }
        return map
    }

    /// Takes the entries of one map page, and returns where the next one is.
    private mutating func append(
        _ page: [UInt8], of pages: AreaPages, to used: inout PageSet
    ) throws(ImageCheckFailure) -> UInt64 {
        let count = page.count / Self.entryByteCount - 1
        let next: UInt64 = page.littleEndian(at: count * Self.entryByteCount)
        var isEnd = false
        for index in 0..<count {
            let entry: UInt64 = page.littleEndian(at: index * Self.entryByteCount)
            if entry == 0 {
                isEnd = true
                continue
            }
            guard !isEnd else { throw .damage(.mapGoesOn(index: entryCount)) }
            guard pages.contains(entry) else { throw .damage(.pageOutside(index: entryCount, page: entry)) }
            try used.add(entry)
            firstEntry = firstEntry ?? entry
            entryCount += 1
        }
        guard !isEnd || next == 0 else { throw .damage(.mapGoesOn(index: entryCount)) }
        return next
    }
}

/// The places of an image's pages, in the image's order, read again from the map's pages as they are asked for.
struct SwapMapEntries {
    private let pages: AreaPages
    private var mapPages: ArraySlice<UInt64>
    /// Of the map page that was read last.
    private var read: ArraySlice<UInt64> = []

    init(_ map: SwapMap, in pages: AreaPages) {
        self.pages = pages
        mapPages = map.mapPages[...]
    }

    /// The next `count` places, or as many as there still are.
    mutating func next(_ count: Int) throws(ImageCheckFailure) -> [UInt64] {
        var places: [UInt64] = []
        while places.count < count {
            if read.isEmpty {
                guard let page = mapPages.popFirst() else { break }
                read = try entries(of: page)[...]
                continue
            }
            let taken = read.prefix(count - places.count)
            places += taken
            read = read.dropFirst(taken.count)
        }
        return places
    }

    private func entries(of mapPage: UInt64) throws(ImageCheckFailure) -> [UInt64] {
        let page = try pages.read(mapPage)
        var entries: [UInt64] = []
        for offset in stride(from: 0, to: page.count - SwapMap.entryByteCount, by: SwapMap.entryByteCount) {
            let entry: UInt64 = page.littleEndian(at: offset)
            if entry == 0 { break }
            // It was there before, and whoever wrote to the disk since may have put anything in its place.
            guard pages.contains(entry) else { throw .damage(.pageOutside(index: entries.count, page: entry)) }
            entries.append(entry)
        }
        return entries
    }
}

/// Which pages are in use, at one bit a page.
private struct PageSet {
    /// Pages of a piece: 4 KiB of bits.
    private static let pieceShift = 15
    /// All of 16 TiB in pages of 4 KiB, which is as far as a swap area goes. An image in a file may be strewn over more
    /// than that, and none is.
    private static let maximumPieceCount = 1 << 17

    private var pieces: [UInt64: [UInt64]] = [:]
    /// The piece that was used last is not among the others: images go on for long in one piece.
    private var number: UInt64?
    private var piece: [UInt64] = []

    /// Adds `page`, which must not be there yet.
    mutating func add(_ page: UInt64) throws(ImageCheckFailure) {
        if page >> Self.pieceShift != number { try move(to: page >> Self.pieceShift) }
        let word = Int(page >> 6) & (piece.count - 1)
        let bit: UInt64 = 1 << (page & 63)
        guard piece[word] & bit == 0 else { throw .damage(.pageRepeats(page: page)) }
        piece[word] |= bit
    }

    private mutating func move(to next: UInt64) throws(ImageCheckFailure) {
        if let number { pieces[number] = piece }
        number = next
        if let known = pieces.removeValue(forKey: next) {
            piece = known
            return
        }
        guard pieces.count < Self.maximumPieceCount else { throw .damage(.scattered) }
        piece = [UInt64](repeating: 0, count: 1 << (Self.pieceShift - 6))
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
        let byteCount =
            region.pieces.count > 1
            ? region.byteCount : min(region.byteCount, disk.byteCount - min(region.offset, disk.byteCount))
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
            let start = first * UInt64(pageSize)
            while count < rest.count, rest[rest.startIndex + count] == first + UInt64(count),
                region.diskOffset(of: start, count: (count + 1) * pageSize) != nil
            {
                count += 1
            }
            let length = count * pageSize
            guard let place = region.diskOffset(of: start, count: length) else {
                throw .damage(.pageMissing(page: first))
            }
            let isThere = try ImageCheckFailure.mapping { () throws(RawDiskError) in
                try disk.read(at: place, into: &bytes, position..<position + length)
            }
            guard isThere else { throw .damage(.pageMissing(page: first)) }
            position += length
            rest = rest.dropFirst(count)
        }
    }
}
