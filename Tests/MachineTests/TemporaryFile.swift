// Files for tests.

import Glibc

struct FileError: Error {
    var path: String
    var code: Int32
}

/// A file that is removed with the object.
final class TemporaryFile: Sendable {
    let path: String

    init(_ bytes: [UInt8] = []) throws {
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
    var contents: [UInt8] {
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

/// Swap areas as Linux leaves them (`struct swsusp_header` of kernel/power/swap.c, little-endian, 4 KiB pages).
enum SwapArea {
    static func withImage(hardwareSignature: UInt32) -> [UInt8] {
        var page = [UInt8](repeating: 0, count: 4096)
        func put(_ bytes: [UInt8], fromEnd distance: Int) {
            page.replaceSubrange(page.count - distance..<page.count - distance + bytes.count, with: bytes)
        }
        put(withUnsafeBytes(of: hardwareSignature.littleEndian, Array.init), fromEnd: 40)
        // SF_HW_SIG.
        put([8, 0, 0, 0], fromEnd: 24)
        put(Array("SWAPSPACE2".utf8), fromEnd: 20)
        put(Array("S1SUSPEND".utf8), fromEnd: 10)
        return page
    }
}
