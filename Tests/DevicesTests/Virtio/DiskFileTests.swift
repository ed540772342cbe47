import Devices
import DiskImages
import Glibc
import Testing

@Suite("Disk files")
struct DiskFileTests {
    @Test("A writable disk is refused to a second user, in words that say what to do")
    func exclusive() throws {
        let disk = try TemporaryDisk(sectors: 8)
        let first = try DiskFile(path: disk.path)
        for readOnly in [false, true] {
            let error = #expect(throws: DiskFileError.self) { try DiskFile(path: disk.path, readOnly: readOnly) }
            #expect(error == .locked(path: disk.path, readOnly: readOnly))
            let text = try #require(error?.description)
            #expect(text.contains(disk.path))
            #expect(text.contains("stop the virtual machine that has it"))
        }
        #expect(first.byteCount == 4096)
    }

    @Test("A read-only disk is shared between readers, and refused to a writer")
    func shared() throws {
        let disk = try TemporaryDisk(sectors: 8)
        let readers = try [DiskFile(path: disk.path, readOnly: true), DiskFile(path: disk.path, readOnly: true)]
        #expect(readers.map(\.isReadOnly) == [true, true])
        // The locks last as long as the readers, which would otherwise go after their last use.
        withExtendedLifetime(readers) {
            _ = #expect(throws: DiskFileError.locked(path: disk.path, readOnly: false)) {
                try DiskFile(path: disk.path)
            }
        }
    }

    @Test("The lock ends with the disk's user")
    func unlock() throws {
        let disk = try TemporaryDisk(sectors: 8)
        for _ in 0..<2 {
            let file = try DiskFile(path: disk.path)
            #expect(!file.isReadOnly)
        }
    }

    @Test("A lock of another process counts")
    func otherProcess() throws {
        let disk = try TemporaryDisk(sectors: 8)
        var ready: [Int32] = [0, 0]
        var done: [Int32] = [0, 0]
        try #require(pipe(&ready) == 0 && pipe(&done) == 0)
        // The shell has the file open and locked for us: an open-file-description lock is inherited across exec.
        let descriptor = open(disk.path, O_RDWR)
        var lock = Glibc.flock()
        lock.l_type = Int16(F_WRLCK)
        try #require(fcntl(descriptor, 37, &lock) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, descriptor, 5)
        posix_spawn_file_actions_adddup2(&actions, ready[1], 1)
        posix_spawn_file_actions_adddup2(&actions, done[0], 0)
        for end in ready + done { posix_spawn_file_actions_addclose(&actions, end) }
        var child = pid_t()
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup("echo; read x"), nil]
        try #require(posix_spawn(&child, "/bin/sh", &actions, nil, arguments, nil) == 0)
        arguments.forEach { free($0) }
        var byte: UInt8 = 0
        try #require(Glibc.read(ready[0], &byte, 1) == 1)
        close(descriptor)

        #expect(throws: DiskFileError.locked(path: disk.path, readOnly: false)) { try DiskFile(path: disk.path) }
        for end in ready + done { close(end) }
        var status: Int32 = 0
        #expect(waitpid(child, &status, 0) == child)
        _ = try DiskFile(path: disk.path)
    }

    @Test("A missing file is named")
    func missing() throws {
        for path in ["/nonexistent/disk.img", "/dev/null/disk.img", ""] {
            let error = #expect(throws: DiskFileError.self) { try DiskFile(path: path) }
            #expect(error == .notFound(path: path))
            #expect(error?.description.contains("create it") == true)
        }
    }

    @Test("A directory is no disk", arguments: [true, false])
    func directory(readOnly: Bool) {
        #expect(throws: DiskFileError.isDirectory(path: "/tmp")) { try DiskFile(path: "/tmp", readOnly: readOnly) }
    }

    @Test("Neither a character device nor a FIFO is a disk, and opening one does not wait")
    func special() throws {
        #expect(throws: DiskFileError.notDisk(path: "/dev/null")) { try DiskFile(path: "/dev/null") }
        let disk = try TemporaryDisk(sectors: 1)
        unlink(disk.path)
        try #require(mkfifo(disk.path, 0o600) == 0)
        for readOnly in [true, false] {
            #expect(throws: DiskFileError.notDisk(path: disk.path)) {
                try DiskFile(path: disk.path, readOnly: readOnly)
            }
        }
    }

    @Test("A size that is no multiple of 512 is refused, with a way out", arguments: [1, 511, 513, 1_000_000])
    func partialSector(byteCount: Int) throws {
        let disk = try TemporaryDisk(byteCount: byteCount)
        let error = #expect(throws: DiskFileError.self) { try DiskFile(path: disk.path) }
        #expect(error == .partialSector(path: disk.path, byteCount: UInt64(byteCount)))
        #expect(error?.description.contains("truncate -s %512") == true)
    }

    @Test(
        "What only resembles another format is a raw disk",
        arguments: [
            // A boot sector with code, an ext4 file system's beginning, LUKS, and formats cut short or with other
            // numbers.
            (0, [0xEB, 0x63, 0x90]), (0, Array("LUKS\u{BA}\u{BE}".utf8)), (0, [0x1F, 0x8B]),
            (0, [0x1F, 0x8B, 8, 0xE0]),
            (0, Array("BZh9 is not compressed".utf8)), (0, [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 9]),
            (63, [0x7F, 0x10, 0xDA, 0xBE]), (0, Array("conectix".utf8)), (8 * 512 - 512, Array("conectix".utf8)),
            (512, Array("vhdxfile".utf8)),
        ] as [(Int, [UInt8])])
    func resembling(offset: Int, bytes: [UInt8]) throws {
        let disk = try TemporaryDisk(sectors: 8)
        disk.write(bytes, at: offset)
        #expect(try DiskFile(path: disk.path).byteCount == 8 * 512)
    }

    @Test("A file in another format is refused whatever its size, and opened if somebody insists")
    func foreign() throws {
        for byteCount in [10, 1000, 4096] {
            let disk = try TemporaryDisk(byteCount: byteCount)
            disk.write([0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 1], at: 0)
            let error = #expect(throws: DiskFileError.self) { try DiskFile(path: disk.path) }
            #expect(error?.description.contains("qcow") == true)
        }
        let disk = try TemporaryDisk(sectors: 8)
        disk.write(Array("QED\0".utf8), at: 0)
        #expect(try DiskFile(path: disk.path, format: .raw).byteCount == 4096)
    }

    @Test("An empty file is refused")
    func empty() throws {
        let disk = try TemporaryDisk(byteCount: 0)
        #expect(throws: DiskFileError.empty(path: disk.path)) { try DiskFile(path: disk.path) }
    }

    @Test("A file that may not be written is refused for writing, and the text offers read-only")
    func permission() throws {
        // A file that not even root may write: one of the kernel's own read-only ones.
        let path = "/sys/kernel/notes"
        let error = #expect(throws: DiskFileError.self) { try DiskFile(path: path) }
        #expect(error == .permissionDenied(path: path, readOnly: false))
        #expect(error?.description.contains("attach it read-only") == true)
    }
}
