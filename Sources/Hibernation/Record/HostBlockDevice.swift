// What the host's kernel knows of a block device: which it is, and whether something was written to it.
//
// Responsible for: reading sysfs. The times of a device's node say nothing, and the node is a new one after every
// boot. Not responsible for what is on the device (`DiskVolume`), nor for what a difference means (`DiskComparison`).
//
// Follows Linux's Documentation/block/stat.rst and Documentation/ABI/stable/sysfs-block.

import Glibc
import SystemPackage

/// A block device of the host, as it was left.
public struct HostBlockDevice: Codable, Hashable, Sendable {
    /// Which boot of the host this was. Counters and sequence mean nothing in another one.
    public var boot: String?
    /// The kernel's number of this incarnation of the device: another one for other media, or another file behind it.
    public var sequence: String?
    /// Sectors written and discarded since then. Nil if the host does not count them.
    public var writes: String?
    /// Of a partition: the same of the whole disk, where it was not written by way of a partition.
    public var writesAround: String?
    /// What the device, or what it is made of, says that it is: numbers that stay from boot to boot.
    public var identity: [String: String]
    /// Of a loop device: the file behind it.
    public var backing: BackingFile?

    /// A file that is a block device's content.
    public struct BackingFile: Codable, Hashable, Sendable {
        public var path: String
        public var byteCount: UInt64
        /// The host's numbers of file system and file, and times, as of a disk that is a file.
        public var file: String
        public var modified: String
        public var changed: String
        /// Where in it the device begins.
        public var offset: String
    }

    /// Whether the host counted anything at all. Some drivers do not; their counters stay zero.
    var counts: Bool { writes.map { $0 != Counters().text } ?? false }
}

/// Where the host's kernel tells about itself; elsewhere in tests.
public struct HostFiles: Sendable {
    var sys: String
    var proc: String

    public init(sys: String = "/sys", proc: String = "/proc") {
        self.sys = sys
        self.proc = proc
    }

    /// The first line of a small file; nil if it cannot be read or is empty.
    func line(_ path: String) -> String? {
        guard let text = text(path) else { return nil }
        let line = text.prefix { $0 != "\n" }
        return line.isEmpty ? nil : String(line)
    }

    func text(_ path: String) -> String? {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                var bytes = [UInt8](repeating: 0, count: 4096)
                // Safe: `read` fills at most as many bytes as there are, and says how many it did.
                let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
                return String(decoding: bytes.prefix(count), as: UTF8.self)
            }
        } catch { return nil }
    }
}

/// Sums of sectors.
private struct Counters {
    /// Written, and discarded. The numbers of requests are no evidence: a flush counts as a write of nothing.
    var values: [UInt64] = [0, 0]
    /// Their columns in `stat`. Kernels before 4.18 have none for discards.
    private static let columns = [6, 13]

    init() {}

    init?(stat: String) {
        let columns = stat.split(whereSeparator: \.isWhitespace).map { UInt64($0) }
        guard columns.count > Self.columns[0] else { return nil }
        values = Self.columns.map { $0 < columns.count ? columns[$0] ?? 0 : 0 }
    }

    var text: String { values.map(String.init).joined(separator: " ") }

    static func - (left: Counters, right: Counters) -> Counters {
        var result = left
        for index in result.values.indices { result.values[index] = result.values[index] &- right.values[index] }
        return result
    }
}

extension HostBlockDevice {
    /// Partitions of one disk that are looked for: GPT's usual number.
    private static let partitionCount = 128

    /// The device of these numbers.
    init(major: UInt32, minor: UInt32, _ host: HostFiles) {
        let path = "\(host.sys)/dev/block/\(major):\(minor)"
        let isPartition = host.line("\(path)/partition") != nil
        let whole = isPartition ? "\(path)/.." : path
        boot = host.line("\(host.proc)/sys/kernel/random/boot_id")
        sequence = host.line("\(whole)/diskseq")
        identity = [:]
        // A host may be told not to count.
        if host.line("\(whole)/queue/iostats") == "1" {
            writes = Self.counters(path, host)?.text
            if isPartition { writesAround = Self.counters(around: whole, host)?.text }
        }
        for name in ["wwid", "device/wwid", "serial", "device/serial", "dm/uuid", "md/uuid"] {
            if let value = host.line("\(whole)/\(name)") { identity[name] = value }
        }
        if isPartition {
            for line in (host.text("\(path)/uevent") ?? "").split(separator: "\n") {
                let (key, value) = (line.prefix { $0 != "=" }, line.drop { $0 != "=" }.dropFirst())
                if ["PARTN", "PARTUUID"].contains(key) { identity[String(key)] = String(value) }
            }
        }
        if let file = host.line("\(whole)/loop/backing_file") {
            backing = BackingFile(path: file, offset: host.line("\(whole)/loop/offset") ?? "0")
        }
    }

    private static func counters(_ path: String, _ host: HostFiles) -> Counters? {
        host.line("\(path)/stat").flatMap(Counters.init(stat:))
    }

    /// What was written to a disk but not by way of its partitions, which are counted with it.
    private static func counters(around whole: String, _ host: HostFiles) -> Counters? {
        guard var counters = counters(whole, host),
            let name = host.text("\(whole)/uevent")?.split(separator: "\n").first(where: { $0.hasPrefix("DEVNAME=") })?
                .dropFirst("DEVNAME=".count)
        else { return nil }
        // nvme0n1p2, but sda2.
        let prefix = "\(whole)/\(name)" + (name.last?.isNumber == true ? "p" : "")
        for number in 1...partitionCount {
            if let partition = Self.counters("\(prefix)\(number)", host) { counters = counters - partition }
        }
        return counters
    }
}

extension HostBlockDevice.BackingFile {
    /// Nil if there is no such regular file: it was deleted, or lies in another mount namespace or below another
    /// device.
    init?(path: String, offset: String) {
        do throws(RawDiskError) {
            self = try RawDisk.withDisk(at: path) { disk throws(RawDiskError) in
                let status = try disk.status()
                guard status.isFile else { throw .cannotRead(path: path, .notPermitted) }
                return Self(
                    path: path, byteCount: disk.byteCount, file: status.file, modified: "\(status.modified)",
                    changed: "\(status.changed)", offset: offset)
            }
        } catch { return nil }
    }
}
