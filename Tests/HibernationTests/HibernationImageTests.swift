import Glibc
import Hibernation
import Testing

/// A disk image for one test, made by mkswap unless the test wants something else.
private final class TestDisk {
    let path: String

    /// A swap area of `byteCount` bytes for a guest with pages of `pageSize` bytes; nil for a disk of zeros.
    init(byteCount: Int = 1 << 20, swapPageSize: Int? = nil) throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try #require(descriptor >= 0 && ftruncate(descriptor, byteCount) == 0)
        close(descriptor)
        if let swapPageSize {
            try makeSwap(pageSize: swapPageSize)
        }
    }

    deinit {
        unlink(path)
    }

    private func makeSwap(pageSize: Int) throws {
        let mkswap = try #require(
            ["/usr/sbin/mkswap", "/sbin/mkswap"].first { (path: String) in access(path, X_OK) == 0 },
            "install util-linux for mkswap")
        let arguments: [UnsafeMutablePointer<CChar>?] =
            [mkswap, "-q", "-p", "\(pageSize)", path].map { (argument: String) in strdup(argument) } + [nil]
        defer { arguments.forEach { free($0) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // It warns that the page size is not the host's.
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var child = pid_t()
        try #require(posix_spawn(&child, mkswap, &actions, nil, arguments, nil) == 0)
        var status: Int32 = 0
        try #require(waitpid(child, &status, 0) == child && status == 0)
    }

    func read(at offset: Int, count: Int) -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let length = pread(descriptor, &bytes, count, offset)
        return Array(bytes.prefix(max(length, 0)))
    }

    func write(_ bytes: [UInt8], at offset: Int) {
        let descriptor = open(path, O_WRONLY)
        defer { close(descriptor) }
        pwrite(descriptor, bytes, bytes.count, offset)
    }

    /// What the kernel does last when it hibernates (mark_swapfiles): the fields of `struct swsusp_header` from its
    /// end backwards are sig (10), orig_sig (10), flags (4), image (8), crc32 (4), hw_sig (4).
    func hibernate(pageSize: Int, hwSig: UInt32, crc32: UInt32, image: UInt64, flags: UInt32) {
        let originalSignature = read(at: pageSize - 10, count: 10)
        let fields =
            littleEndian(hwSig) + littleEndian(crc32) + littleEndian(image) + littleEndian(flags) + originalSignature
            + Array("S1SUSPEND\0".utf8)
        write(fields, at: pageSize - 40)
    }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

@Suite("Hibernation images")
struct HibernationImageTests {
    @Test("A hibernated swap area is found, and its header is read", arguments: [4096, 16384, 65536])
    func found(pageSize: Int) throws {
        let disk = try TestDisk(swapPageSize: pageSize)
        disk.hibernate(
            pageSize: pageSize, hwSig: 0xC0FF_EE01, crc32: 0x1234_5678, image: 0x0123_4567_89AB, flags: 4 | 8)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.pageSize == pageSize)
        #expect(image.swapAreaOffset == 0)
        #expect(image.hardwareSignature == 0xC0FF_EE01)
        #expect(image.checksum == 0x1234_5678)
        #expect(image.firstSector == 0x0123_4567_89AB)
        #expect(image.flags == [.crc32Mode, .hwSig])
        #expect(image.originalSignature == .swapSpace2)
    }

    @Test("The fields of a 4 KiB header are where Linux puts them")
    func layout() throws {
        let disk = try TestDisk()
        disk.write(littleEndian(UInt32(0xAABB_CCDD)), at: 4056)
        disk.write(littleEndian(UInt32(7)), at: 4060)
        disk.write(littleEndian(UInt64(2)), at: 4064)
        disk.write(littleEndian(UInt32(8 + 2)), at: 4072)
        disk.write(Array("SWAP-SPACE".utf8), at: 4076)
        disk.write(Array("S1SUSPEND\0".utf8), at: 4086)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.hardwareSignature == 0xAABB_CCDD)
        #expect(image.checksum == nil)
        #expect(image.firstSector == 2)
        #expect(image.flags == [.hwSig, .noCompressMode])
        #expect(image.originalSignature == .swapSpace)
    }

    @Test("Signature and checksum are absent without their flags")
    func withoutFlags() throws {
        let disk = try TestDisk(swapPageSize: 4096)
        disk.hibernate(pageSize: 4096, hwSig: 1, crc32: 2, image: 3, flags: 0)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.hardwareSignature == nil)
        #expect(image.checksum == nil)
        #expect(image.flags == [])
    }

    @Test("Swap without an image is no image", arguments: [4096, 16384, 65536])
    func plainSwap(pageSize: Int) throws {
        let disk = try TestDisk(swapPageSize: pageSize)
        #expect(disk.read(at: pageSize - 10, count: 10) == Array("SWAPSPACE2".utf8))
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test("A resumed or discarded image is no image")
    func resumed() throws {
        let disk = try TestDisk(swapPageSize: 4096)
        disk.hibernate(pageSize: 4096, hwSig: 1, crc32: 2, image: 3, flags: 8)
        disk.write(disk.read(at: 4076, count: 10), at: 4086)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test(
        "A disk that is no swap area, or too small for one, has no image",
        arguments: [0, 1, 4095, 4096, 65535, 1 << 20])
    func noSwap(byteCount: Int) throws {
        let disk = try TestDisk(byteCount: byteCount)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test("A signature that is not exactly the kernel's is none")
    func nearlySignatures() throws {
        let disk = try TestDisk()
        for text in ["S1SUSPENDx", "S1SUSPEN\0\0", "s1suspend\0", "\0S1SUSPEND"] {
            disk.write(Array(text.utf8), at: 4086)
            #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
        }
        // In the right place for no page size.
        disk.write([UInt8](repeating: 0, count: 10), at: 4086)
        disk.write(Array("S1SUSPEND\0".utf8), at: 8192 - 10)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test("A hostile header is reported as it is")
    func hostile() throws {
        let disk = try TestDisk(byteCount: 65536)
        disk.write([UInt8](repeating: 0xFF, count: 65536), at: 0)
        disk.write(Array("S1SUSPEND\0".utf8), at: 65526)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.pageSize == 65536)
        #expect(image.firstSector == UInt64.max)
        #expect(image.flags.rawValue == UInt32.max)
        #expect(image.hardwareSignature == UInt32.max)
        #expect(image.originalSignature == nil)
    }

    @Test("A disk that cannot be read is an error that says so")
    func unreadable() throws {
        for path in ["/nonexistent/disk.img", "/tmp"] {
            let error = #expect(throws: RawDiskError.self) { try HibernationImage.find(onDiskAt: path) }
            #expect(error?.description.contains(path) == true)
            #expect(error?.description.contains("check") == true)
        }
    }
}
