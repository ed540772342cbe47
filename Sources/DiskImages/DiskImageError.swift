// Why a disk image cannot be used. The texts are for people, and name no option of a command.

import Glibc
import HostSupport

/// What an image needs that is not to be had here.
public enum ImageFeature: Sendable, Hashable {
    case version(UInt32)
    case encryption
    /// The guest's data is in another file.
    case externalDataFile
    /// Tables of level 2 whose entries have 128 bits.
    case extendedL2
    /// A compression that is neither zlib nor zstd.
    case compression(UInt8)
    /// A bit of the header's incompatible features, and what the image calls it.
    case incompatible(bit: Int, name: String?)
    /// A backing file that is no file of the host.
    case protocolName(String)
    /// A format of the backing file.
    case backingFormat(String)
    case tooLarge

    var words: String {
        switch self {
        case .version(let version): "is of qcow2's version \(version), and only 2 and 3 are known"
        case .encryption: "is encrypted by qcow2's own means; let the guest encrypt (LUKS) instead"
        case .externalDataFile: "keeps its data in another file, which is not taken"
        case .extendedL2: "has extended L2 entries (subclusters), which are not taken"
        case .compression(let type): "is compressed in a way of number \(type), which is not known"
        case .incompatible(let bit, let name):
            "needs feature \(bit)\(name.map { " (\($0))" } ?? "") of qcow2, which is not known"
        case .protocolName(let name): "has the backing file \(name), which is no plain file's name"
        case .backingFormat(let format): "has a backing file in format \(format); only raw and qcow2 are taken"
        case .tooLarge: "has tables that are larger than QEMU makes them"
        }
    }
}

/// What is wrong in an image.
public enum ImageDamage: Sendable, Hashable {
    /// A field of the header.
    case header(String)
    /// An entry of the L1 table or of a table of level 2.
    case l1(index: Int, entry: UInt64)
    case l2(offset: UInt64, entry: UInt64)
    case refcountTable(index: Int, entry: UInt64)
    /// A cluster that is in use is not counted, or the other way round.
    case refcount(cluster: UInt64)
    /// Compressed data that is none.
    case compressed(offset: UInt64)

    var words: String {
        switch self {
        case .header(let field): "its header's \(field) is wrong"
        case .l1(let index, _): "entry \(index) of its L1 table is wrong"
        case .l2(let offset, _): "the L2 entry for byte \(offset) of the disk is wrong"
        case .refcountTable(let index, _): "entry \(index) of its refcount table is wrong"
        case .refcount(let cluster): "the refcount of cluster \(cluster) is wrong"
        case .compressed(let offset): "the compressed data at byte \(offset) of the file is wrong"
        }
    }
}

/// Why a disk image cannot be used.
public enum DiskImageError: AttributedError, Equatable {
    case cannotOpen(path: String, HostDiskError)
    case locked(path: String, readOnly: Bool)
    case unsupported(path: String, ImageFeature)
    case damaged(path: String, ImageDamage)
    /// It was not closed, and its refcounts are to be made again, or it is marked as damaged.
    case needsRepair(path: String, isCorrupt: Bool)
    /// An image that names other files, and nobody said that it is an image at all.
    case unnamedFormat(path: String, backing: String)
    /// A backing file whose format the image does not tell.
    case backingFormatMissing(path: String, backing: String)
    /// The chain of backing files goes round in a circle, or on for too long.
    case backingLoop(path: String)
    case backingChainTooLong(path: String, limit: Int)
    /// The backing file of an image, and what is wrong with it.
    indirect case backing(of: String, DiskImageError)
    case alreadyThere(path: String)
    /// A file that is in another format.
    case foreign(path: String, ForeignFormat)
    /// Beside a device there is no place for a file.
    case noPlace(path: String)
    /// An overlay of something else.
    case otherBacking(path: String, backing: String?, wanted: String)
    case failed(operation: String, path: String, errno: Int32)

    public var isHosts: Bool {
        switch self {
        case .failed: true
        case .backing(_, let error): error.isHosts
        default: false
        }
    }

    /// The host's reason, where it is one.
    public var errno: Int32? {
        switch self {
        case .failed(_, _, let code): code
        case .backing(_, let error): error.errno
        default: nil
        }
    }

    public var description: String {
        switch self {
        case .cannotOpen(let path, .cannotOpen(let code)), .cannotOpen(let path, .cannotExamine(let code)):
            "cannot open disk image \(path): \(String(cString: strerror(code))); check its path and permissions"
        case .cannotOpen(let path, .notDisk(let kind)):
            "disk image \(path) is \(kind?.words ?? "no file"); check its path"
        case .locked(let path, readOnly: false):
            "disk image \(path) is in use by another process; stop the virtual machine that has it, or use a copy"
        case .locked(let path, readOnly: true):
            "disk image \(path) is being written by another process; stop the virtual machine that has it, or use a copy"
        case .unsupported(let path, let feature):
            "disk image \(path) \(feature.words); convert it with qemu-img convert -O qcow2"
        case .damaged(let path, let damage):
            "disk image \(path) is damaged: \(damage.words); look at it with qemu-img check"
        case .needsRepair(let path, isCorrupt: false):
            "disk image \(path) was not closed by whoever wrote it last; repair it with qemu-img check -r all"
        case .needsRepair(let path, isCorrupt: true):
            "disk image \(path) is marked as damaged; repair it with qemu-img check -r all, or attach it read-only"
        case .unnamedFormat(let path, let backing):
            "disk image \(path) looks like qcow2 and names a backing file (\(backing)), which a guest of a raw disk could "
                + "have written; say that its format is qcow2 if it is"
        case .backingFormatMissing(let path, let backing):
            "disk image \(path) does not say in which format its backing file \(backing) is; record it with "
                + "qemu-img rebase -u -F FORMAT -b \(backing) \(path)"
        case .backingLoop(let path):
            "disk image \(path) is its own backing file; look at the chain with qemu-img info"
        case .backingChainTooLong(let path, let limit):
            "the chain of backing files behind \(path) is longer than \(limit); shorten it with qemu-img commit or rebase"
        case .backing(let path, let error): "the backing file of \(path) cannot be used: \(error)"
        case .foreign(let path, let format): "disk image \(path) \(format.words), or say what it is"
        case .otherBacking(let path, let backing, let wanted):
            "disk image \(path) is an overlay of \(backing ?? "nothing"), and not of \(wanted); name another file"
        case .noPlace(let path): "\(path) is a device, beside which there is no place for a copy; name a directory"
        case .alreadyThere(let path): "\(path) exists; name another file, or remove it"
        case .failed(let operation, let path, let code):
            "cannot \(operation) disk image \(path): \(String(cString: strerror(code))); check the host's storage"
        }
    }
}
