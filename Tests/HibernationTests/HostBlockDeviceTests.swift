import Glibc
import Testing

@testable import Hibernation

@Suite("What the host knows of a block device")
struct HostBlockDeviceTests {
    /// A tree like sysfs and procfs.
    private final class Tree {
        let path: String
        var host: HostFiles { HostFiles(sys: "\(path)/sys", proc: "\(path)/proc") }

        init(_ files: [String: String], links: [String: String] = [:]) throws {
            path = try Shell.run("mktemp -d /tmp/dormouse-test-XXXXXX")
            for (name, content) in files.merging(["proc/sys/kernel/random/boot_id": "b00t"], uniquingKeysWith: { $1 }) {
                try Shell.run(#"mkdir -p "$(dirname "$1")"; printf '%s\n' "$2" >"$1""#, "\(path)/\(name)", content)
            }
            for (name, target) in links {
                try Shell.run(#"mkdir -p "$(dirname "$1")"; ln -s "$2" "$1""#, "\(path)/\(name)", "\(path)/\(target)")
            }
        }

        deinit { _ = try? Shell.run("rm -rf \"$1\"", path) }
    }

    /// Columns as Documentation/block/stat.rst has them.
    private static func stat(writes: Int, sectors: Int, discards: Int = 0, discarded: Int = 0, flushes: Int = 0)
        -> String
    {
        "  100 0 200 3 \(writes) 9 \(sectors) 4 0 5 6 \(discards) 8 \(discarded) 1 \(flushes) 2"
    }

    @Test("Writes and discards are counted, reads and flushes are not")
    func counters() throws {
        func device(_ stat: String, iostats: String = "1") throws -> HostBlockDevice {
            let tree = try Tree([
                "sys/dev/block/8:0/stat": stat, "sys/dev/block/8:0/queue/iostats": iostats,
                "sys/dev/block/8:0/diskseq": "12",
            ])
            return HostBlockDevice(major: 8, minor: 0, tree.host)
        }
        let then = try device(Self.stat(writes: 1, sectors: 8))
        #expect(then.boot == "b00t" && then.sequence == "12" && then.counts && then.backing == nil)
        // A flush is counted among the writes as well.
        #expect(try device(Self.stat(writes: 6, sectors: 8, flushes: 5)).writes == then.writes)
        #expect(try device(Self.stat(writes: 2, sectors: 16)).writes != then.writes)
        #expect(try device(Self.stat(writes: 1, sectors: 8, discards: 1, discarded: 64)).writes != then.writes)
        #expect(try !device(Self.stat(writes: 0, sectors: 0)).counts)
        // A kernel that counts no discards, a host that is told not to count, and something else.
        #expect(try device("1 2 3 4 1 6 8 0 0 0 0").writes == then.writes)
        #expect(try device(Self.stat(writes: 1, sectors: 8), iostats: "0").writes == nil)
        #expect(try device("nothing").writes == nil)
    }

    @Test("What a disk is called in its own words is kept, and nothing is there where sysfs is not")
    func identity() throws {
        let tree = try Tree([
            "sys/dev/block/259:0/wwid": "eui.0001", "sys/dev/block/259:0/device/serial": "S1",
            "sys/dev/block/253:4/dm/uuid": "LVM-abc",
        ])
        #expect(
            HostBlockDevice(major: 259, minor: 0, tree.host).identity == ["wwid": "eui.0001", "device/serial": "S1"])
        #expect(HostBlockDevice(major: 253, minor: 4, tree.host).identity == ["dm/uuid": "LVM-abc"])
        let nothing = HostBlockDevice(major: 1, minor: 1, HostFiles(sys: "/nonexistent", proc: "/nonexistent"))
        #expect(nothing == HostBlockDevice(identity: [:]))
    }

    @Test("A partition has its own counters, its disk's sequence and name, and what was written around it")
    func partition() throws {
        let disk = "sys/devices/pci/nvme0n1"
        let tree = try Tree(
            [
                "\(disk)/stat": Self.stat(writes: 100, sectors: 1000), "\(disk)/queue/iostats": "1",
                "\(disk)/diskseq": "3", "\(disk)/wwid": "eui.0001", "\(disk)/uevent": "MAJOR=259\nDEVNAME=nvme0n1",
                "\(disk)/nvme0n1p1/stat": Self.stat(writes: 60, sectors: 600),
                "\(disk)/nvme0n1p2/stat": Self.stat(writes: 30, sectors: 320), "\(disk)/nvme0n1p2/partition": "2",
                "\(disk)/nvme0n1p2/uevent": "DEVNAME=nvme0n1p2\nPARTN=2\nPARTUUID=1234-5678",
            ], links: ["sys/dev/block/259:2": "\(disk)/nvme0n1p2", "sys/dev/block/259:0": disk])
        let device = HostBlockDevice(major: 259, minor: 2, tree.host)
        #expect(device.writes == "320 0" && device.writesAround == "80 0" && device.sequence == "3")
        #expect(device.identity == ["wwid": "eui.0001", "PARTN": "2", "PARTUUID": "1234-5678"])
        let whole = HostBlockDevice(major: 259, minor: 0, tree.host)
        #expect(whole.writes == "1000 0" && whole.writesAround == nil)
    }

    @Test("The file behind a loop device is looked at, unless it is gone or none")
    func backing() throws {
        let file = try TestDisk(byteCount: 8192)
        func device(_ path: String) throws -> HostBlockDevice {
            let tree = try Tree(["sys/dev/block/7:0/loop/backing_file": path, "sys/dev/block/7:0/loop/offset": "512"])
            return HostBlockDevice(major: 7, minor: 0, tree.host)
        }
        let backing = try #require(try device(file.path).backing)
        #expect(backing.path == file.path && backing.byteCount == 8192 && backing.offset == "512")
        #expect(try device("\(file.path) (deleted)").backing == nil)
        #expect(try device("/dev/null").backing?.byteCount == nil)
    }
}
