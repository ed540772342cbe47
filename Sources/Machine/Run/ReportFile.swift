// The file that a report is written to: whole, or as it was before.
//
// A regular file is written under a temporary name in its directory, synchronised, and renamed. What is there and is
// no regular file (a pipe, /dev/stderr) is written to as it is.

import FoundationEssentials
import Glibc

/// Why a report cannot be written. The text is for the user, one line.
public struct ReportFileError: Error, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String {
        "cannot write the report \(path): \(reason); give --report a path in a directory that can be written to"
    }
}

/// Where a report goes.
public struct ReportFile: Sendable {
    public let path: String

    /// Checks that a report can be written to `path`, and removes an older one: it would tell of another run.
    public init(path: String) throws(ReportFileError) {
        self.path = path
        switch Self.kind(of: path) {
        case .directory:
            throw ReportFileError(path: path, reason: "it is a directory")
        case .absent, .regular:
            guard access(directory, W_OK | X_OK) == 0, unlink(path) == 0 || errno == ENOENT else { throw failure() }
        case .other:
            guard access(path, W_OK) == 0 else { throw failure() }
        }
    }

    /// Writes the report as JSON, in a stable order.
    public func write(_ report: RunReport) throws(ReportFileError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do {
            bytes = try [UInt8](encoder.encode(report)) + [UInt8(ascii: "\n")]
        } catch {
            throw ReportFileError(path: path, reason: "\(error)")
        }
        if Self.kind(of: path) == .other {
            try write(bytes, to: path, flags: O_WRONLY)
            return
        }
        let temporaryPath = "\(path).\(getpid()).tmp"
        do throws(ReportFileError) {
            try write(bytes, to: temporaryPath, flags: O_WRONLY | O_CREAT | O_TRUNC)
            guard rename(temporaryPath, path) == 0 else { throw failure() }
        } catch {
            unlink(temporaryPath)
            throw error
        }
        synchronizeDirectory()
    }

    private enum Kind {
        case absent
        case regular
        case directory
        case other
    }

    private static func kind(of path: String) -> Kind {
        var status = stat()
        guard stat(path, &status) == 0 else { return .absent }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .regular
        case S_IFDIR: .directory
        default: .other
        }
    }

    private var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func write(_ bytes: [UInt8], to path: String, flags: Int32) throws(ReportFileError) {
        let descriptor = open(path, flags | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure() }
            rest = rest.dropFirst(count)
        }
        // A pipe cannot be synchronised, and need not be.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else { throw failure() }
    }

    /// Makes the new name last. If it cannot be done, the report is there all the same.
    private func synchronizeDirectory() {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// What `errno` says.
    private func failure() -> ReportFileError {
        ReportFileError(path: path, reason: String(cString: strerror(errno)))
    }
}
