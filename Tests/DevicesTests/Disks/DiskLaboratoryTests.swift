// Disks that fail as they were told to. What must be on the medium is virtio 1.2 §5.2.6.2's: nothing is sure to be
// there before a flush, everything is after it.

import Glibc
import Hypervisor
import Synchronization
import Testing

@testable import Devices

@Suite("Disks in the laboratory")
struct DiskLaboratoryTests {
    @Test("A power cut at a write loses it and what was not flushed, and keeps what was")
    func lose() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.write, 3, .cut)])])
        #expect(try machine.write(0, sector: 1, fill: 1) == .ok)
        #expect(try machine.flush(0) == .ok)
        #expect(try machine.write(0, sector: 2, fill: 2) == .ok)
        #expect(machine.powerCuts == 0)
        #expect(try machine.write(0, sector: 3, fill: 3) == .unanswered)
        #expect(machine.powerCuts == 1)
        #expect(machine.medium(0, sectors: 5) == [0, 1, 0, 0, 0])
    }

    @Test("Nothing is answered after a power cut, on any disk, and nothing more reaches a medium")
    func dead() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.flush, 1, .cut)], unflushed: .keep)])
        #expect(try machine.write(0, sector: 1, fill: 1) == .ok)
        #expect(try machine.write(1, sector: 1, fill: 1) == .ok)
        #expect(try machine.flush(0) == .unanswered)
        #expect(try machine.write(1, sector: 2, fill: 2) == .unanswered)
        #expect(try machine.read(1, sector: 1) == nil)
        #expect(try machine.flush(1) == .unanswered)
        for device in machine.devices { try device.flush() }
        // The first disk was to keep what was not flushed, and of the other one nothing was said.
        #expect(machine.medium(0, sectors: 3) == [0, 1, 0])
        #expect(machine.medium(1, sectors: 3) == [0, 0, 0])
        #expect(machine.powerCuts == 1)
    }

    @Test("A flush of one disk is none of another")
    func flushOfOne() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.read, 1, .cut)])])
        #expect(try machine.write(0, sector: 1, fill: 1) == .ok)
        #expect(try machine.write(1, sector: 1, fill: 1) == .ok)
        #expect(try machine.flush(1) == .ok)
        #expect(try machine.read(0, sector: 1) == nil)
        #expect(machine.medium(0, sectors: 2) == [0, 0])
        #expect(machine.medium(1, sectors: 2) == [0, 1])
    }

    @Test("A write is torn where the rule says, whatever else is lost", arguments: [0, 1, 3, 4, 9])
    func tear(sectors: Int) throws {
        let machine = try LaboratoryMachine(
            faults: [0: DiskFaults(rules: [.init(.write, 2, .tear(sectors: sectors))], unflushed: .lose)])
        #expect(try machine.write(0, sector: 0, fill: 1, count: 8) == .ok)
        #expect(try machine.write(0, sector: 2, fill: 2, count: 4) == .unanswered)
        let torn = min(sectors, 4)
        #expect(
            machine.medium(0, sectors: 8)
                == [0, 0] + [UInt8](repeating: 2, count: torn) + [UInt8](repeating: 0, count: 6 - torn))
    }

    @Test("A disk that nobody says is raw becomes no qcow2 here either, held back or not")
    func becomesQcow2() throws {
        let bytes = [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3] + [UInt8](repeating: 7, count: 1016)
        // Nothing is held back; all that is not flushed is; and a write that is torn.
        for rule in [nil, DiskFaults.Rule(.flush, 2, .cut), DiskFaults.Rule(.write, 1, .tear(sectors: 1))] {
            let faults = DiskFaults(rules: rule.map { [$0] } ?? [], unflushed: .keep)
            let machine = try LaboratoryMachine(faults: [0: faults])
            let outcome = try machine.write(0, sector: 0, bytes: bytes)
            _ = try machine.flush(0)
            #expect(machine.medium(0, sectors: 2) == [0, 0], "\(outcome)")
            guard machine.powerCuts == 0 else { continue }
            #expect(outcome == .ioError)
            // Elsewhere it means nothing.
            #expect(try machine.write(0, sector: 1, bytes: bytes) == .ok)
            #expect(try machine.write(0, sector: 0, fill: 5) == .ok)
            #expect(try machine.flush(0) == (rule == nil ? .ok : .unanswered))
            #expect(machine.medium(0, sectors: 3) == [5, 0xBA, 7])
        }
    }

    @Test("Reordered writes are a part of them, of two to a sector possibly the first, the same for the same seed")
    func reorder() throws {
        func outcome(seed: UInt64) throws -> [UInt8] {
            let machine = try LaboratoryMachine(
                faults: [0: DiskFaults(rules: [.init(.flush, 1, .cut)], unflushed: .reorder(seed: seed))])
            for sector in UInt64(0)..<8 { #expect(try machine.write(0, sector: sector, fill: 1) == .ok) }
            for sector in UInt64(0)..<8 { #expect(try machine.write(0, sector: sector, fill: 2) == .ok) }
            #expect(try machine.flush(0) == .unanswered)
            return machine.medium(0, sectors: 8)
        }
        let outcomes = try (0..<16).map { try outcome(seed: UInt64($0 * 4)) }
        #expect(try outcome(seed: 12) == outcomes[3])
        #expect(Set(outcomes).count > 8)
        for value in UInt8(0)...2 { #expect(outcomes.contains { $0.contains(value) }) }
        // Both were written, and the first is what is left of them: that takes another order.
        #expect(outcomes.flatMap { $0 }.count { $0 == 1 } > 16)
    }

    @Test("Reads find what was written and not flushed, wherever the buffers are cut")
    func readsSeeTheCache() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.flush, 2, .cut)])])
        #expect(try machine.write(0, sector: 0, fill: 1, count: 4) == .ok)
        #expect(try machine.flush(0) == .ok)
        #expect(try machine.write(0, sector: 1, fill: 2, count: 2) == .ok)
        #expect(try machine.write(0, sector: 2, fill: 3) == .ok)
        #expect(machine.medium(0, sectors: 4) == [1, 1, 1, 1])
        #expect(try machine.read(0, sector: 0, count: 5, cutAt: [100, 700, 1500]) == [1, 2, 3, 1, 0])
    }

    @Test("A discard is a write of zeros: it is lost, kept, torn and counted as one", arguments: 0..<4)
    func discard(kind: Int) throws {
        let faults = [
            DiskFaults(rules: [.init(.flush, 2, .cut)], unflushed: .lose),
            DiskFaults(rules: [.init(.flush, 2, .cut)], unflushed: .keep),
            DiskFaults(rules: [.init(.write, 2, .tear(sectors: 3))]),
            DiskFaults(rules: [.init(.write, 2, .short(sectors: 3))]),
        ]
        let machine = try LaboratoryMachine(faults: [0: faults[kind]])
        #expect(try machine.write(0, sector: 0, fill: 7, count: 8) == .ok)
        #expect(try machine.flush(0) == .ok)
        let outcomes: [LaboratoryMachine.Outcome] = [.ok, .ok, .unanswered, .ioError]
        #expect(try machine.discard(0, (1, 2), (5, 2)) == outcomes[kind])
        if kind < 2 {
            #expect(machine.medium(0, sectors: 8) == [7, 7, 7, 7, 7, 7, 7, 7])
            #expect(try machine.read(0, sector: 0, count: 8) == [7, 0, 0, 7, 7, 0, 0, 7])
            #expect(try machine.flush(0) == .unanswered)
        }
        let media: [[UInt8]] = [
            [7, 7, 7, 7, 7, 7, 7, 7], [7, 0, 0, 7, 7, 0, 0, 7], [7, 0, 0, 7, 7, 0, 7, 7], [7, 0, 0, 7, 7, 0, 7, 7],
        ]
        #expect(machine.medium(0, sectors: 8) == media[kind])
    }

    @Test("Without a power cut, everything is on the medium at the end of the run")
    func noCut() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.write, 9, .cut)])])
        #expect(try machine.write(0, sector: 1, fill: 1) == .ok)
        #expect(try machine.write(1, sector: 1, fill: 2) == .ok)
        for device in machine.devices { try device.flush() }
        #expect(machine.medium(0, sectors: 2) == [0, 1])
        #expect(machine.medium(1, sectors: 2) == [0, 2])
        #expect(machine.powerCuts == 0)
    }

    @Test("The machine's own flush at the end of a run counts, and the power may go at it")
    func cutAtTheEnd() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.flush, 2, .cut)])])
        #expect(try machine.flush(0) == .ok)
        #expect(try machine.write(0, sector: 1, fill: 1) == .ok)
        try machine.devices[0].flush()
        #expect(machine.powerCuts == 1)
        #expect(machine.medium(0, sectors: 2) == [0, 0])
    }

    @Test(
        "The host's errors reach the guest as an I/O error of that request, and nothing is done",
        arguments: [DiskFaults.HostError.inputOutput, .noSpace])
    func errors(error: DiskFaults.HostError) throws {
        let rules = [
            DiskFaults.Rule(.write, 2, .fail(error)), .init(.read, 1, .fail(error)), .init(.flush, 1, .fail(error)),
        ]
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: rules)])
        #expect(try machine.write(0, sector: 1, fill: 1) == .ok)
        #expect(try machine.write(0, sector: 1, fill: 2) == .ioError)
        #expect(try machine.flush(0) == .ioError)
        #expect(try machine.read(0, sector: 1) == nil)
        #expect(try machine.write(0, sector: 2, fill: 3) == .ok)
        #expect(try machine.read(0, sector: 1, count: 2) == [1, 3])
        #expect(try machine.flush(0) == .ok)
        #expect(
            machine.devices[0].activity
                == DiskActivity(
                    reads: 2, writes: 3, flushes: 2, failuresByReason: [error == .noSpace ? ENOSPC : EIO: 3]))
        #expect(machine.devices[1].activity == DiskActivity())
    }

    @Test("A short write is an I/O error, and its first sectors are done")
    func shortWrite() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.write, 1, .short(sectors: 2))])])
        #expect(try machine.write(0, sector: 1, fill: 1, count: 4) == .ioError)
        #expect(try machine.read(0, sector: 0, count: 5) == [0, 1, 1, 0, 0])
    }

    @Test("A write to sectors that are written through is flushed with all before it, others are not")
    func writeThrough() throws {
        let machine = try LaboratoryMachine(faults: [0: DiskFaults(rules: [.init(.write, 4, .cut)])])
        machine.devices[0].writeThrough(sectors: 8..<16)
        #expect(try machine.write(0, sector: 1, fill: 1) == .ok)
        #expect(machine.medium(0, sectors: 2) == [0, 0])
        #expect(try machine.write(0, sector: 15, fill: 2) == .ok)
        #expect(try machine.write(0, sector: 16, fill: 3) == .ok)
        #expect(try machine.write(0, sector: 17, fill: 4) == .unanswered)
        #expect(machine.medium(0, sectors: 18) == [0, 1] + [UInt8](repeating: 0, count: 13) + [2, 0, 0])
    }
}

/// Two disks of 32 sectors each, and drivers for them.
final class LaboratoryMachine {
    enum Outcome: Equatable {
        case ok, ioError
        /// The request was taken and never came back.
        case unanswered
    }

    let disks: [TemporaryDisk]
    let devices: [BlockDevice]
    private let drivers: [TestDriver]
    private let cuts: Counter

    init(faults: [Int: DiskFaults], log: DiskLogWriter? = nil, diskCount: Int = 2) throws {
        let laboratory = DiskLaboratory(faults, log: log)
        let cuts = Counter()
        self.cuts = cuts
        laboratory.onPowerCut { cuts.add() }
        disks = try (0..<diskCount).map { _ in try TemporaryDisk(sectors: 32) }
        devices = try disks.map {
            try BlockDevice(
                file: DiskFile(path: $0.path), serial: "", clears: true, laboratory: laboratory, synchronous: true)
        }
        drivers = try devices.map { try TestDriver($0) }
        for driver in drivers { try #require(driver.start(queueSize: 64)) }
    }

    var powerCuts: Int { cuts.count }

    func write(_ disk: Int, sector: UInt64, fill: UInt8, count: Int = 1) throws -> Outcome {
        try write(disk, sector: sector, bytes: [UInt8](repeating: fill, count: count * 512))
    }

    func write(_ disk: Int, sector: UInt64, bytes: [UInt8]) throws -> Outcome {
        try execute(disk, 1, sector, [drivers[disk].readable(bytes)])
    }

    /// Each range is of the first sector and their number.
    func discard(_ disk: Int, _ ranges: (UInt64, UInt32)...) throws -> Outcome {
        try execute(disk, 11, 0, ranges.map { drivers[disk].readable(BlockDriver.range($0.0, $0.1)) })
    }

    func flush(_ disk: Int) throws -> Outcome {
        try execute(disk, 4, 0, [])
    }

    /// What each sector is filled with; nil if the read failed.
    func read(_ disk: Int, sector: UInt64, count: Int = 1, cutAt cuts: [Int] = []) throws -> [UInt8]? {
        let ends = cuts + [count * 512]
        let buffers = zip([0] + cuts, ends).map { drivers[disk].writable($1 - $0) }
        guard try execute(disk, 0, sector, buffers) == .ok else { return nil }
        return Self.fills(buffers.flatMap(drivers[disk].bytes))
    }

    /// What each sector is filled with, from the first on, as the host finds it.
    func medium(_ disk: Int, sectors: Int) -> [UInt8] {
        Self.fills(disks[disk].read(at: 0, count: sectors * 512))
    }

    /// The first byte of each sector; 0xBA if a sector has several.
    private static func fills(_ bytes: [UInt8]) -> [UInt8] {
        stride(from: 0, to: bytes.count, by: 512).map { start in
            bytes[start..<start + 512].allSatisfy { $0 == bytes[start] } ? bytes[start] : 0xBA
        }
    }

    private func execute(_ disk: Int, _ kind: UInt8, _ sector: UInt64, _ data: [TestDescriptor]) throws -> Outcome {
        let driver = drivers[disk]
        let header = [kind, 0, 0, 0, 0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: sector >> (8 * $0)) }
        let status = driver.writable(1)
        driver.queues[0].add([driver.readable(header)] + data + [status])
        driver.notify()
        guard driver.queues[0].takeUsed() != nil else { return .unanswered }
        switch driver.bytes(status)[0] {
        case 0: return .ok
        case 1: return .ioError
        case let other: throw UnexpectedStatus(status: other)
        }
    }

    struct UnexpectedStatus: Error {
        var status: UInt8
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)
        var count: Int { value.load(ordering: .acquiring) }
        func add() { value.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    }
}
