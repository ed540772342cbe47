// The files behind an image: what it was made from, and what that was made from.
//
// Responsible for: finding them, their formats, their locks, and that the chain ends. Not responsible for: reading them
// (`Qcow2Image`, `RawContent`).
//
// An image says where its backing file is, and who gives somebody an image gives him these names. So only plain files and
// block devices are opened, to read; names that QEMU takes for something else are refused; and a file is taken for what
// the image says it is, never for what it looks like.

import Glibc
import HostSupport

/// A file behind an image.
public struct BackingFile: Sendable {
    public let path: String
    public let format: DiskFormat
    /// Open for reading, as long as the image is.
    public let disk: HostDisk
}

/// What is behind an image.
struct BackingChain {
    /// Images behind one another.
    static let maximumLength = 16

    var content: any DiskContent
    /// The nearest first.
    var files: [BackingFile]
}

extension BackingChain {
    /// Opens what is behind the image in `file`; nil if nothing is.
    ///
    /// - Parameters:
    ///   - header: the image's.
    ///   - path: the image's.
    ///   - identities: of the files that are in front of it.
    ///   - locks: whether others are kept from writing the files.
    init?(
        behind header: Qcow2Header, at path: String, identities: [FileIdentity], locks: Bool
    ) throws(DiskImageError) {
        guard let name = header.backingName else { return nil }
        guard identities.count <= Self.maximumLength else {
            throw .backingChainTooLong(path: path, limit: Self.maximumLength)
        }
        let backingPath = try Self.path(of: name, from: path)
        guard let formatName = header.backingFormat else {
            throw .backingFormatMissing(path: path, backing: backingPath)
        }
        guard let format = DiskFormat(rawValue: formatName) else {
            throw .unsupported(path: path, .backingFormat(formatName))
        }
        do throws(DiskImageError) {
            let disk = try HostDisk.open(imageAt: backingPath, forWriting: false)
            guard let identity = FileIdentity(path: backingPath), !identities.contains(identity) else {
                throw .backingLoop(path: backingPath)
            }
            if locks { try disk.lockImage(at: backingPath, exclusively: false) }
            let file = HostImageFile(disk, path: backingPath)
            files = [BackingFile(path: backingPath, format: format, disk: disk)]
            switch format {
            case .raw: content = RawContent(file)
            case .qcow2:
                let header = try Qcow2Header(file)
                let rest = try BackingChain(
                    behind: header, at: backingPath, identities: identities + [identity], locks: locks)
                files += rest?.files ?? []
                content = try Qcow2Image(file, header: header, readOnly: true, chain: rest)
            }
        } catch {
            // Of the image that somebody named, rather than of each one that is behind it.
            if case .backingChainTooLong(_, let limit) = error { throw .backingChainTooLong(path: path, limit: limit) }
            throw .backing(of: path, error)
        }
    }

    /// The path of the backing file that an image at `path` calls `name`: relative to the image.
    static func path(of name: String, from path: String) throws(DiskImageError) -> String {
        var name = name
        if name.hasPrefix("file:") { name.removeFirst("file:".count) }
        // As QEMU has it: a colon before any slash ends a protocol's name.
        let first = name.first { $0 == ":" || $0 == "/" }
        guard first != ":", !name.isEmpty else { throw .unsupported(path: path, .protocolName(name)) }
        guard !name.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return name }
        return path[...slash] + name
    }
}

extension HostDisk {
    /// Opens a file of an image.
    static func open(imageAt path: String, forWriting: Bool) throws(DiskImageError) -> HostDisk {
        do throws(HostDiskError) {
            return try HostDisk(path: path, forWriting: forWriting)
        } catch { throw .cannotOpen(path: path, error) }
    }

    /// Locks a file of an image.
    func lockImage(at path: String, exclusively: Bool) throws(DiskImageError) {
        do throws(DiskLock.Failure) {
            try lock(exclusively: exclusively)
        } catch {
            switch error {
            case .held: throw .locked(path: path, readOnly: !exclusively)
            case .failed(let code): throw .failed(operation: "lock", path: path, errno: code)
            }
        }
    }
}
