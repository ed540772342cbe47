// What a discard names, or a request to write zeros: ranges of sectors.
//
// Follows virtio 1.2 §5.2.4 for the limits and §5.2.6 for `struct virtio_blk_discard_write_zeroes`.

import Bytes
import Hypervisor

/// How much may be cleared at once. A driver keeps to it by cutting what it wants.
struct BlockClearingLimits: Sendable {
    /// Sectors of one range: 2 GiB.
    static let maximumSectorCount: UInt32 = 1 << 22
    /// Bytes of what a host usually lets go as a whole: the blocks of its file system.
    private static let usualAlignment: UInt32 = 4096

    /// How many ranges a request may have.
    var maximumRangeCount: Int

    static let discard = Self(maximumRangeCount: 32)
    static let writeZeroes = Self(maximumRangeCount: 1)

    /// Sectors: discards should begin and end at a multiple of them.
    static func discardAlignment(_ geometry: DiskGeometry) -> UInt32 {
        max(geometry.blockByteCount, usualAlignment) / UInt32(DiskFile.sectorByteCount)
    }
}

/// One of the ranges.
struct BlockRange {
    private static let byteCount = 16
    /// VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP.
    private static let unmap: UInt32 = 1 << 0

    /// On the disk or not.
    let sectors: Range<UInt64>
    private let flags: UInt32

    var mayUnmap: Bool { flags & Self.unmap != 0 }
    var hasUnknownFlags: Bool { flags & ~Self.unmap != 0 }

    /// Takes a request's data apart; nil if it is not made of ranges, or if these are more, or larger, than may be.
    static func list(
        _ data: GuestBuffers, limits: BlockClearingLimits, memory: GuestMemory
    ) -> [BlockRange]? {
        guard data.byteCount > 0, data.byteCount.isMultiple(of: byteCount),
            data.byteCount / byteCount <= limits.maximumRangeCount
        else { return nil }
        let bytes = data.bytes(in: memory)
        var ranges: [BlockRange] = []
        for start in stride(from: 0, to: bytes.count, by: byteCount) {
            guard let range = BlockRange(bytes[start..<start + byteCount]) else { return nil }
            ranges.append(range)
        }
        return ranges
    }

    private init?(_ bytes: ArraySlice<UInt8>) {
        let bytes = Array(bytes)
        let start = UInt64(littleEndianBytes: bytes[0..<8])
        let count = UInt32(littleEndianBytes: bytes[8..<12])
        let (end, overflow) = start.addingReportingOverflow(UInt64(count))
        guard !overflow, count <= BlockClearingLimits.maximumSectorCount else { return nil }
        sectors = start..<end
        flags = UInt32(littleEndianBytes: bytes[12..<16])
    }
}
