import Foundation
import HostSupport
import TestSupport
import Testing

@testable import DiskImages

/// Random operations by us and by QEMU, on one image.
@Suite("qcow2: operations", .needs(QEMUTool.areThere, "qemu-img and qemu-io: apt-get install qemu-utils"))
struct Qcow2OperationTests {
    /// A kind of image.
    struct Kind: Sendable, CustomTestStringConvertible {
        var clusterBits = 16
        var version: UInt32 = 3
        var refcountOrder = 4
        /// `raw` or `qcow2`.
        var backing: String?
        var compression: String?
        /// Made by `qemu-img`, with a snapshot after some operations.
        var hasSnapshot = false
        var extra = ""

        var testDescription: String {
            "v\(version), clusters of \(1 << clusterBits), refcounts of \(1 << refcountOrder)"
                + (backing.map { ", over \($0)" } ?? "") + (compression.map { ", \($0)" } ?? "")
                + (hasSnapshot ? ", snapshot" : "") + extra
        }

        var options: String {
            "cluster_size=\(1 << clusterBits),compat=\(version == 2 ? "0.10" : "1.1")"
                + (version == 2 ? "" : ",refcount_bits=\(1 << refcountOrder)")
                + (compression.map { ",compression_type=\($0)" } ?? "") + extra
        }
    }

    static let kinds: [Kind] = [
        Kind(), Kind(version: 2), Kind(clusterBits: 9), Kind(clusterBits: 9, version: 2), Kind(clusterBits: 12),
        Kind(clusterBits: 21), Kind(backing: "raw"), Kind(backing: "qcow2"), Kind(version: 2, backing: "raw"),
        Kind(clusterBits: 9, version: 2, backing: "qcow2"), Kind(clusterBits: 9, refcountOrder: 6),
        Kind(clusterBits: 12, refcountOrder: 0), Kind(clusterBits: 9, refcountOrder: 1),
        Kind(clusterBits: 10, refcountOrder: 2), Kind(clusterBits: 11, refcountOrder: 3),
        Kind(clusterBits: 13, refcountOrder: 5), Kind(compression: "zstd"),
        Kind(clusterBits: 12, backing: "qcow2", compression: "zstd"), Kind(hasSnapshot: true),
        Kind(clusterBits: 9, hasSnapshot: true), Kind(clusterBits: 12, version: 2, backing: "raw", hasSnapshot: true),
        Kind(extra: ",lazy_refcounts=on"), Kind(clusterBits: 12, extra: ",preallocation=metadata"),
    ]

    private static let diskByteCount = 2 << 20

    /// An image with what should be in it.
    private struct Subject {
        var path: String
        var model: [UInt8]
        var numbers: Numbers

        /// Somewhere on the disk: often whole clusters, often little.
        mutating func range(_ clusterBits: Int) -> Range<Int> {
            let unit = [512, 4096, 1 << clusterBits].filter { $0 < model.count }
            let size = unit[numbers.below(unit.count)]
            let start = numbers.below(model.count / size) * size
            let count = (numbers.below(numbers.below(4) == 0 ? 64 : 4) + 1) * size
            return start..<min(model.count, start + count)
        }
    }

    private func makeImage(_ kind: Kind, byUs: Bool, in directory: TemporaryDirectory, _ seed: UInt64) throws -> Subject
    {
        var numbers = Numbers(seed)
        let path = directory.file("disk.qcow2")
        var model = [UInt8](repeating: 0, count: Self.diskByteCount)
        var backing: [String] = []
        if let format = kind.backing {
            // Shorter than the disk.
            let bytes = numbers.bytes(1 << 20) + [UInt8](repeating: 0, count: 512 * 3)
            model.replaceSubrange(..<bytes.count, with: bytes)
            let raw = directory.file("base.raw")
            try Data(bytes).write(to: URL(filePath: raw))
            if format == "qcow2" {
                try QEMUTool.expect(
                    "qemu-img", ["convert", "-c", "-f", "raw", "-O", "qcow2", raw, directory.file("base.qcow2")])
            }
            backing = ["-b", "base.\(format)", "-F", format]
        }
        if byUs {
            var options = Qcow2Image.Options()
            options.version = kind.version
            options.clusterBits = kind.clusterBits
            options.refcountOrder = kind.refcountOrder
            options.backing = try kind.backing.map {
                Qcow2Image.Backing(name: "base.\($0)", format: try #require(DiskFormat(rawValue: $0)))
            }
            try Qcow2Image.create(at: path, byteCount: UInt64(model.count), options: options)
        } else {
            try QEMUTool.expect(
                "qemu-img", ["create", "-q", "-f", "qcow2"] + backing + ["-o", kind.options, path, "\(model.count)"])
        }
        try QEMUTool.check(path)
        return Subject(path: path, model: model, numbers: numbers)
    }

    /// Operations of ours.
    private func work(_ subject: inout Subject, _ kind: Kind, count: Int, _ limits: Qcow2Tables.Limits) throws {
        let disk = try HostDisk(path: subject.path, forWriting: true)
        let file = HostImageFile(disk, path: subject.path)
        let header = try Qcow2Header(file)
        let chain = try BackingChain(behind: header, at: subject.path, identities: [], locks: true)
        let image = try Qcow2Image(file, header: header, readOnly: false, chain: chain, limits: limits)
        for _ in 0..<count {
            let range = subject.range(kind.clusterBits)
            let offset = UInt64(range.lowerBound)
            let bytes = UInt64(range.lowerBound)..<UInt64(range.upperBound)
            switch subject.numbers.below(10) {
            case 0..<4:
                let new = subject.numbers.bytes(range.count)
                try image.write(new, at: offset)
                subject.model.replaceSubrange(range, with: new)
            case 4, 5:
                try image.clear(bytes, .writeZeroes(mayUnmap: subject.numbers.below(2) == 0))
                subject.model.replaceSubrange(range, with: repeatElement(0, count: range.count))
            case 6:
                try image.clear(bytes, .discard)
                let left = try image.bytes(range.count, at: offset)
                // As a sector was, or as what is behind it, or zero: the guest gave it up.
                subject.model.replaceSubrange(range, with: left)
            case 7: try image.synchronize()
            default:
                let found = try image.bytes(range.count, at: offset)
                try #require(found == Array(subject.model[range]), "\(range)")
            }
        }
        try #require(try image.bytes(subject.model.count, at: 0) == subject.model)
        try image.synchronize()
    }

    /// Operations of QEMU.
    private func workByQEMU(_ subject: inout Subject, _ kind: Kind, count: Int) throws {
        var commands: [String] = []
        var compressed: [(start: Int, size: Int, pattern: UInt8)] = []
        for _ in 0..<count {
            let range = subject.range(kind.clusterBits)
            let place = "\(range.lowerBound) \(range.count)"
            let pattern = UInt8(subject.numbers.below(255) + 1)
            switch subject.numbers.below(5) {
            case 0, 1:
                commands += ["-c", "write -P \(pattern) \(place)"]
                subject.model.replaceSubrange(range, with: repeatElement(pattern, count: range.count))
            case 2:
                commands += ["-c", "write -z -u \(place)"]
                subject.model.replaceSubrange(range, with: repeatElement(0, count: range.count))
            case 3:
                commands += ["-c", "write -z \(place)"]
                subject.model.replaceSubrange(range, with: repeatElement(0, count: range.count))
            default:
                // Compressed clusters are whole, and only in the place of none.
                let size = 1 << kind.clusterBits
                let start = subject.numbers.below(max(1, subject.model.count / size - 1)) * size
                guard start + size <= subject.model.count else { continue }
                compressed.append((start, size, pattern))
            }
        }
        let text = try QEMUTool.expect("qemu-io", ["-f", "qcow2"] + commands + [subject.path])
        try #require(!text.contains("failed") && !text.contains("rror"), "\(text)")
        for (start, size, pattern) in compressed {
            let answer = try QEMUTool.run(
                "qemu-io",
                [
                    "-f", "qcow2", "-c", "discard \(start) \(size)", "-c", "write -c -P \(pattern) \(start) \(size)",
                    subject.path,
                ])
            if answer.text.contains("write failed") {
                let left = try QEMUTool.contents(subject.path)
                subject.model.replaceSubrange(start..<start + size, with: left[start..<start + size])
            } else {
                subject.model.replaceSubrange(start..<start + size, with: repeatElement(pattern, count: size))
            }
        }
    }

    @Test("QEMU reads what we write, and we read what QEMU writes, byte for byte", arguments: kinds, [false, true])
    func operations(kind: Kind, byUs: Bool) throws {
        if byUs, kind.compression != nil || !kind.extra.isEmpty { return }
        let directory = try TemporaryDirectory()
        // The largest clusters make QEMU's part slow.
        let rounds = kind.clusterBits == 21 ? 2 : 3
        var subject = try makeImage(
            kind, byUs: byUs, in: directory, UInt64(kind.clusterBits) << 8 | UInt64(kind.refcountOrder))
        var snapshot: [UInt8]?
        for round in 0..<rounds {
            // Caches so small that they are always full, every other time.
            let limits =
                round % 2 == 0
                ? Qcow2Tables.Limits(l2Slices: 2, refcountSlices: 2, releases: 8) : Qcow2Tables.Limits()
            try work(&subject, kind, count: 40, limits)
            try QEMUTool.check(subject.path)
            try #require(try QEMUTool.contents(subject.path) == subject.model)
            if kind.hasSnapshot, round == 0 {
                try QEMUTool.expect("qemu-img", ["snapshot", "-c", "first", subject.path])
                snapshot = subject.model
            }
            try workByQEMU(&subject, kind, count: 12)
            try QEMUTool.check(subject.path)
        }
        try #require(try QEMUTool.contents(subject.path) == subject.model)
        if let snapshot {
            let raw = directory.file("snapshot.raw")
            try QEMUTool.expect(
                "qemu-img", ["convert", "-l", "snapshot.name=first", "-f", "qcow2", "-O", "raw", subject.path, raw])
            #expect(Array(try Data(contentsOf: URL(filePath: raw))) == snapshot)
            try QEMUTool.expect("qemu-img", ["snapshot", "-a", "first", subject.path])
            #expect(try Qcow2Image(path: subject.path, readOnly: true).bytes(snapshot.count, at: 0) == snapshot)
            try QEMUTool.expect("qemu-img", ["snapshot", "-d", "first", subject.path])
            try QEMUTool.check(subject.path)
        }
    }

    @Test("The refcount table grows with the file")
    func growth() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("disk.qcow2")
        var options = Qcow2Image.Options()
        options.clusterBits = 9
        options.refcountOrder = 6
        // A block counts 64 clusters, a cluster of the table 64 blocks: 2 MiB of file.
        try Qcow2Image.create(at: path, byteCount: 16 << 20, options: options)
        var numbers = Numbers(7)
        let bytes = numbers.bytes(9 << 20)
        do {
            let image = try Qcow2Image(path: path, readOnly: false)
            for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
                try image.write(Array(bytes[start..<start + 1 << 20]), at: UInt64(start))
            }
            try image.synchronize()
        }
        try QEMUTool.check(path)
        #expect(try QEMUTool.contents(path).prefix(bytes.count).elementsEqual(bytes))
    }

    @Test("What is let go of is taken again, and the file gives its room back")
    func reuse() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("disk.qcow2")
        try Qcow2Image.create(at: path, byteCount: 64 << 20)
        var numbers = Numbers(3)
        do {
            let image = try Qcow2Image(path: path, readOnly: false)
            for _ in 0..<20 {
                try image.write(numbers.bytes(4 << 20), at: 0)
                try image.synchronize()
                try image.clear(0..<4 << 20, .discard)
                try image.synchronize()
            }
        }
        try QEMUTool.check(path)
        var status = stat()
        try #require(stat(path, &status) == 0)
        #expect(status.st_size < 8 << 20)
        #expect(status.st_blocks * 512 < 1 << 20)
    }
}
