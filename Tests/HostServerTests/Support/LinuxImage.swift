// A hibernation image as Linux would leave it (kernel/power/swap.c), for guests that write none: without compression, and
// of eight pages of memory.

/// A disk that is a swap area with an image in it.
enum LinuxImage {
    private static let pageByteCount = 4096
    private static let memoryPageCount = 8

    /// A MiB.
    static let disk: [UInt8] = {
        var disk = [UInt8](repeating: 0, count: 1 << 20)
        func put(_ bytes: [UInt8], page: Int, offset: Int = 0) {
            let start = page * pageByteCount + offset
            disk.replaceSubrange(start..<(start + bytes.count), with: bytes)
        }
        // `union swap_header`: version 1, and the last page.
        put(littleEndian(UInt32(1)) + littleEndian(UInt32(disk.count / pageByteCount - 1)), page: 0, offset: 1024)
        // `struct swsusp_header`: where the map is, SF_NOCOMPRESS_MODE, what the signature was, and what it is.
        put(
            littleEndian(UInt64(1)) + littleEndian(UInt32(2)) + Array("SWAPSPACE2S1SUSPEND\0".utf8), page: 0,
            offset: 4064)
        // The map: the places of all pages of the image. The first has `struct swsusp_info`, the second the places in
        // memory of the others.
        let pageCount = memoryPageCount + 2
        put((0..<pageCount).flatMap { littleEndian(UInt64($0 + 2)) }, page: 1)
        put(Array("#1 SMP".utf8), page: 2)
        let numbers = [
            (400, memoryPageCount * 4), (416, memoryPageCount), (424, pageCount), (432, pageCount * pageByteCount),
        ]
        for (offset, value) in numbers { put(littleEndian(UInt64(value)), page: 2, offset: offset) }
        for number in 1...memoryPageCount {
            put([UInt8](repeating: UInt8(number), count: pageByteCount), page: number + 3)
        }
        return disk
    }()

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
