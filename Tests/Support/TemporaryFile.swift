// Files for tests.

import Glibc

public struct FileError: Error {
    public var path: String
    public var code: Int32

    public init(path: String, code: Int32) {
        self.path = path
        self.code = code
    }
}

/// A file that is removed with the object.
public final class TemporaryFile: Sendable {
    public let path: String

    public init(_ bytes: [UInt8] = []) throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
            throw FileError(path: path, code: errno)
        }
        close(descriptor)
    }

    deinit {
        unlink(path)
    }

    /// What is in the file now.
    public var contents: [UInt8] {
        get throws {
            let descriptor = open(path, O_RDONLY)
            guard descriptor >= 0 else { throw FileError(path: path, code: errno) }
            defer { close(descriptor) }
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(descriptor, &bytes, bytes.count)
            guard count >= 0 else { throw FileError(path: path, code: errno) }
            return Array(bytes.prefix(count))
        }
    }
}
