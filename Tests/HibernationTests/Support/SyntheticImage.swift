// A hibernation image that a test makes by the kernel's recipe (kernel/power/swap.c, save_image and
// save_compressed_image), with nothing of ours: compression is literals only, the checksum is computed bit by bit.

/// How an image is to be, and how it is written to a disk that has a swap area.
struct SyntheticImage {
    enum Compression: UInt32, CaseIterable {
        // SF_CRC32_MODE, SF_NOCOMPRESS_MODE, SF_CRC32_MODE and SF_COMPRESSION_ALG_LZ4.
        case lzo = 4
        case none = 2
        case lz4 = 20
    }

    var pageSize = 4096
    var compression = Compression.lzo
    /// Pages of memory.
    var imagePageCount: UInt64 = 70
    /// Where the kernel's first page of the area is: 0, or a swap file's resume_offset.
    var resumeOffset = 0
    /// The first page that the image may take.
    var firstPage: UInt64 = 1
    var hwSig: UInt32?
    static let build = "#1 SMP Debian 6.1.176-1 (2026-07-02)"
    static let release = "6.1.0-50-cloud-arm64"

    /// A page for places in memory, then memory: numbers that go on, and a kernel's name in the third.
    private var memory: [[UInt8]] {
        (0...imagePageCount).map { number in
            if number == 0 { return [UInt8](repeating: 0, count: pageSize) }
            var page = (0..<pageSize).map { UInt8(truncatingIfNeeded: $0 &* Int(number) >> 3) }
            if number == 3 {
                let name = ["Linux", "dormouse", Self.release, Self.build, "aarch64", "(none)"].flatMap { field($0) }
                page.replaceSubrange(256..<256 + name.count, with: name)
            }
            return page
        }
    }

    private func field(_ text: String) -> [UInt8] {
        Array(text.utf8) + [UInt8](repeating: 0, count: 65 - text.utf8.count)
    }

    /// `struct swsusp_info` with what arm64 puts over its beginning.
    private var information: [UInt8] {
        var page = [UInt8](repeating: 0, count: pageSize)
        page.replaceSubrange(0..<65, with: field(Self.build))
        let pageCount = imagePageCount + 2
        for (offset, value) in [
            (400, imagePageCount * 4), (416, imagePageCount), (424, pageCount), (432, pageCount * UInt64(pageSize)),
        ] {
            page.replaceSubrange(offset..<offset + 8, with: littleEndian(value))
        }
        return page
    }

    /// The data in whole pages, and its checksum.
    private var data: (pages: [[UInt8]], checksum: UInt32) {
        let memory = memory
        guard compression != .none else { return (memory, 0) }
        var pages: [[UInt8]] = []
        var checksum: UInt32 = 0
        for start in stride(from: 0, to: memory.count, by: 32) {
            let block = memory[start..<min(start + 32, memory.count)].flatMap(\.self)
            for byte in block {
                checksum ^= UInt32(byte)
                for _ in 0..<8 { checksum = checksum & 1 == 1 ? checksum >> 1 ^ 0xEDB8_8320 : checksum >> 1 }
            }
            let compressed = compression == .lz4 ? Self.lz4(block) : Self.lzo(block)
            var bytes = littleEndian(UInt64(compressed.count)) + compressed
            bytes += [UInt8](repeating: 0xA5, count: (pageSize - bytes.count % pageSize) % pageSize)
            for offset in stride(from: 0, to: bytes.count, by: pageSize) {
                pages.append(Array(bytes[offset..<offset + pageSize]))
            }
        }
        return (pages, checksum)
    }

    /// One run of literals and the end: lzo.rst, "copy long literal string".
    static func lzo(_ block: [UInt8]) -> [UInt8] {
        let rest = block.count - 18 - 1
        return [0] + [UInt8](repeating: 0, count: rest / 255) + [UInt8(rest % 255 + 1)] + block + [0x11, 0, 0]
    }

    /// One sequence of literals: the LZ4 block format.
    static func lz4(_ block: [UInt8]) -> [UInt8] {
        let rest = block.count - 15
        return [0xF0] + [UInt8](repeating: 255, count: rest / 255) + [UInt8(rest % 255)] + block
    }

    /// Writes the image to `disk`, where a swap area is `resumeOffset` pages behind `offset`.
    ///
    /// - Returns: the places of the map's pages and of the image's, in pages.
    @discardableResult
    func write(to disk: TestDisk, at offset: Int = 0) -> (map: [UInt64], entries: [UInt64]) {
        let (data, checksum) = data
        var next = firstPage
        func allocate() -> UInt64 {
            defer { next += 1 }
            return next
        }
        func write(_ page: [UInt8], _ place: UInt64) { disk.write(page, at: offset + Int(place) * pageSize) }
        var map = [allocate()]
        var all: [UInt64] = []
        var current: [UInt64] = []
        let capacity = pageSize / 8 - 1
        for page in [information] + data {
            let place = allocate()
            write(page, place)
            all.append(place)
            current.append(place)
            if current.count == capacity {
                let following = allocate()
                write((current + [following]).flatMap { littleEndian($0) }, map[map.count - 1])
                map.append(following)
                current = []
            }
        }
        let padding = [UInt64](repeating: 0, count: capacity + 1 - current.count)
        write((current + padding).flatMap { littleEndian($0) }, map[map.count - 1])
        disk.hibernate(
            at: offset + resumeOffset * pageSize, pageSize: pageSize, hwSig: hwSig ?? 0, crc32: checksum, image: map[0],
            flags: compression.rawValue | (hwSig == nil ? 0 : 8))
        return (map, all)
    }
}
