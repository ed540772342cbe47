// Writing a file so that it is whole, or as it was before, whatever happens meanwhile.
//
// A temporary name in the same directory, synchronised, renamed, and the directory synchronised. The directory may be
// shared with others, such as /tmp: the temporary name is random, and the file is made anew or not at all, so that
// nobody can have put a link to another file there. Not responsible for what is in it.

import Glibc

/// Why a file could not be written: what the host says.
public struct DurableFileError: Error, Hashable {
    /// The number of that.
    public var errno: Int32
    public var reason: String

    init(errno code: Int32 = Glibc.errno) {
        errno = code
        reason = String(cString: strerror(code))
    }
}

/// A file that is replaced as a whole.
public enum DurableFile {
    /// What is done one after another. A crash before `renamed` leaves the file as it was.
    public enum Step: String, Sendable, CaseIterable {
        case begun
        case written
        case synchronized
        case renamed
        case finished
    }

    /// Who may use the file.
    public enum Access: Sendable {
        /// Whom the umask lets.
        case byUmask
        /// Its owner alone, whatever the umask.
        case ownerOnly
    }

    /// Writes `bytes` to `path`. What was there is replaced: a symbolic link is not followed.
    ///
    /// - Parameters:
    ///   - bytes: all that the file is to have.
    ///   - path: of the file.
    ///   - access: who may read it.
    ///   - didReach: called after each step, for tests that end the process there.
    public static func write(
        _ bytes: [UInt8], to path: String, access: Access = .byUmask, didReach: (Step) -> Void = { _ in }
    ) throws(DurableFileError) {
        didReach(.begun)
        let (temporaryPath, descriptor) = try makeTemporary(in: directory(of: path), access: access)
        do throws(DurableFileError) {
            defer { close(descriptor) }
            try write(bytes, to: descriptor) { didReach(.written) }
            didReach(.synchronized)
            guard rename(temporaryPath, path) == 0 else { throw DurableFileError() }
        } catch {
            unlink(temporaryPath)
            throw error
        }
        didReach(.renamed)
        synchronizeDirectory(of: path)
        didReach(.finished)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, didWrite: () -> Void) throws(DurableFileError) {
        if let code = writeAll(bytes, to: descriptor) { throw DurableFileError(errno: code) }
        didWrite()
        // A pipe cannot be synchronised, and need not be.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else { throw DurableFileError() }
    }

    // MARK: Temporary files

    private static let temporaryPrefix = ".dormouse-"
    private static let temporarySuffix = ".tmp"
    /// Names are random, so one that is taken is somebody's on purpose.
    private static let attempts = 16

    /// Makes an empty file in `directory` that nobody else knows, open for writing. Whoever calls this closes it, and
    /// renames or removes it.
    public static func makeTemporary(
        in directory: String, access: Access
    ) throws(DurableFileError) -> (path: String, descriptor: Int32) {
        var generator = SystemRandomNumberGenerator()
        for attempt in 1...attempts {
            let number = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            let path = "\(directory)/\(temporaryPrefix)\(number)\(temporarySuffix)"
            let descriptor = open(
                path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, access == .ownerOnly ? 0o600 : 0o666)
            if descriptor < 0 && (errno == EEXIST || errno == EINTR) && attempt < attempts { continue }
            guard descriptor >= 0 else { break }
            // The umask may have taken its owner's rights, too.
            if access == .ownerOnly { fchmod(descriptor, 0o600) }
            return (path, descriptor)
        }
        throw DurableFileError()
    }

    /// Whether a file of that name is one that `write` left when its process was killed, if nobody is writing it now.
    /// Earlier versions named them after the file and the process: `state.json.123.tmp`.
    public static func isTemporary(name: String) -> Bool {
        guard name.hasSuffix(temporarySuffix) else { return false }
        if name.hasPrefix(temporaryPrefix) { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).dropLast()
        return parts.count > 1 && parts.last.map { !$0.isEmpty && $0.allSatisfy(\.isWholeNumber) } ?? false
    }

    // MARK: Directories

    public static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a new name last. If it cannot be done, the file is there all the same.
    public static func synchronizeDirectory(of path: String) {
        let descriptor = open(directory(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
