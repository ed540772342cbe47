// Writing a file so that it is whole, or as it was before, whatever happens meanwhile.
//
// A temporary name in the same directory, synchronised, renamed, and the directory synchronised. Not responsible for what is
// in it.

import Glibc

/// Why a file could not be written: what the host says.
public struct DurableFileError: Error, Hashable {
    public var reason: String

    /// What `errno` says.
    init() {
        reason = String(cString: strerror(errno))
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

    /// Writes `bytes` to `path`.
    ///
    /// - Parameters:
    ///   - mode: the permissions of a new file, before the umask.
    ///   - didReach: called after each step, for tests that end the process there.
    public static func write(
        _ bytes: [UInt8], to path: String, mode: mode_t = 0o666, didReach: (Step) -> Void = { _ in }
    ) throws(DurableFileError) {
        let temporaryPath = "\(path).\(getpid()).tmp"
        do throws(DurableFileError) {
            didReach(.begun)
            try write(bytes, to: temporaryPath, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode) {
                didReach(.written)
            }
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

    /// Writes to what is there already, such as a pipe.
    static func write(inPlace bytes: [UInt8], to path: String) throws(DurableFileError) {
        try write(bytes, to: path, flags: O_WRONLY, mode: 0) {}
    }

    private static func write(
        _ bytes: [UInt8], to path: String, flags: Int32, mode: mode_t, didWrite: () -> Void
    ) throws(DurableFileError) {
        let descriptor = open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw DurableFileError() }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw DurableFileError() }
            rest = rest.dropFirst(count)
        }
        didWrite()
        // A pipe cannot be synchronised, and need not be.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else { throw DurableFileError() }
    }

    static func directory(of path: String) -> String {
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
