import FoundationEssentials
import Glibc
import Testing

@testable import HostSupport

@Suite("Which file a path leads to")
struct FileIdentityTests {
    /// A directory as /sys/dev/block: sda with sda1 and sda2, loop0 on a file, loop1 on a partition of loop0, and a
    /// volume on sda2 and sdb.
    private final class BlockDevices {
        let path: String
        let file: String

        init() throws {
            var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
            path = String(cString: try #require(mkdtemp(&template)))
            file = path + "/backing.img"
            for device in ["sda/sda1", "sda/sda2", "sdb", "loop0/loop0p1", "loop0/loop", "loop1/loop", "dm-0/slaves"] {
                try FileManager.default.createDirectory(
                    atPath: "\(path)/devices/\(device)", withIntermediateDirectories: true)
            }
            try write("", to: "backing.img")
            for (name, number) in [
                ("sda", "8:0"), ("sda/sda1", "8:1"), ("sda/sda2", "8:2"), ("sdb", "8:16"), ("loop0", "7:0"),
                ("loop0/loop0p1", "259:0"), ("loop1", "7:1"), ("dm-0", "253:0"),
            ] {
                try write(number + "\n", to: "devices/\(name)/dev")
                try #require(symlink("devices/\(name)", "\(path)/\(number)") == 0)
            }
            for partition in ["sda/sda1", "sda/sda2", "loop0/loop0p1"] {
                try write("1\n", to: "devices/\(partition)/partition")
            }
            try write(file + "\n", to: "devices/loop0/loop/backing_file")
            try write("/nonexistent (deleted)\n", to: "devices/loop1/loop/backing_file")
            for (slave, target) in [("sda2", "sda/sda2"), ("sdb", "sdb")] {
                try #require(symlink("../../\(target)", "\(path)/devices/dm-0/slaves/\(slave)") == 0)
            }
        }

        private func write(_ text: String, to name: String) throws {
            try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private static let sda = FileIdentity.blockDevice(major: 8, minor: 0)
    private static let sda1 = FileIdentity.blockDevice(major: 8, minor: 1)
    private static let sda2 = FileIdentity.blockDevice(major: 8, minor: 2)
    private static let sdb = FileIdentity.blockDevice(major: 8, minor: 16)
    private static let loop0 = FileIdentity.blockDevice(major: 7, minor: 0)
    private static let loop0p1 = FileIdentity.blockDevice(major: 259, minor: 0)
    private static let loop1 = FileIdentity.blockDevice(major: 7, minor: 1)
    private static let volume = FileIdentity.blockDevice(major: 253, minor: 0)

    @Test("A partition is a part of its disk, a loop device of its file, and a volume of all that it is on")
    func parts() throws {
        let devices = try BlockDevices()
        let file = try #require(FileIdentity(path: devices.file))
        func overlap(_ one: FileIdentity, _ other: FileIdentity) -> Bool {
            let result = FileIdentity.overlap(one, other, blockDevices: devices.path)
            #expect(result == FileIdentity.overlap(other, one, blockDevices: devices.path))
            return result
        }
        for (one, other) in [
            (Self.sda, Self.sda), (Self.sda, Self.sda1), (Self.loop0, file), (Self.loop0p1, file),
            (Self.loop0p1, Self.loop0), (Self.volume, Self.sda2), (Self.volume, Self.sda), (Self.volume, Self.sdb),
        ] {
            #expect(overlap(one, other), "\(one) \(other)")
        }
        for (one, other) in [
            (Self.sda1, Self.sda2), (Self.sda, Self.sdb), (Self.volume, Self.sda1), (Self.loop1, file),
            (Self.loop0, Self.loop1), (Self.sda, file),
        ] {
            #expect(!overlap(one, other), "\(one) \(other)")
        }
    }

    @Test("Links of both kinds lead to the same file, and nothing to none")
    func links() throws {
        let devices = try BlockDevices()
        let file = try #require(FileIdentity(path: devices.file))
        try #require(link(devices.file, devices.path + "/hard") == 0)
        try #require(symlink("hard", devices.path + "/soft") == 0)
        #expect(FileIdentity(path: devices.path + "/hard") == file)
        #expect(FileIdentity(path: devices.path + "/soft") == file)
        #expect(FileIdentity(path: devices.path) != file)
        #expect(FileIdentity(path: devices.path + "/none") == nil)
    }
}
