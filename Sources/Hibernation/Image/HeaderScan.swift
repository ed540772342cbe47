// Looking at every page of a disk for the header of a hibernation image: where no table says where one may be, as in a
// swap file.
//
// It takes as long as reading what is not a hole, so it is only done when it is asked for. What it finds may be the
// remains of a swap file that was removed, but for that it would have to be one that was never resumed.

import DiskImages
import Glibc
import SystemPackage

enum HeaderScan {
    /// The page size that divides all others, and the sectors of every disk.
    private static let step = 4096
    private static let pieceByteCount = 1 << 20
    /// More images than a disk has.
    private static let maximumCount = 64

    /// Where pages with a header end on `disk`.
    static func headerEnds(on disk: RawDisk) throws(RawDiskError) -> [UInt64] {
        var ends: [UInt64] = []
        var offset: UInt64 = 0
        var piece = [UInt8](repeating: 0, count: pieceByteCount)
        let signature = SwapSignature.suspend.bytes
        while let start = try disk.nextData(from: offset) {
            // Pages begin at multiples of their size, as far as the disk's partitions do.
            offset = start / UInt64(step) * UInt64(step)
            let count = Int(min(UInt64(pieceByteCount), disk.byteCount - offset))
            guard count >= step, try disk.read(at: offset, into: &piece, 0..<count) else { break }
            for end in stride(from: step, through: count, by: step)
            where piece[end - signature.count..<end].elementsEqual(signature) {
                ends.append(offset + UInt64(end))
                if ends.count == maximumCount { return ends }
            }
            offset += UInt64(count)
        }
        return ends
    }
}

/// SEEK_DATA of lseek(2), which Glibc only shows to GNU programs.
private let seekData: Int32 = 3

extension RawDisk {
    /// Where the next byte is that is not in a hole; nil if there is none.
    fileprivate func nextData(from offset: UInt64) throws(RawDiskError) -> UInt64? {
        guard offset < byteCount, let start = off_t(exactly: offset) else { return nil }
        if let image {
            // Not to be read from here on instead: up to what cannot be looked up, the disk may say that it has
            // millions of gigabytes of zeros.
            do throws(DiskImageError) { return try image.nextData(from: offset) } catch { throw .image(error) }
        }
        let next = lseek(descriptor.rawValue, start, seekData)
        // A file system, or a device, that knows no holes has data everywhere.
        if next < 0 { return errno == ENXIO ? nil : offset }
        return max(offset, UInt64(next))
    }
}
