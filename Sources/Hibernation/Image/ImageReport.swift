// What `dormouse image inspect` says of a disk, as values for programs and as lines for people.
//
// docs/image.md documents the shape; whoever changes it changes `schemaVersion` and that page. Numbers that may need
// all of 64 bits are text in hexadecimal: not every reader of JSON keeps 64 bits.

import Bytes
import DiskImages
import HostSupport

/// The swap areas of a disk, and what is in them.
public struct ImageReport: Codable, Sendable, Equatable {
    /// The shape that this describes.
    public static let currentSchemaVersion = 1

    /// How the disk's images are, the worst first.
    public enum Verdict: String, Codable, Sendable {
        case torn
        case whole
        /// There is no image.
        case none
    }

    public var schemaVersion = currentSchemaVersion
    public var path: String
    /// none, mbr, gpt or gpt-backup.
    public var partitionTable: String
    public var verdict: Verdict
    /// Partitions whose type is swap, whether they hold an area or not.
    public var partitionsOfSwapType: [Int]
    /// What the disk is divided into: its partitions and logical volumes, or the disk as a whole if it has neither.
    public var regions: [Region]
    /// One for each swap area.
    public var areas: [Area]
    /// What nobody looked into, in words.
    public var unsearched: [String]

    /// A disk, a partition or a logical volume.
    public struct Region: Codable, Sendable, Equatable {
        /// None for the whole disk.
        public var partition: Int?
        /// What the partition table calls it.
        public var name: String?
        /// `GROUP/VOLUME` of a logical volume.
        public var volume: String?
        /// In bytes, in hexadecimal.
        public var offset: String
        public var bytes: String
        /// `ext4`, `LUKS2`, `swap`, …; none if it is nothing that is known here.
        public var content: String?
        public var label: String?
        public var uuid: String?
    }

    /// A swap area.
    public struct Area: Codable, Sendable, Equatable {
        /// None if the area is not in a partition.
        public var partition: Int?
        /// `GROUP/VOLUME`; none if the area is not in a logical volume.
        public var volume: String?
        /// Where its first page is on the disk, in hexadecimal.
        public var offset: String
        /// In hexadecimal; none unless the area is a file.
        public var resumeOffset: String?
        public var pageSize: Int
        /// Of the whole area, in hexadecimal.
        public var bytes: String
        public var signature: String
        public var image: Image?
    }

    /// A hibernation image.
    public struct Image: Codable, Sendable, Equatable {
        /// whole or torn.
        public var verdict: Verdict
        /// The check that it did not pass, and why, if it is torn.
        public var failedCheck: String?
        public var failure: String?
        /// none, lzo or lz4.
        public var compression: String
        public var flags: UInt32
        public var flagNames: [String]
        /// In hexadecimal; none if the guest had none.
        public var hardwareSignature: String?
        /// In hexadecimal; none if the image has none.
        public var checksum: String?
        /// right, wrong, absent or unchecked.
        public var checksumState: String
        /// None if it is not one that Linux knows.
        public var originalSignature: String?
        /// What its first page says; none of it if that cannot be found.
        public var build: String?
        public var memoryPages: String?
        public var imagePages: String?
        public var pages: String?
        public var bytes: String?
        /// The kernel, if its name was found in the image's memory.
        public var kernelRelease: String?
        public var machine: String?
        public var nodeName: String?
        /// Pages of the swap area that hold data and map.
        public var storedPages: Int?
        public var mapPages: Int?
    }

    /// Searches the disk at `path`, and looks into what it finds.
    ///
    /// - Parameters:
    ///   - path: of a file or a block device.
    ///   - selection: where to look for images.
    ///   - readingData: whether the images' data is read and compared with their checksums.
    ///   - format: what the disk is, whatever it looks like; nil if it is what it looks like.
    public init(
        diskAt path: String, _ selection: SwapSelection, readingData: Bool, format: DiskFormat? = nil
    ) throws(ImageReportError) {
        if format == nil {
            let looksLike: ForeignFormat?
            do throws(RawDiskError) {
                looksLike = try RawDisk.withDisk(at: path, format: .raw) { disk throws(RawDiskError) in
                    try disk.foreignFormat()
                }
            } catch { throw .disk(error) }
            if let looksLike, looksLike != .qcow2 { throw .foreign(path: path, words: looksLike.words) }
        }
        let search: SwapSearch
        let contents: [RegionContent?]
        var areas: [Area] = []
        do throws(RawDiskError) {
            search = try SwapSearch(diskAt: path, format: format, selection)
            contents = try RegionContent.all(in: search, onDiskAt: path, format: format)
            for area in search.areas {
                let image = HibernationImage(area)
                let inspection = try image.map { image throws(RawDiskError) in
                    try ImageInspection(image, onDiskAt: path, format: format, readingData: readingData)
                }
                areas.append(Area(area, inspection))
            }
        } catch {
            throw .disk(error)
        }
        if let partition = selection.partition, search.regions.isEmpty {
            throw .noPartition(path: path, partition: partition)
        }
        self.path = path
        self.areas = areas
        let isDivided = search.regions.contains { $0.partition != nil || $0.volume != nil }
        regions = zip(search.regions, contents).compactMap { region, content in
            region.partition == nil && region.volume == nil && isDivided ? nil : Region(region, content)
        }
        unsearched = search.unsearched.filter { !selection.scansAllPages || $0.hidesWrites }.map(\.words)
        partitionTable = search.table.rawValue
        partitionsOfSwapType = search.regions.filter(\.isTypedAsSwap).compactMap(\.partition)
        let verdicts = areas.compactMap(\.image?.verdict)
        verdict = verdicts.isEmpty ? .none : verdicts.contains(.torn) ? .torn : .whole
    }
}

/// Why there is nothing to report.
public enum ImageReportError: AttributedError, Equatable {
    case disk(RawDiskError)
    case noPartition(path: String, partition: Int)
    /// A file that is no raw disk, and what to do about it.
    case foreign(path: String, words: String)

    public var isHosts: Bool {
        if case .disk(let error) = self { error.isHosts } else { false }
    }

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .noPartition(let path, let partition):
            "disk \(path) has no partition \(partition)"
        case .foreign(let path, let words):
            "disk \(path) \(words), or insist that it is one"
        }
    }
}

extension ImageReport.Region {
    init(_ region: DiskRegion, _ content: RegionContent?) {
        partition = region.partition
        name = region.name
        volume = region.volume
        offset = hexadecimal(region.offset)
        bytes = hexadecimal(region.byteCount)
        self.content = content?.name
        label = content?.label
        uuid = content?.uuid
    }
}

extension ImageReport.Area {
    init(_ area: SwapArea, _ inspection: ImageInspection?) {
        partition = area.region.partition
        volume = area.region.volume
        offset = hexadecimal(area.headerOffset)
        resumeOffset = area.resumeOffset == 0 ? nil : hexadecimal(area.resumeOffset)
        pageSize = area.pageSize
        bytes = hexadecimal(area.byteCount)
        signature = area.signature.rawValue
        image = inspection.map(ImageReport.Image.init)
    }
}

extension ImageReport.Image {
    init(_ inspection: ImageInspection) {
        let image = inspection.image
        switch inspection.verdict {
        case .whole: verdict = .whole
        case .torn(let damage):
            verdict = .torn
            failedCheck = damage.check
            failure = damage.description
        }
        compression = image.compression.rawValue
        flags = image.flags.rawValue
        flagNames = image.flags.names
        hardwareSignature = image.hardwareSignature.map(hexadecimal)
        checksum = image.checksum.map(hexadecimal)
        checksumState = inspection.checksum.rawValue
        originalSignature = image.originalSignature?.rawValue
        build = inspection.information?.build
        memoryPages = (inspection.information?.memoryPageCount).map(hexadecimal)
        imagePages = (inspection.information?.imagePageCount).map(hexadecimal)
        pages = (inspection.information?.pageCount).map(hexadecimal)
        bytes = (inspection.information?.byteCount).map(hexadecimal)
        kernelRelease = inspection.kernel?.release
        machine = inspection.kernel?.machine
        nodeName = inspection.kernel?.nodeName
        storedPages = inspection.storedPageCount
        mapPages = inspection.mapPageCount
    }
}
