// Looking into an image: what it says, and whether it is whole.
//
// What is checked is what the kernel would check when it resumes, and what it takes for granted. Not responsible for:
// whether the kernel and the machine are those that the image is for.

import Bytes
import DiskImages

/// What is known of an image after looking into it.
public struct ImageInspection: Sendable, Equatable {
    public enum Verdict: Sendable, Equatable {
        /// It passed all checks that were made.
        case whole
        case torn(ImageDamage)
    }

    /// What became of the checksum.
    public enum Checksum: String, Sendable {
        /// It is that of the data.
        case right
        case wrong
        /// The image has none: it was written uncompressed, or by a kernel before 3.2.
        case absent
        /// It was not to be looked at, or the data could not be read to its end.
        case unchecked
    }

    public let image: HibernationImage
    public var verdict: Verdict
    public var checksum: Checksum
    /// What its first page says; nil if that cannot be found.
    public var information: ImageInformation?
    /// The kernel; nil if its name is neither in the first page nor in the memory that was looked at.
    public var kernel: KernelName?
    /// Pages of the swap area that hold the image, and those that hold its map; nil if the map is damaged.
    public var storedPageCount: Int?
    public var mapPageCount: Int?

    /// Looks into `image`.
    ///
    /// - Parameters:
    ///   - image: what the search found.
    ///   - path: of the disk that it was found on.
    ///   - format: what the disk is; nil if it is what it looks like.
    ///   - readingData: whether its data is read, decompressed and compared with its checksum; else only its
    ///     structure is checked.
    public init(
        _ image: HibernationImage, onDiskAt path: String, format: DiskFormat? = nil, readingData: Bool = true
    ) throws(RawDiskError) {
        self = try RawDisk.withDisk(at: path, format: format, for: .readingAlone) { disk throws(RawDiskError) in
            try ImageInspection(image, on: disk, readingData: readingData)
        }
    }

    init(_ image: HibernationImage, on disk: RawDisk, readingData: Bool) throws(RawDiskError) {
        self.image = image
        verdict = .whole
        checksum = image.checksum == nil ? .absent : .unchecked
        do throws(ImageCheckFailure) {
            try check(on: disk, readingData: readingData)
        } catch {
            switch error {
            case .damage(let damage): verdict = .torn(damage)
            case .disk(let error): throw error
            }
        }
    }

    private mutating func check(on disk: RawDisk, readingData: Bool) throws(ImageCheckFailure) {
        let map = try SwapMap.read(of: image, on: disk)
        storedPageCount = map.entryCount
        mapPageCount = map.mapPages.count
        guard let first = map.firstEntry else { throw .damage(.noPages) }
        let pages = try AreaPages(image, on: disk)
        let information = ImageInformation(page: try pages.read(first))
        self.information = information
        kernel = information.kernel
        guard information.isConsistent(pageSize: image.pageSize) else { throw .damage(.information) }
        if image.compression == .none {
            guard information.pageCount == UInt64(map.entryCount) else {
                throw .damage(.pageCount(expected: information.pageCount, found: UInt64(map.entryCount)))
            }
        }
        guard readingData else { return }
        try checkData(ImageData(map, in: pages, compression: image.compression), information)
    }

    private mutating func checkData(
        _ data: consuming ImageData, _ information: ImageInformation
    ) throws(ImageCheckFailure) {
        var sum: UInt32 = 0
        var byteCount: UInt64 = 0
        while try data.next() {
            let count = data.output.count
            byteCount += UInt64(count)
            if image.checksum != nil {
                sum = CRC32.update(sum, data.output.bytes.span.extracting(..<count))
            }
            if kernel == nil {
                kernel = KernelName.find(build: information.build, in: data.output.bytes, count: count)
            }
        }
        let pageCount = byteCount / UInt64(image.pageSize) + 1
        guard pageCount == information.pageCount else {
            throw .damage(.pageCount(expected: information.pageCount, found: pageCount))
        }
        guard let expected = image.checksum else { return }
        checksum = sum == expected ? .right : .wrong
        guard sum == expected else { throw .damage(.checksum(expected: expected, found: sum)) }
    }
}

extension HibernationImage {
    /// What of its memory is looked at for the kernel's name: that is in the kernel itself, somewhere. Half a second.
    private static let nameSearchByteCount: UInt64 = 256 << 20

    /// The kernel that wrote the image, and that can be resumed from it; nil if its name is not found at the beginning,
    /// or if the image cannot be read.
    ///
    /// - Parameters:
    ///   - path: of the disk that it is on.
    ///   - format: what the disk is; nil if it is what it looks like.
    public func kernel(onDiskAt path: String, format: DiskFormat? = nil) -> KernelName? {
        try? RawDisk.withDisk(at: path, format: format, for: .readingAlone) { disk throws(RawDiskError) in
            do throws(ImageCheckFailure) {
                return try kernel(on: disk)
            } catch {
                // Whatever is wrong with it, it has no name that could be relied on.
                return nil
            }
        }
    }

    private func kernel(on disk: RawDisk) throws(ImageCheckFailure) -> KernelName? {
        let map = try SwapMap.read(of: self, on: disk)
        guard let first = map.firstEntry else { return nil }
        let pages = try AreaPages(self, on: disk)
        let information = ImageInformation(page: try pages.read(first))
        if let kernel = information.kernel { return kernel }
        var data = try ImageData(map, in: pages, compression: compression)
        var byteCount: UInt64 = 0
        while byteCount < Self.nameSearchByteCount, try data.next() {
            let count = data.output.count
            byteCount += UInt64(count)
            if let kernel = KernelName.find(build: information.build, in: data.output.bytes, count: count) {
                return kernel
            }
        }
        return nil
    }
}
