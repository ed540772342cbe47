// A disk image for one test.

import Glibc

/// A file that is removed with its directory when the object goes.
final class TemporaryDisk {
    let directory: String
    var path: String { directory + "/disk.img" }

    /// A sparse disk of `sectors` × 512 bytes.
    convenience init(sectors: Int) throws {
        try self.init(byteCount: sectors * 512)
    }

    /// A file of `byteCount` bytes, whole sectors or not.
    init(byteCount: Int) throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFileError(errno: errno) }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard descriptor >= 0, ftruncate(descriptor, byteCount) == 0 else { throw TestFileError(errno: errno) }
        close(descriptor)
    }

    deinit {
        unlink(path)
        rmdir(directory)
    }

    /// `count` bytes at `offset`, as the host sees them.
    func read(at offset: Int, count: Int) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let length = pread(descriptor, &bytes, count, offset)
        return Array(bytes.prefix(max(length, 0)))
    }

    func write(_ bytes: [UInt8], at offset: Int) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        pwrite(descriptor, bytes, bytes.count, offset)
    }

    /// Cuts the file off, behind the back of whoever has it open.
    func truncate(byteCount: Int) {
        _ = Glibc.truncate(path, byteCount)
    }
}

struct TestFileError: Error {
    let errno: Int32
}
