// A disk image for one test, and the tools that make what is on it.

import Glibc
import Testing

/// Programs of Debian that make disks and compressed data, so that what is expected does not come from us.
enum Tool: String, CaseIterable {
    case mkswap, sfdisk, lzop, lz4
    case mkfsExt4 = "mkfs.ext4"
    case mkfsXFS = "mkfs.xfs"
    case mkfsBtrfs = "mkfs.btrfs"

    /// Makes a file system of the kind that mkfs(8) calls `kind`.
    static func mkfs(_ kind: String, _ path: String) throws {
        let tool = try #require(Tool(rawValue: "mkfs.\(kind)"))
        try tool.run(["-q", path])
    }

    /// Runs it and waits for it; its standard output goes to a file if there is one named, else nowhere.
    func run(_ arguments: [String], input: String = "/dev/null", output: String = "/dev/null") throws {
        let program = try #require(
            ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map { "\($0)/\(rawValue)" }
                .first { (path: String) in access(path, X_OK) == 0 }, "scripts/setup installs \(rawValue)")
        let strings = ([program] + arguments).map { (argument: String) in strdup(argument) } + [nil]
        defer { strings.forEach { free($0) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // mkswap warns that the page size is not the host's.
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var child = pid_t()
        try #require(posix_spawn(&child, program, &actions, nil, strings, environ) == 0)
        var status: Int32 = 0
        try #require(waitpid(child, &status, 0) == child && status == 0, "\(rawValue) \(arguments)")
    }
}

/// A file that is removed with the object.
final class TestDisk {
    let path: String

    /// A swap area of `byteCount` bytes for a guest with pages of `pageSize` bytes; nil for a disk of zeros.
    init(byteCount: Int = 1 << 20, swapPageSize: Int? = nil) throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try #require(descriptor >= 0 && ftruncate(descriptor, byteCount) == 0)
        close(descriptor)
        if let swapPageSize {
            try Tool.mkswap.run(["-q", "-p", "\(swapPageSize)", path])
        }
    }

    /// A file with `bytes`.
    convenience init(_ bytes: [UInt8]) throws {
        try self.init(byteCount: bytes.count)
        write(bytes, at: 0)
    }

    deinit {
        unlink(path)
    }

    /// Divides the disk as sfdisk is told to in `script`.
    func divide(_ script: String) throws {
        let file = try TestDisk(Array(script.utf8))
        try Tool.sfdisk.run(["-q", "--no-reread", "--no-tell-kernel", path], input: file.path)
    }

    /// Makes a swap area of `byteCount` bytes at `offset`.
    func makeSwap(at offset: Int, byteCount: Int, pageSize: Int) throws {
        let area = try TestDisk(byteCount: byteCount, swapPageSize: pageSize)
        write(area.read(at: 0, count: pageSize), at: offset)
    }

    func read(at offset: Int, count: Int) -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let length = pread(descriptor, &bytes, count, offset)
        return Array(bytes.prefix(max(length, 0)))
    }

    var bytes: [UInt8] {
        var status = stat()
        stat(path, &status)
        return read(at: 0, count: status.st_size)
    }

    func write(_ bytes: [UInt8], at offset: Int) {
        let descriptor = open(path, O_WRONLY)
        defer { close(descriptor) }
        pwrite(descriptor, bytes, bytes.count, offset)
    }

    func truncate(to byteCount: Int) {
        Glibc.truncate(path, byteCount)
    }

    /// What the kernel does last when it hibernates (mark_swapfiles): the fields of `struct swsusp_header` from its
    /// end backwards are sig (10), orig_sig (10), flags (4), image (8), crc32 (4), hw_sig (4).
    func hibernate(at offset: Int = 0, pageSize: Int, hwSig: UInt32, crc32: UInt32, image: UInt64, flags: UInt32) {
        let originalSignature = read(at: offset + pageSize - 10, count: 10)
        let fields =
            littleEndian(hwSig) + littleEndian(crc32) + littleEndian(image) + littleEndian(flags) + originalSignature
            + Array("S1SUSPEND\0".utf8)
        write(fields, at: offset + pageSize - 40)
    }
}

func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// SplitMix64: random numbers that a seed repeats.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
