// A file that somebody named for something that is written once: whole, or as it was before.
//
// A regular file is replaced, and so is a symbolic link, which is not followed: the directory may be shared with
// others, who must not choose what is overwritten. A pipe or a character device is written to as it is, and so is a
// descriptor that was handed to this process (/dev/stderr, /dev/fd/63). Nothing here waits without end for whoever is
// to read it.

import Glibc

/// Why it cannot be written. To follow what was to be written, and its path.
public struct OutputFileError: AttributedError {
    public var path: String
    public var reason: String
    /// Whether it is the host's fault, and not the path's.
    public var isHosts: Bool

    public var description: String { "cannot write \(path): \(reason)" }

    public init(path: String, reason: String, isHosts: Bool) {
        self.path = path
        self.reason = reason
        self.isHosts = isHosts
    }
}

/// Where something is written to.
public struct OutputFile: Sendable {
    private enum Target {
        case replaced
        case inPlace
        case descriptor(Int32)
    }

    /// How long a reader that takes nothing is waited for, in milliseconds.
    private static let patience: Int32 = 10_000

    public let path: String
    private let target: Target

    /// Checks that `path` can be written to.
    public init(path: String) throws(OutputFileError) {
        func failure(_ reason: String, isHosts: Bool = false) -> OutputFileError {
            OutputFileError(path: path, reason: reason, isHosts: isHosts)
        }
        self.path = path
        if let descriptor = Self.inherited(path) {
            let flags = fcntl(descriptor, F_GETFL)
            guard flags >= 0 else { throw failure("it is not open") }
            guard flags & O_ACCMODE != O_RDONLY else { throw failure("it is open for reading only") }
            target = .descriptor(descriptor)
            return
        }
        guard !path.isEmpty else { throw failure("it has no name") }
        var status = stat()
        let kind: FileKind? = lstat(path, &status) == 0 ? FileKind(mode: status.st_mode) : .regular
        switch kind {
        case .regular, .symbolicLink:
            guard access(DurableFile.directory(of: path), W_OK | X_OK) == 0 else {
                throw failure(String(cString: strerror(errno)))
            }
            target = .replaced
        case .pipe, .characterDevice:
            guard access(path, W_OK) == 0 else { throw failure(String(cString: strerror(errno))) }
            target = .inPlace
        case .directory, .blockDevice, .socket, nil:
            throw failure("it is \(kind?.words ?? "no file")")
        }
    }

    /// The number of a descriptor that is named as a file, as /dev/stdout, /dev/fd/3 or /proc/self/fd/3. To open those
    /// again would begin at the start of a file that somebody else writes to as well.
    private static func inherited(_ path: String) -> Int32? {
        switch path {
        case "/dev/stdout": return STDOUT_FILENO
        case "/dev/stderr": return STDERR_FILENO
        default: break
        }
        for prefix in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(prefix) {
            return Int32(path.dropFirst(prefix.count))
        }
        return nil
    }

    /// Removes what is there and would be replaced.
    public func remove() throws(OutputFileError) {
        guard case .replaced = target, unlink(path) != 0, errno != ENOENT else { return }
        throw OutputFileError(path: path, reason: String(cString: strerror(errno)), isHosts: false)
    }

    /// Whether `path` leads to the same file as this one, which would be lost.
    public func isSame(as path: String) -> Bool {
        guard case .replaced = target, let own = FileIdentity(path: self.path) else { return false }
        return own == FileIdentity(path: path)
    }

    /// Writes `bytes`, and nothing else.
    public func write(_ bytes: [UInt8]) throws(OutputFileError) {
        switch target {
        case .replaced:
            do throws(DurableFileError) {
                try DurableFile.write(bytes, to: path)
            } catch { throw OutputFileError(path: path, reason: error.reason, isHosts: true) }
        case .descriptor(let descriptor):
            try write(bytes, to: descriptor)
        case .inPlace:
            let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
            guard descriptor >= 0 else {
                throw OutputFileError(
                    path: path,
                    reason: errno == ENXIO
                        ? "nobody reads that pipe; start its reader first" : String(cString: strerror(errno)),
                    isHosts: true)
            }
            defer { close(descriptor) }
            var status = stat()
            let kind = fstat(descriptor, &status) == 0 ? FileKind(mode: status.st_mode) : nil
            guard kind == .pipe || kind == .characterDevice else {
                throw OutputFileError(path: path, reason: "it became another file meanwhile", isHosts: false)
            }
            try write(bytes, to: descriptor)
        }
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws(OutputFileError) {
        guard let code = writeAll(bytes, to: descriptor, patience: Self.patience) else { return }
        let reason = code == ETIMEDOUT ? "its reader takes nothing" : String(cString: strerror(code))
        throw OutputFileError(path: path, reason: reason, isHosts: true)
    }
}
