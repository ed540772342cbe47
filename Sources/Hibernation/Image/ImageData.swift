// An image's data as the kernel would load it: read, decompressed, summed up.
//
// Follows save_compressed_image() and load_compressed_image() of Linux's kernel/power/swap.c. Compressed data is a
// sequence of blocks. A block begins with its length, in 64 bits, and is padded to whole pages; it holds 32 pages of
// the image, the last one perhaps fewer. The checksum is crc32_le(), from 0, over all that is decompressed. The image's
// first page is not part of either.

import Bytes

/// Reads an image's data, from the page behind its first.
struct ImageData {
    private let pages: AreaPages
    private let compression: HibernationImage.Compression
    /// What is still to be read.
    private var rest: SwapMapEntries
    /// Pages that were read, from `position` on not yet used.
    private var buffer: [UInt8] = []
    private var position = 0
    private var block = 0
    /// Whole pages of the image, as far as the last step went.
    private(set) var output: BlockOutput

    /// UNC_PAGES: pages in a block.
    private static let blockPageCount = 32
    /// CMP_HEADER: what says how long a block is.
    private static let lengthByteCount = 8
    /// Read at a time.
    private static let readByteCount = 1 << 20

    /// The data of the image that `map` is of.
    init(
        _ map: SwapMap, in pages: AreaPages, compression: HibernationImage.Compression
    ) throws(ImageCheckFailure) {
        self.pages = pages
        self.compression = compression
        rest = SwapMapEntries(map, in: pages)
        _ = try rest.next(1)
        output = BlockOutput(capacity: Self.blockPageCount * pages.pageSize)
    }

    /// bytes_worst_compress() of a block.
    private var maximumBlockByteCount: UInt64 {
        let byteCount = UInt64(Self.blockPageCount * pages.pageSize)
        return byteCount + byteCount / 16 + 64 + 3 + 2
    }

    /// Puts the next pages of the image into `output`.
    ///
    /// - Returns: whether there were any.
    mutating func next() throws(ImageCheckFailure) -> Bool {
        output.clear()
        guard try fill(pages.pageSize) else { return false }
        switch compression {
        case .none: try takePages()
        case .lzo, .lz4: try takeBlock()
        }
        return true
    }

    private mutating func takePages() throws(ImageCheckFailure) {
        let count = min(buffer.count - position, output.bytes.count)
        try take(position..<position + count) { (input, output) throws(DecompressionError) in
            try input.copy(count, to: &output)
        }
        position += count
    }

    private mutating func takeBlock() throws(ImageCheckFailure) {
        let length: UInt64 = buffer.littleEndian(at: position)
        guard length > 0, length <= maximumBlockByteCount else {
            throw .damage(.blockLength(block: block, byteCount: length))
        }
        let byteCount = Self.lengthByteCount + Int(length)
        let padded = (byteCount + pages.pageSize - 1) / pages.pageSize * pages.pageSize
        guard try fill(padded) else { throw .damage(.block(block, reason: "\(DecompressionError.inputEnds)")) }
        let range = position + Self.lengthByteCount..<position + byteCount
        if compression == .lz4 {
            try take(range, LZ4Block.decompress)
        } else {
            try take(range, LZO1X.decompress)
        }
        guard output.count > 0, output.count.isMultiple(of: pages.pageSize) else {
            throw .damage(.block(block, reason: "it holds \(output.count) bytes, which are no whole pages"))
        }
        position += padded
        block += 1
    }

    private mutating func take(
        _ range: Range<Int>, _ body: (inout BlockInput, inout BlockOutput) throws(DecompressionError) -> Void
    ) throws(ImageCheckFailure) {
        var input = BlockInput(buffer, range)
        do throws(DecompressionError) {
            try body(&input, &output)
        } catch {
            throw .damage(.block(block, reason: error.description))
        }
    }

    /// Makes at least `count` bytes, whole pages, available from `position` on; false if there are not so many.
    private mutating func fill(_ count: Int) throws(ImageCheckFailure) -> Bool {
        if buffer.count - position >= count { return true }
        buffer.removeSubrange(..<position)
        position = 0
        let wanted = max(count, Self.readByteCount) - buffer.count
        let next = try rest.next(wanted / pages.pageSize)
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: next.count * pages.pageSize))
        try pages.read(next[...], into: &buffer, at: start)
        return buffer.count >= count
    }
}
