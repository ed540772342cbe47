// A file that nobody finds before it is whole: one that takes long to write, and that an interrupt or the host's end
// may cut off.
//
// Where the file system can (`O_TMPFILE` of open(2)), it has no name until then, so that whoever is killed leaves nothing
// behind. Not responsible for what is in it; small files are `DurableFile`'s.

import Glibc

/// Such a file. It goes when the value goes, unless it got its name.
public struct DraftFile: ~Copyable {
    /// What this process can open it by.
    public let path: String
    /// What other processes of this user can open it by, as long as this one has it: in the same PID namespace.
    public var pathForOthers: String { hasName ? path : "/proc/\(getpid())/fd/\(descriptor)" }
    private let descriptor: Int32
    private let hasName: Bool

    /// O_TMPFILE, which is no constant to Swift: __O_TMPFILE, the same on every architecture that Dormouse runs on.
    private static let withoutName = 0o20_000_000 | O_DIRECTORY

    /// - Parameters:
    ///   - directory: where it is to be: on the file system of its later place.
    ///   - access: who may use it.
    ///   - hasName: whether it has a name all the same, as where the file system can do nothing else.
    public init(
        in directory: String, access: DurableFile.Access, hasName: Bool = false
    ) throws(DurableFileError) {
        let descriptor =
            hasName ? -1 : open(directory, Self.withoutName | O_RDWR | O_CLOEXEC, access == .ownerOnly ? 0o600 : 0o666)
        if descriptor >= 0 {
            if access == .ownerOnly { fchmod(descriptor, 0o600) }
            self.descriptor = descriptor
            self.hasName = false
            path = "/proc/self/fd/\(descriptor)"
        } else {
            // Not every file system has such files; why there cannot be any, the other way says, too.
            (path, self.descriptor) = try DurableFile.makeTemporary(in: directory, access: access)
            self.hasName = true
        }
    }

    /// Gives it its name, when what is in it is on stable storage.
    ///
    /// - Parameters:
    ///   - target: a path in its directory.
    ///   - replaces: whether what is there goes. If it does not, the error's `errno` is EEXIST.
    public func name(_ target: String, replaces: Bool = false) throws(DurableFileError) {
        guard fsync(descriptor) == 0 else { throw DurableFileError() }
        if replaces { try replace(target) } else { try link(as: target) }
        DurableFile.synchronizeDirectory(of: target)
    }

    private func replace(_ target: String) throws(DurableFileError) {
        guard !hasName else {
            guard rename(path, target) == 0 else { throw DurableFileError() }
            return
        }
        // A link cannot replace anything, and so it has another name for a moment, in which nobody is to end this.
        var endings = sigset_t()
        var old = sigset_t()
        sigemptyset(&endings)
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] { sigaddset(&endings, number) }
        pthread_sigmask(SIG_BLOCK, &endings, &old)
        defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
        let (temporary, other) = try DurableFile.makeTemporary(
            in: DurableFile.directory(of: target), access: .ownerOnly)
        close(other)
        unlink(temporary)
        try link(as: temporary)
        guard rename(temporary, target) == 0 else {
            let error = DurableFileError()
            unlink(temporary)
            throw error
        }
    }

    private func link(as target: String) throws(DurableFileError) {
        guard linkat(AT_FDCWD, path, AT_FDCWD, target, hasName ? 0 : AT_SYMLINK_FOLLOW) == 0 else {
            throw DurableFileError()
        }
    }

    deinit {
        close(descriptor)
        if hasName { unlink(path) }
    }
}
