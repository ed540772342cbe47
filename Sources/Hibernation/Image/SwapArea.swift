// Finding swap areas on a raw disk: the disk itself, its partitions, and swap files whose place is known.
//
// Not responsible for file systems: where a swap file's first page is, the kernel has to be told as well
// (`resume_offset`), and is told the same number here.

/// Where to look for swap areas.
public struct SwapSelection: Sendable, Hashable {
    /// Only in this partition, as Linux counts them; nil looks at the disk as a whole and in all partitions.
    public var partition: Int?
    /// The kernel's `resume_offset`: how many of the guest's pages the area is behind the beginning of the disk or
    /// partition. 0 is where a swap partition begins.
    public var resumeOffset: UInt64

    public init(partition: Int? = nil, resumeOffset: UInt64 = 0) {
        self.partition = partition
        self.resumeOffset = resumeOffset
    }

    /// Everywhere where a swap partition may be.
    public static let all = SwapSelection()
}

/// A swap area, with or without a hibernation image.
public struct SwapArea: Sendable, Hashable {
    /// What it is on. The kernel counts an image's pages from its beginning.
    public let region: DiskRegion
    /// In the guest's pages; 0 unless the area is a file.
    public let resumeOffset: UInt64
    /// The guest's page size in bytes: 4096, 16384 or 65536.
    public let pageSize: Int
    public let signature: SwapSignature
    /// Hibernation's part of the first page.
    let fields: [UInt8]

    /// The first page's place on the disk, in bytes.
    public var headerOffset: UInt64 {
        // Safe from overflow: the page is in the region.
        region.offset + resumeOffset * UInt64(pageSize)
    }

    /// The area at `resumeOffset` pages into `region`; nil if none is there. The smallest page whose end has a signature
    /// counts: what is behind it may be left over.
    static func find(
        in region: DiskRegion, resumeOffset: UInt64, on disk: RawDisk
    ) throws(RawDiskError) -> SwapArea? {
        for pageSize in SwapHeader.pageSizes {
            let (start, isTooFar) = resumeOffset.multipliedReportingOverflow(by: UInt64(pageSize))
            guard !isTooFar, let header = region.diskOffset(of: start, count: pageSize) else { return nil }
            let end = header + UInt64(pageSize - SwapHeader.Fields.byteCount)
            guard let fields = try disk.read(at: end, count: SwapHeader.Fields.byteCount) else { return nil }
            if let signature = SwapSignature(bytes: fields[SwapHeader.Fields.signature]) {
                return SwapArea(
                    region: region, resumeOffset: resumeOffset, pageSize: pageSize, signature: signature,
                    fields: fields)
            }
        }
        return nil
    }
}

/// What a disk has in the way of swap.
public struct SwapSearch: Sendable {
    public var table: PartitionTable.Kind
    /// What was looked at: the whole disk first, then the partitions.
    public var regions: [DiskRegion]
    public var areas: [SwapArea]

    /// The areas that hold an image.
    public var images: [HibernationImage] { areas.compactMap(HibernationImage.init) }

    /// Searches the disk at `path`, which nobody must be writing: one that is locked for writing is refused.
    public init(diskAt path: String, _ selection: SwapSelection = .all) throws(RawDiskError) {
        self = try RawDisk.withDisk(at: path, for: .readingAlone) { disk throws(RawDiskError) in
            try SwapSearch(disk, selection)
        }
    }

    init(_ disk: RawDisk, _ selection: SwapSelection) throws(RawDiskError) {
        let table = try PartitionTable.read(from: disk)
        self.table = table.kind
        regions = ([DiskRegion(diskByteCount: disk.byteCount)] + table.partitions).filter {
            selection.partition == nil || $0.partition == selection.partition
        }
        areas = []
        for region in regions {
            if let area = try SwapArea.find(in: region, resumeOffset: selection.resumeOffset, on: disk) {
                areas.append(area)
            }
        }
    }
}
