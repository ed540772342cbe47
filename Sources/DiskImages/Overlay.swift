// Overlays: images that have what was written, over a disk that stays as it is.
//
// Responsible for: making one, and that one that is there is of the disk that it should be of. The disk's format is
// recorded in it, so that nobody has to guess it later.

import Glibc
import HostSupport

/// A disk that others are laid over.
public struct OverlayBase: Sendable, Hashable {
    public var path: String
    public var format: DiskFormat
    /// Of the disk.
    public var byteCount: UInt64

    /// Looks at the disk at `path`.
    ///
    /// - Parameters:
    ///   - path: of an image or a block device.
    ///   - format: what it is; nil if it is what it looks like, with no other files behind it.
    /// - Throws: why nothing can be laid over it.
    public init(path: String, format: DiskFormat?) throws(DiskImageError) {
        let reader = try DiskReader(path: path, format: format)
        self.path = path
        self.format = reader.format
        byteCount = reader.byteCount
    }

    /// What an image at `overlay` calls it: by its name alone if it is in the same directory, so that both can be moved.
    ///
    /// - Parameter overlay: the image's path.
    /// - Returns: the name, with the format.
    /// - Throws: if there is no such path.
    func backing(of overlay: String) throws(DiskImageError) -> Qcow2Image.Backing {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if DurableFile.directory(of: path) == DurableFile.directory(of: overlay),
            FileIdentity(path: DurableFile.directory(of: path)) != nil, !name.contains(":")
        {
            return Qcow2Image.Backing(name: name, format: format)
        }
        guard let resolved = realpath(path, nil) else { throw .failed(operation: "find", path: path, errno: errno) }
        defer { free(resolved) }
        return Qcow2Image.Backing(name: String(cString: resolved), format: format)
    }

    /// Makes an overlay at `path`; if there is one of this disk, it is left as it is.
    ///
    /// - Parameter path: of the overlay.
    /// - Throws: why there is none afterwards.
    public func makeOverlay(at path: String) throws(DiskImageError) {
        var status = stat()
        guard stat(path, &status) != 0 else { return try checkOverlay(at: path) }
        try create(at: path)
    }

    /// Makes an overlay at `path`, where nothing is.
    ///
    /// - Parameters:
    ///   - path: of the overlay.
    ///   - byteCount: of its disk; nil if it is as large as this one.
    /// - Throws: why it cannot be made.
    public func create(at path: String, byteCount: UInt64? = nil) throws(DiskImageError) {
        try Qcow2Image.create(
            at: path, byteCount: byteCount ?? self.byteCount, options: Qcow2Image.Options(backing: backing(of: path)))
    }

    private func checkOverlay(at path: String) throws(DiskImageError) {
        let disk = try HostDisk.open(imageAt: path, forWriting: false)
        let header = try Qcow2Header(HostImageFile(disk, path: path))
        var backing: String?
        if let name = header.backingName { backing = try BackingChain.path(of: name, from: path) }
        guard let backing, let there = FileIdentity(path: backing), there == FileIdentity(path: self.path) else {
            throw .otherBacking(path: path, backing: backing, wanted: self.path)
        }
    }

    /// Makes an overlay that nobody else sees, and that goes with this process.
    ///
    /// - Parameter directory: where its room is.
    /// - Returns: a path that leads to it as long as the process is there.
    /// - Throws: why it cannot be made.
    public func makeTemporaryOverlay(in directory: String) throws(DiskImageError) -> String {
        // O_TMPFILE of Linux's fcntl.h: a file without a name. It is open until the process ends, so that all who open
        // the path find it.
        let withoutName: Int32 = 0o20000000 | O_DIRECTORY
        let descriptor = open(directory, O_RDWR | O_CLOEXEC | withoutName, 0o600)
        guard descriptor >= 0 else { throw .failed(operation: "make", path: directory, errno: errno) }
        let path = "/proc/self/fd/\(descriptor)"
        do throws(DiskImageError) {
            try Qcow2Image.write(
                to: HostDisk.open(imageAt: path, forWriting: true), path: path, byteCount: byteCount,
                options: Qcow2Image.Options(backing: backing(of: path)))
        } catch {
            close(descriptor)
            throw error
        }
        return path
    }
}
