// The host's files, as a share reaches them.
//
// Responsible for: that nothing above the root, and nothing that a symbolic link leads to, is ever opened. A place is
// walked to from the root, entry by entry, each without following links; a descriptor of the entry itself (O_PATH) is
// what everything is done with afterwards. Only regular files and directories are opened, since to open a device or a
// FIFO of the host's does something. Not responsible for: who may do what in the guest.
//
// The kernel's openat2(2) with RESOLVE_BENEATH would walk in one call; Swift cannot call it, and older kernels have not
// got it.

import Glibc

/// Flags of Linux's that the C library's module leaves out; they are the same on all architectures.
enum LinuxFlag {
    /// O_PATH of open(2): a descriptor of the entry, with which nothing is opened.
    static let path: Int32 = 0o10000000
    /// AT_EMPTY_PATH of fchownat(2): the descriptor itself is meant.
    static let emptyPath: Int32 = 0x1000
}

/// An entry of a directory, by its name.
struct HostPlace {
    let directory: HostFile
    let name: [UInt8]
}

/// A descriptor, closed with the object.
final class HostFile {
    /// By what it was found.
    enum Origin {
        /// It is the directory that is shared.
        case root
        case place(HostPlace)
        /// It is open to be used, whatever has become of its name.
        case unknown
    }

    let descriptor: Int32
    let origin: Origin

    /// Throws what the host said, if there is none.
    init(_ descriptor: Int32, _ origin: Origin = .unknown) throws(LinuxError) {
        guard descriptor >= 0 else { throw .last }
        self.descriptor = descriptor
        self.origin = origin
    }

    deinit { close(descriptor) }

    /// A path that leads to what is open, for calls that take no descriptor like this one.
    var path: String { "/proc/self/fd/\(descriptor)" }

    var status: stat {
        get throws(LinuxError) {
            var status = stat()
            try LinuxError.check(fstat(descriptor, &status))
            return status
        }
    }

    /// An entry of this directory, whatever it is, and not where it leads if it is a link.
    func entry(_ name: [UInt8]) throws(LinuxError) -> HostFile {
        try HostFile(
            openat(descriptor, cString(name), LinuxFlag.path | O_NOFOLLOW | O_CLOEXEC),
            .place(HostPlace(directory: self, name: name)))
    }

    /// A directory in this directory.
    func directory(_ name: [UInt8]) throws(LinuxError) -> HostFile {
        try HostFile(openat(descriptor, cString(name), LinuxFlag.path | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC))
    }

    /// What this is, open to be used.
    ///
    /// - Parameter flags: as in open(2); what this is exists.
    func opened(_ flags: Int32) throws(LinuxError) -> HostFile {
        switch try status.st_mode & S_IFMT {
        case S_IFREG, S_IFDIR: break
        case S_IFLNK: throw .isLoop
        default: throw .noDevice
        }
        return try HostFile(open(path, flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW) | O_CLOEXEC | O_NONBLOCK))
    }
}

/// What the C library takes for a name.
func cString(_ name: [UInt8]) -> [CChar] { name.map { CChar(bitPattern: $0) } + [0] }

/// The directory that is shared.
struct HostFiles {
    let root: HostFile

    /// - Parameter path: of a directory; links in it are followed, as whoever shares it says where it is.
    init(path: String) throws(LinuxError) {
        root = try HostFile(open(path, LinuxFlag.path | O_DIRECTORY | O_CLOEXEC), .root)
    }

    /// What is at a place, whatever it is.
    func file(_ node: FileNode) throws(LinuxError) -> HostFile {
        guard node.parent != nil else { return root }
        guard !node.isGone else { throw .noEntry }
        return try directory(of: node).entry(node.name)
    }

    /// The directory that a place is in. The root is in itself.
    func directory(of node: FileNode) throws(LinuxError) -> HostFile {
        guard let parent = node.parent else { return root }
        return try directory(parent)
    }

    /// The directory that is at a place.
    func directory(_ node: FileNode) throws(LinuxError) -> HostFile {
        var directory = root
        var above: FileNode? = node
        while let current = above {
            guard !current.isGone else { throw .noEntry }
            above = current.parent
        }
        for name in node.path { directory = try directory.directory(name) }
        return directory
    }
}
