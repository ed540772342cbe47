// A disk in any format that is known here, to read: what is copied, and what an overlay is made of.

import HostSupport

/// A disk's bytes. Others are kept from writing it meanwhile.
public final class DiskReader: Sendable {
    private enum Content {
        case raw(HostImageFile)
        case qcow2(Qcow2Image)
    }

    public let path: String
    public let format: DiskFormat
    /// Of the disk, rounded up to whole sectors.
    public let byteCount: UInt64
    private let content: Content
    private let disk: HostDisk

    /// Opens the disk at `path`.
    ///
    /// - Parameters:
    ///   - path: of an image or a block device.
    ///   - format: what it is; nil if it is what it looks like, with no other files behind it.
    /// - Throws: why it cannot be read.
    public init(path: String, format: DiskFormat?) throws(DiskImageError) {
        let disk = try HostDisk.open(imageAt: path, forWriting: false)
        self.format = try DiskFormat.found(disk, path: path, named: format)
        try disk.lockImage(at: path, exclusively: false)
        self.path = path
        self.disk = disk
        switch self.format {
        case .raw:
            content = .raw(HostImageFile(disk, path: path))
            byteCount = (disk.byteCount + 511) & ~511
        case .qcow2:
            let image = try Qcow2Image(disk, path: path, readOnly: true, isNamed: format != nil)
            content = .qcow2(image)
            byteCount = image.byteCount
        }
    }

    /// Fills `range` of `bytes`; what is behind the end of the disk is zero.
    ///
    /// - Parameters:
    ///   - bytes: has the range.
    ///   - range: is filled.
    ///   - offset: on the disk.
    /// - Throws: why it cannot be read.
    public func read(into bytes: inout [UInt8], _ range: Range<Int>, at offset: UInt64) throws(DiskImageError) {
        switch content {
        case .raw(let file): bytes.replaceSubrange(range, with: try file.read(range.count, at: offset))
        case .qcow2(let image): try image.read(into: &bytes, range, at: offset)
        }
    }

    /// The open file that has all of the disk, and nothing else; nil if it is a device, or has others behind it.
    var fileOfItsOwn: Int32? {
        if case .qcow2(let image) = content, !image.backingFiles.isEmpty { return nil }
        return disk.isBlockDevice ? nil : disk.descriptor
    }

    /// Whether it is a block device of the host.
    public var isBlockDevice: Bool { disk.isBlockDevice }

    /// Where the next byte from `offset` on is that need not be zero; nil if there is none.
    ///
    /// - Parameter offset: on the disk.
    /// - Returns: an offset on the disk.
    /// - Throws: why it cannot be looked up.
    public func nextData(from offset: UInt64) throws(DiskImageError) -> UInt64? {
        guard offset < byteCount else { return nil }
        switch content {
        case .raw(let file): return file.nextData(from: offset)
        case .qcow2(let image): return try image.nextData(from: offset)
        }
    }
}

extension DiskFormat {
    /// What the file in `disk` is: what somebody says, or what it looks like.
    static func found(_ disk: HostDisk, path: String, named: DiskFormat?) throws(DiskImageError) -> DiskFormat {
        if let named { return named }
        let looksLike: ForeignFormat?
        do throws(HostDiskError) { looksLike = try disk.foreignFormat } catch { throw .cannotOpen(path: path, error) }
        switch looksLike {
        case nil: return .raw
        case .qcow2: return .qcow2
        case let format?: throw .foreign(path: path, format)
        }
    }
}
