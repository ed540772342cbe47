// The disks of a VM that is copied: who makes the copies, and what they share with the original.
//
// Responsible for: making them beside the originals, under names that nobody has, and taking them away again if no VM
// comes of it. Not responsible for: the VM (`VM+Copy`), or what is in an image (`DiskImages`).

import DiskImages
import Glibc
import HostSupport
import Machine

/// Where a copy's disks come from: those that its guest may write.
public enum CopiedDisks: Sendable {
    /// Somebody made them, in the order of the originals.
    case made([String])
    /// Each is an overlay of the original, which nobody writes any more: the VM that is copied goes on in an overlay,
    /// too. They are in that directory, or beside the originals.
    case overlays(directory: String?)
    /// Each has all that the original has, in a file of its own in that directory, or beside the original. Where the
    /// file system can, they share the room of what neither has written since.
    case full(directory: String?)
}

/// A disk that was made for a copy.
public struct CopiedDisk: Sendable, Hashable {
    /// What it was made from.
    public var original: String
    /// The copy's.
    public var path: String
    /// What the VM that was copied writes to from now on, if that is another file.
    public var ownersPath: String?
    /// Of `path` and `ownersPath`.
    var format: DiskFormat
}

extension CopiedDisk {
    /// Makes an overlay for the copy, and one for the VM that is copied.
    ///
    /// - Parameters:
    ///   - disk: the VM's.
    ///   - names: of the two VMs, for the files: the VM's that is copied, and the copy's.
    ///   - directory: where they are; nil: beside the original.
    static func overlay(
        of disk: VMConfiguration.Disk, _ names: (owner: String, copy: String), in directory: String?
    ) throws(HostError) -> CopiedDisk {
        do throws(DiskImageError) {
            let base = try OverlayBase(path: disk.path, format: disk.diskFormat)
            let place = try Place(of: disk.path, in: directory, isDevice: DiskReader.isBlockDevice(disk.path))
            let path = try place.make(for: names.copy, .qcow2) { path throws(DiskImageError) in
                try make(base, at: path)
            }
            do throws(DiskImageError) {
                let owners = try place.make(for: names.owner, .qcow2) { path throws(DiskImageError) in
                    try make(base, at: path)
                }
                return CopiedDisk(original: disk.path, path: path, ownersPath: owners, format: .qcow2)
            } catch {
                _ = unsafe unlink(path)
                throw error
            }
        } catch { throw .disk(reason: error.description) }
    }

    /// Makes an overlay that can be opened: one may be that much above others that nobody reads it any more.
    private static func make(_ base: OverlayBase, at path: String) throws(DiskImageError) {
        try base.create(at: path)
        do throws(DiskImageError) {
            _ = try DiskReader(path: path, format: .qcow2)
        } catch {
            _ = unsafe unlink(path)
            throw error
        }
    }

    /// Copies a disk.
    ///
    /// - Parameters:
    ///   - disk: the VM's.
    ///   - name: the copy's, for the file.
    ///   - directory: where it is; nil: beside the original.
    ///   - progress: called while much is copied.
    static func full(
        _ disk: VMConfiguration.Disk, _ name: String, in directory: String?, progress: DiskProgress
    ) throws(HostError) -> CopiedDisk {
        do throws(DiskImageError) {
            let reader = try DiskReader(path: disk.path, format: disk.diskFormat)
            let place = try Place(of: disk.path, in: directory, isDevice: reader.isBlockDevice)
            let path = try place.make(for: name, reader.format) { path throws(DiskImageError) in
                let draft: DraftFile
                do throws(DurableFileError) {
                    draft = try DraftFile(in: DurableFile.directory(of: path), access: .ownerOnly)
                } catch { throw .failed(operation: "make", path: path, errno: error.errno) }
                let target: HostDisk
                do throws(HostDiskError) {
                    target = try HostDisk(path: draft.path, forWriting: true)
                } catch { throw .cannotOpen(path: path, error) }
                if try !reader.share(with: target) {
                    try reader.copy(to: target, path: path, as: reader.format) { progress(disk.path, $0, $1) }
                }
                // It is whole from the moment on that it has its name.
                do throws(DurableFileError) {
                    try draft.name(path)
                } catch {
                    if error.errno == EEXIST { throw .alreadyThere(path: path) }
                    throw .failed(operation: "make", path: path, errno: error.errno)
                }
            }
            return CopiedDisk(original: disk.path, path: path, ownersPath: nil, format: reader.format)
        } catch { throw .disk(reason: error.description) }
    }

    /// Takes the files away: nobody has them.
    func remove() {
        _ = unsafe unlink(path)
        if let ownersPath { _ = unsafe unlink(ownersPath) }
    }

    /// Takes the right to write the original away, which others would do by mistake. That it cannot be done is no
    /// reason not to have the copy: the VM that wrote it does not any more.
    func protectOriginal() {
        var status = stat()
        // Safe: `stat` fills in the structure and does not keep its address.
        guard unsafe stat(original, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        _ = unsafe chmod(original, status.st_mode & 0o7555)
    }
}

/// Where the copies of one disk are.
private struct Place {
    let directory: String
    let stem: String

    /// How many names are tried: each that is taken is another copy's.
    private static let attempts = 1000

    init(of path: String, in directory: String?, isDevice: Bool) throws(DiskImageError) {
        guard let directory = directory ?? (isDevice ? nil : DurableFile.directory(of: path)) else {
            throw .noPlace(path: path)
        }
        self.directory = directory
        let name = path.split(separator: "/").last ?? "disk"
        // Of a name that begins with a dot, that is no ending.
        let dot = name.lastIndex(of: ".").flatMap { $0 > name.startIndex ? $0 : nil }
        stem = String(name[..<(dot ?? name.endIndex)])
    }

    /// Makes a file under a name that nobody has.
    func make(
        for name: String, _ format: DiskFormat, _ body: (String) throws(DiskImageError) -> Void
    ) throws(DiskImageError) -> String {
        let ending = format == .qcow2 ? "qcow2" : "img"
        for attempt in 1...Self.attempts {
            let path = "\(directory)/\(stem).\(name)\(attempt == 1 ? "" : ".\(attempt)").\(ending)"
            if unsafe access(path, F_OK) == 0 { continue }
            do throws(DiskImageError) {
                try body(path)
                return path
            } catch {
                // Somebody was quicker.
                guard case .alreadyThere = error else { throw error }
            }
        }
        throw .alreadyThere(path: "\(directory)/\(stem).\(name).\(ending)")
    }
}

extension DiskReader {
    fileprivate static func isBlockDevice(_ path: String) -> Bool {
        var status = stat()
        // Safe: as above.
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFBLK
    }
}
