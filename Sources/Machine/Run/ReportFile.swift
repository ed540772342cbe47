// The file that a report is written to: whole, or as it was before.
//
// What is there and is no regular file (a pipe, /dev/stderr) is written to as it is.

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
            guard access(DurableFile.directory(of: path), W_OK | X_OK) == 0, unlink(path) == 0 || errno == ENOENT else {
                throw failure()
            }
        case .other:
            guard access(path, W_OK) == 0 else { throw failure() }
        }
    }

    /// Writes the report as JSON, in a stable order.
    public func write(_ report: some Encodable) throws(ReportFileError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do {
            bytes = try [UInt8](encoder.encode(report)) + [UInt8(ascii: "\n")]
        } catch {
            throw ReportFileError(path: path, reason: "\(error)")
        }
        do throws(DurableFileError) {
            switch Self.kind(of: path) {
            case .other: try DurableFile.write(inPlace: bytes, to: path)
            case .absent, .directory, .regular: try DurableFile.write(bytes, to: path)
            }
        } catch { throw ReportFileError(path: path, reason: error.reason) }
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

    /// What `errno` says.
    private func failure() -> ReportFileError {
        ReportFileError(path: path, reason: String(cString: strerror(errno)))
    }
}
