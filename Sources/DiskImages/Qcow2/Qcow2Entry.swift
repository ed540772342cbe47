// Entries of the tables of levels 1 and 2.
//
// Follows QEMU's docs/interop/qcow2.txt, "Cluster mapping".

/// An entry, of either level.
struct Qcow2Entry: Hashable {
    private static let copied: UInt64 = 1 << 63
    private static let compressed: UInt64 = 1 << 62
    private static let zero: UInt64 = 1
    private static let offset: UInt64 = 0x00FF_FFFF_FFFF_FE00

    var bits: UInt64

    init(_ bits: UInt64) { self.bits = bits }

    /// One for a cluster that nobody else uses.
    init(owned offset: UInt64, isZero: Bool = false) { bits = offset | Self.copied | (isZero ? Self.zero : 0) }

    static let unallocated = Qcow2Entry(0)
    /// Reads as zeros, and has no room.
    static let plainZero = Qcow2Entry(zero)

    /// Whether the cluster's refcount is 1: it may be written in place.
    var isCopied: Bool { bits & Self.copied != 0 }
    var isCompressed: Bool { bits & Self.compressed != 0 }
    var isZero: Bool { bits & Self.zero != 0 && !isCompressed }
    /// Where the cluster is in the file; 0 if it has no room.
    var offset: UInt64 { bits & Self.offset }

    /// Where the compressed data is, and how many bytes it has at most.
    func compressedRange(clusterBits: Int) -> Range<UInt64> {
        let countShift = UInt64(62 - (clusterBits - 8))
        let start = bits & (1 << countShift - 1)
        let sectors = (bits & (Self.compressed - 1)) >> countShift
        return start..<(start & ~511) + (sectors + 1) * 512
    }
}
