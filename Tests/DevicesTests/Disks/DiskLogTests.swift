// The log of a run, and the disks that follow from it.

import Glibc
import Testing

@testable import Devices

@Suite("The log of a run's disks")
struct DiskLogTests {
    private static let entries: [DiskLog.Entry] = [
        .console(Array("hello\n".utf8)), .read(disk: 1, sector: 7, byteCount: 4096),
        .write(disk: 0, DiskWrite(sector: 3, bytes: [UInt8](repeating: 5, count: 1024))), .flush(disk: 0),
        .write(disk: 1, DiskWrite(sector: 0, bytes: [])), .flush(disk: 29),
        .write(disk: 2, DiskWrite(sector: 9, zeroedSectorCount: DiskWrite.maximumZeroedSectorCount)),
        .flashWrite(offset: 0x4_0003, bytes: [1, 2, 3]),
    ]
    private static let bytes = DiskLog.magic + entries.flatMap(\.bytes)

    @Test("What is written is read again")
    func roundTrip() throws {
        #expect(try DiskLog(bytes: Self.bytes).entries == Self.entries)
        #expect(try DiskLog(bytes: DiskLog.magic).entries == [])
    }

    @Test("A file that is no log, ends in the middle or is damaged is an error")
    func damaged() {
        #expect(throws: DiskLogError.noLog) { try DiskLog(bytes: []) }
        #expect(throws: DiskLogError.noLog) { try DiskLog(bytes: Array("DMLOG\u{2}\r\n".utf8)) }
        // Complete entries are a log too: those are the lengths at which one ends.
        var ends: Set = [DiskLog.magic.count]
        for entry in Self.entries { ends.insert((ends.max() ?? 0) + entry.bytes.count) }
        for count in DiskLog.magic.count..<Self.bytes.count where !ends.contains(count) {
            #expect(throws: DiskLogError.damaged) { try DiskLog(bytes: Array(Self.bytes.prefix(count))) }
        }
        var huge = DiskLog.Header(.write)
        huge.byteCount = .max
        #expect(throws: DiskLogError.damaged) { try DiskLog(bytes: DiskLog.magic + huge.bytes) }
        #expect(throws: DiskLogError.damaged) {
            try DiskLog(bytes: DiskLog.magic + DiskLog.Header(.write, byteCount: 3).bytes + [0, 0, 0])
        }
        for byteCount in [UInt64(511), UInt64(DiskWrite.maximumZeroedSectorCount + 1) * 512, .max] {
            huge = DiskLog.Header(.zeroes)
            huge.byteCount = byteCount
            #expect(throws: DiskLogError.damaged) { try DiskLog(bytes: DiskLog.magic + huge.bytes) }
        }
        #expect(throws: DiskLogError.damaged) {
            try DiskLog(bytes: DiskLog.magic + [9] + [UInt8](repeating: 0, count: 23))
        }
    }

    @Test("What a guest says is written before it fills memory, whole and before what came after")
    func longText() throws {
        let directory = try TemporaryDisk(sectors: 1)
        let path = directory.directory + "/log"
        defer { unlink(path) }
        let log = try DiskLogWriter(path: path)
        for _ in 0..<48 { log.said([UInt8](repeating: 65, count: 1 << 16)) }
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_size > 2 << 20)
        try log.append(.flush(disk: 0))
        var bytes = [UInt8](repeating: 0, count: 4 << 20)
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        let count = read(descriptor, &bytes, bytes.count)
        let entries = try DiskLog(bytes: Array(bytes.prefix(count))).entries
        let texts = entries.compactMap { if case .console(let text) = $0 { text.count } else { nil } }
        #expect(texts.reduce(0, +) == 3 << 20)
        #expect(entries.last == .flush(disk: 0))
    }

    @Test("Requests are logged in the order in which they were done, those that failed are not, and texts between them")
    func recording() throws {
        let directory = try TemporaryDisk(sectors: 1)
        let path = directory.directory + "/log"
        defer { unlink(path) }
        let log = try DiskLogWriter(path: path)
        let machine = try LaboratoryMachine(
            faults: [1: DiskFaults(rules: [.init(.write, 2, .fail(.noSpace))])], log: log)
        _ = try machine.write(0, sector: 4, fill: 1)
        log.said(Array("a".utf8))
        log.said(Array("b".utf8))
        _ = try machine.write(1, sector: 5, fill: 2)
        _ = try machine.write(1, sector: 6, fill: 3)
        _ = try machine.read(0, sector: 4, count: 2)
        _ = try machine.discard(0, (2, 3), (8, 1))
        try machine.devices[1].flush()
        #expect(
            try DiskLog(bytes: file(path)).entries == [
                .write(disk: 0, DiskWrite(sector: 4, bytes: [UInt8](repeating: 1, count: 512))),
                .console(Array("ab".utf8)),
                .write(disk: 1, DiskWrite(sector: 5, bytes: [UInt8](repeating: 2, count: 512))),
                .read(disk: 0, sector: 4, byteCount: 1024),
                .write(disk: 0, DiskWrite(sector: 2, zeroedSectorCount: 3)),
                .write(disk: 0, DiskWrite(sector: 8, zeroedSectorCount: 1)), .flush(disk: 1),
            ])
    }

    @Test("A log that cannot be made, or not to its end, is an error of the run")
    func unwritable() throws {
        #expect(throws: DiskFileError.self) { try DiskLogWriter(path: "/nonexistent/log") }
        let machine = try LaboratoryMachine(faults: [:], log: try DiskLogWriter(path: "/dev/null"))
        #expect(try machine.write(0, sector: 0, fill: 1) == .ok)
        #expect(throws: DiskFileError.failed(operation: "write", path: "/dev/full", errno: ENOSPC)) {
            try DiskLogWriter(path: "/dev/full")
        }
    }

    @Test("A log replaces an older one and a symbolic link, follows none, and waits for nobody to read a pipe")
    func place() throws {
        let victim = try TemporaryDisk(byteCount: 512)
        let log = try TemporaryDisk(byteCount: 512)
        let path = log.path
        for _ in 0..<2 {
            unlink(path)
            try #require(symlink(victim.path, path) == 0)
            let writer = try DiskLogWriter(path: path)
            withExtendedLifetime(writer) {}
            #expect(try DiskLog(bytes: file(path)).entries == [])
        }
        #expect(file(victim.path).count == 512)
        unlink(path)
        try #require(mkfifo(path, 0o600) == 0)
        #expect(throws: DiskFileError.notRegular(path: path)) { try DiskLogWriter(path: path) }
    }

    /// A request of a random run.
    private enum Request {
        case read(disk: Int)
        case write(disk: Int, DiskWrite)
        case flush(disk: Int)
    }

    @Test(
        "Cutting the power and constructing the disks from the log come to the same, for random runs", arguments: 0..<60
    )
    func constructionEqualsCut(seed: UInt64) throws {
        var random = Random(state: seed)
        let requests = (0..<40).map { number -> Request in
            let disk = Int.random(in: 0..<2, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: return .read(disk: disk)
            case 1: return .flush(disk: disk)
            case 2, 3:
                let count = Int.random(in: 1...6, using: &random)
                return .write(
                    disk: disk,
                    DiskWrite(sector: UInt64.random(in: 0..<26, using: &random), zeroedSectorCount: count))
            default:
                let count = Int.random(in: 1...6, using: &random)
                return .write(
                    disk: disk,
                    DiskWrite(
                        sector: UInt64.random(in: 0..<26, using: &random),
                        bytes: [UInt8](repeating: UInt8(number + 1), count: 512 * count)))
            }
        }
        let position = Int.random(in: 0..<requests.count, using: &random)
        let fates: [DiskFaults.Unflushed] = [.lose, .keep, .reorder(seed: seed)]
        let unflushed = fates[Int.random(in: 0..<3, using: &random)]
        var torn: Int?

        // The rule that cuts there.
        let rule: (disk: Int, DiskFaults.Rule)
        func number(_ matches: (Request) -> Bool) -> UInt64 { UInt64(requests[...position].count(where: matches)) }
        switch requests[position] {
        case .read(let disk):
            rule = (disk, .init(.read, number { if case .read(disk) = $0 { true } else { false } }, .cut))
        case .flush(let disk):
            rule = (disk, .init(.flush, number { if case .flush(disk) = $0 { true } else { false } }, .cut))
        case .write(let disk, _):
            let sectors = [nil, 0, 1, 2, 5][Int.random(in: 0..<5, using: &random)] as Int?
            torn = sectors
            let count = number { if case .write(disk, _) = $0 { true } else { false } }
            rule = (disk, .init(.write, count, torn.map { .tear(sectors: $0) } ?? .cut))
        }
        var faults = [0: DiskFaults(unflushed: unflushed), 1: DiskFaults(unflushed: unflushed)]
        faults[rule.disk]?.rules = [rule.1]

        let machine = try LaboratoryMachine(faults: faults)
        for request in requests {
            switch request {
            case .read(let disk): _ = try machine.read(disk, sector: 0)
            case .flush(let disk): _ = try machine.flush(disk)
            case .write(let disk, let write):
                switch write.content {
                case .bytes(let bytes): _ = try machine.write(disk, sector: write.sector, bytes: bytes)
                case .zeroes(let count): _ = try machine.discard(disk, (write.sector, UInt32(count)))
                }
            }
        }
        #expect(machine.powerCuts == 1)

        let log = DiskLog(
            entries: requests.map { request in
                switch request {
                case .read(let disk): .read(disk: disk, sector: 0, byteCount: 512)
                case .flush(let disk): .flush(disk: disk)
                case .write(let disk, let write): .write(disk: disk, write)
                }
            })
        let contents = log.contents(
            after: PowerCut(position: position, tornSectors: torn, unflushed: unflushed), diskCount: 2)
        for disk in 0..<2 {
            var expected = [UInt8](repeating: 0, count: 32 * 512)
            for write in contents[disk] {
                expected.replaceSubrange(Int(write.offset)..<Int(write.offset) + write.bytes.count, with: write.bytes)
            }
            #expect(machine.disks[disk].read(at: 0, count: 32 * 512) == expected)
        }
    }

    private func file(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    /// A generator that repeats: xorshift64.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        init(state: UInt64) { self.state = state &* 0x2545_F491_4F6C_DD1D | 1 }

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }
}
