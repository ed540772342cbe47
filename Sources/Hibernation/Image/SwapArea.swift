// Finding swap areas on a raw disk: the disk itself, its partitions and logical volumes, and swap files whose place is
// known.
//
// Not responsible for file systems: where a swap file's first page is, the kernel has to be told as well
// (`resume_offset`), and is told the same number here; or somebody saw the page being written (`headerEnds`).

import Bytes
import DiskImages

/// Where to look for swap areas.
public struct SwapSelection: Sendable, Hashable {
    /// Only in this partition, as Linux counts them; nil looks at the disk as a whole and in all partitions.
    public var partition: Int?
    /// The kernel's `resume_offset`: how many of the guest's pages the area is behind the beginning of the disk or
    /// partition. 0 is where a swap partition begins.
    public var resumeOffset: UInt64
    /// More of these, which are looked at as well.
    public var furtherOffsets: [UInt64] = []
    /// Where on the disk the first pages of swap areas end, in bytes, wherever these are; looked at as well.
    public var headerEnds: [UInt64] = []
    /// Whether every page of the disk is looked at for the header of an image.
    public var scansAllPages = false

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
    /// Bytes of the whole area, as mkswap made it; no more than what it is on has.
    public let byteCount: UInt64
    /// Hibernation's part of the first page.
    let fields: [UInt8]

    /// The first page's place on the disk, in bytes.
    public var headerOffset: UInt64 {
        // The page was found in the region.
        region.diskOffset(of: resumeOffset * UInt64(pageSize), count: pageSize) ?? region.offset
    }

    /// Where the first page ends on the disk, in bytes.
    public var headerEnd: UInt64 { headerOffset + UInt64(pageSize) }

    /// The area at `resumeOffset` pages into `region`; nil if none is there. The smallest page whose end has a
    /// signature counts: what is behind it may be left over.
    static func find(
        in region: DiskRegion, resumeOffset: UInt64, on disk: RawDisk
    ) throws(RawDiskError) -> SwapArea? {
        for pageSize in SwapHeader.pageSizes {
            if let area = try find(in: region, resumeOffset: resumeOffset, pageSize: pageSize, on: disk) {
                return area
            }
        }
        return nil
    }

    private static func find(
        in region: DiskRegion, resumeOffset: UInt64, pageSize: Int, on disk: RawDisk
    ) throws(RawDiskError) -> SwapArea? {
        let (start, isTooFar) = resumeOffset.multipliedReportingOverflow(by: UInt64(pageSize))
        guard !isTooFar, let header = region.diskOffset(of: start, count: pageSize) else { return nil }
        let end = header + UInt64(pageSize - SwapHeader.Fields.byteCount)
        guard let fields = try disk.read(at: end, count: SwapHeader.Fields.byteCount),
            let signature = SwapSignature(bytes: fields[SwapHeader.Fields.signature])
        else { return nil }
        let lastPage = try disk.read(at: header + UInt64(SwapHeader.lastPage), count: 4)
        // Safe from overflow: 32 bits of pages, which have at most 64 KiB.
        let byteCount = (UInt64(lastPage?.littleEndian(at: 0, as: UInt32.self) ?? 0) + 1) * UInt64(pageSize)
        return SwapArea(
            region: region, resumeOffset: resumeOffset, pageSize: pageSize, signature: signature,
            byteCount: min(byteCount, region.byteCount), fields: fields)
    }

    /// The area whose first page ends at `end` of the disk, in the innermost of `regions` that has it; nil if none is
    /// there.
    static func find(
        headerEnd end: UInt64, in regions: [DiskRegion], on disk: RawDisk
    ) throws(RawDiskError) -> SwapArea? {
        for region in regions.reversed() {
            var found: SwapArea?
            for pageSize in SwapHeader.pageSizes where end >= UInt64(pageSize) {
                let offset = end - UInt64(pageSize)
                guard let position = region.position(of: offset, count: pageSize),
                    position.isMultiple(of: UInt64(pageSize)),
                    let area = try find(
                        in: region, resumeOffset: position / UInt64(pageSize), pageSize: pageSize, on: disk)
                else { continue }
                // The page's size is that at whose beginning mkswap's fields are.
                let version = try disk.read(at: offset + UInt64(SwapHeader.version), count: 4)
                if version?.littleEndian(at: 0, as: UInt32.self) == SwapHeader.currentVersion { return area }
                found = found ?? area
            }
            if let found { return found }
        }
        return nil
    }
}

/// What a disk has in the way of swap.
public struct SwapSearch: Sendable {
    public var table: PartitionTable.Kind
    /// What was looked at: the whole disk first, then the partitions, then the logical volumes.
    public var regions: [DiskRegion]
    public var areas: [SwapArea]
    /// What there is besides, where nobody looked.
    public var unsearched: [UnsearchedRegion]
    /// Those of `regions` that are physical volumes of LVM.
    var physicalVolumes: [DiskRegion]

    /// Where the areas begin.
    private var places: Set<UInt64> = []

    /// Bytes of LVM's metadata that are read of a disk, and logical volumes of it that are looked at or named: many times
    /// what there is. A guest may have made it so that it is read at each of its boots.
    private static let metadataLimit: UInt64 = 16 << 20
    private static let volumeLimit = 1024

    /// The areas that hold an image.
    public var images: [HibernationImage] { areas.compactMap(HibernationImage.init) }

    /// Searches the disk at `path`, which nobody must be writing: one that is locked for writing is refused.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what it is; nil if it is what it looks like.
    ///   - selection: where to look.
    /// - Throws: why it cannot be searched.
    public init(
        diskAt path: String, format: DiskFormat? = nil, _ selection: SwapSelection = .all
    ) throws(RawDiskError) {
        self = try RawDisk.withDisk(at: path, format: format, for: .readingAlone) { disk throws(RawDiskError) in
            try SwapSearch(disk, selection)
        }
    }

    /// The same for a disk whose machine has stopped; it may still hold the disk's lock.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what it is; nil if it is what it looks like.
    ///   - selection: where to look.
    /// - Returns: what was found.
    /// - Throws: why it cannot be searched.
    public static func stoppedDisk(
        at path: String, format: DiskFormat? = nil, _ selection: SwapSelection = .all
    ) throws(RawDiskError) -> SwapSearch {
        try RawDisk.withDisk(at: path, format: format) { disk throws(RawDiskError) in try SwapSearch(disk, selection) }
    }

    init(_ disk: RawDisk, _ selection: SwapSelection) throws(RawDiskError) {
        let table = try PartitionTable.read(from: disk)
        self.table = table.kind
        regions = ([DiskRegion(diskByteCount: disk.byteCount)] + table.partitions).filter {
            selection.partition == nil || $0.partition == selection.partition
        }
        areas = []
        unsearched = []
        physicalVolumes = []
        var metadataLeft = Self.metadataLimit
        var volumesLeft = Self.volumeLimit
        for region in regions {
            // Of partitions that lie in each other, as no tool makes them, the first is looked at.
            guard !physicalVolumes.contains(where: { $0.partition != nil && Self.overlap($0, region) }),
                let group = try VolumeGroup(in: region, on: disk, metadataLeft: &metadataLeft)
            else { continue }
            physicalVolumes.append(region)
            let isTooMuch = group.volumes.count + group.unsearched.count > volumesLeft
            regions += group.volumes.prefix(volumesLeft)
            volumesLeft -= min(volumesLeft, group.volumes.count)
            unsearched += group.unsearched.prefix(volumesLeft)
            volumesLeft -= min(volumesLeft, group.unsearched.count)
            if isTooMuch { unsearched.append(UnsearchedRegion(kind: .lvm, region: region)) }
        }
        unsearched += try UnsearchedRegion.all(in: regions, on: disk)
        for region in regions {
            for offset in [selection.resumeOffset] + selection.furtherOffsets {
                add(try SwapArea.find(in: region, resumeOffset: offset, on: disk))
            }
        }
        let scanned = selection.scansAllPages ? try HeaderScan.headerEnds(on: disk) : []
        // The newest first: a header is the last thing that a guest writes, and a file may have a page like one.
        for end in selection.headerEnds.reversed() + scanned {
            // In the middle of a file system, the signature alone is not enough: Linux keeps swap's beside it.
            guard let area = try SwapArea.find(headerEnd: end, in: regions, on: disk),
                area.signature != .suspend || HibernationImage(area)?.originalSignature.map({ $0 != .suspend }) == true
            else { continue }
            add(area)
        }
    }

    private static func overlap(_ one: DiskRegion, _ other: DiskRegion) -> Bool {
        // Safe from overflow: both are on the disk.
        one.offset < other.offset + other.byteCount && other.offset < one.offset + one.byteCount
    }

    /// A place counts once: the whole disk may have the same number as its only volume.
    private mutating func add(_ area: SwapArea?) {
        guard let area, places.insert(area.headerOffset).inserted else { return }
        areas.append(area)
    }
}
