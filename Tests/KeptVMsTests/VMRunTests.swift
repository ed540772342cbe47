import Emulator
import Foundation
import Hibernation
import HostSupport
import Testing

@testable import KeptVMs
@testable import Machine

/// What is kept of a run, and when. Which cell of the table a run is in is tested in `AfterRunTests`.
@Suite("What a run leaves in state.json")
struct VMRunTests {
    /// A VM with a kernel and a disk of 1 MiB.
    private final class Bench {
        let test: TestStore
        let vm: VM
        let kernel: String
        let disk: String
        static let now: UInt64 = 1_800_000_000_000_000_000

        init(_ words: [UInt32] = FlatCode.systemOff, policy: VMConfiguration.HibernationPolicy = .init()) throws {
            test = try TestStore()
            kernel = "\(test.store.path)/kernel.bin"
            disk = "\(test.store.path)/disk.img"
            try FlatCode.write(words, to: kernel)
            try Data(count: 1 << 20).write(to: URL(filePath: disk))
            var machine = MachineConfiguration(kernel: kernel)
            machine.memoryByteCount = 64 << 20
            machine.disks = [DiskConfiguration(path: disk)]
            vm = try test.store.create("vm", VMConfiguration(machine, hibernation: policy))
        }

        /// What the next start is to be.
        func plan(_ request: StartRequest = StartRequest()) throws -> StartPlan {
            try StartPlan(vm, request: request, now: Self.now, keepsFiles: true)
        }

        /// The header of an image: in a swap area that is all of the disk, or in a swap file that begins at `page`.
        func writeImage(page: UInt64 = 0) throws {
            let handle = try FileHandle(forWritingTo: URL(filePath: disk))
            try handle.seek(toOffset: page * 4096 + 4076)
            try handle.write(contentsOf: Data("SWAPSPACE2S1SUSPEND\0".utf8))
            try handle.close()
        }

        /// A run that begins, changes the disk by `change`, and ends with `end`.
        func run(
            _ end: RunEnd, exitCode: Int32 = 0, request: StartRequest = StartRequest(),
            selection: SwapSelection = .all, _ change: () throws -> Void = {},
            didReach: (DurableFile.Step) -> Void = { _ in }
        ) throws -> VMState {
            let lock = try vm.lock()
            let run = try VMRun(plan(request), lock: lock, request: request, now: Self.now)
            let machine = try VirtualMachine(run.plan.machine, events: MachineEvents(), backend: EmulatorBackend())
            defer { machine.close() }
            try change()
            let outcome = RunOutcome(
                end: end, boots: 1, wallSeconds: 1, cpuSeconds: 1,
                endTimes: EndTimes(end: 5, time: Self.now + 7, counter: 77))
            try run.finish(
                machine, outcome, exitCode: exitCode, findings: [HibernationFinding(path: disk, selection)],
                dormouse: "9.9", now: Self.now + 100, didReach: didReach)
            return try vm.state()
        }
    }

    @Test("That an image was discarded is told in the VM's events")
    func discarded() throws {
        let bench = try Bench()
        let state = try bench.run(.poweredOff) { try bench.writeImage() }
        #expect(state.hibernation?.isCertain == true)
        _ = try bench.vm.discardImages()
        let states = try bench.vm.events.entries().map(\.event.lifeState)
        #expect(states == [.defined, .starting, .hibernated, .poweredOff])
    }

    /// How a run may end, and what is said of it.
    struct End: Sendable, CustomTestStringConvertible {
        var end: RunEnd
        var kind: String
        var exitCode: Int32
        /// The call, if the guest hibernated by it.
        var function: String
        /// Whether nobody knows what the guest meant to do with an image that it was not to resume.
        var leavesDoubt: Bool
        var testDescription: String { "\(kind) \(exitCode)" }
    }

    private static let ends = [
        End(
            end: .hibernated(HibernationRequest(type: 1, cookie: 0, core: 3, functionID: 0xC400_0015)),
            kind: "hibernated", exitCode: 40, function: "SYSTEM_OFF2", leavesDoubt: false),
        End(end: .poweredOff, kind: "powered-off", exitCode: 0, function: "SYSTEM_OFF", leavesDoubt: false),
        End(
            end: .reset(ResetRequest(type: nil, cookie: 0, core: 0)), kind: "reset", exitCode: 32,
            function: "SYSTEM_RESET", leavesDoubt: false),
        End(
            end: .reset(ResetRequest(type: 0, cookie: 0, core: 0)), kind: "reset", exitCode: 32,
            function: "SYSTEM_RESET2", leavesDoubt: false),
        End(end: .crashed("x"), kind: "crashed", exitCode: 33, function: "none", leavesDoubt: true),
        End(end: .stopped(.signal(15)), kind: "stopped", exitCode: 143, function: "none", leavesDoubt: true),
        End(end: .stopped(.console), kind: "stopped", exitCode: 34, function: "none", leavesDoubt: true),
        End(end: .stopped(.powerCut), kind: "stopped", exitCode: 35, function: "none", leavesDoubt: true),
        End(end: .stopped(.host("x")), kind: "stopped", exitCode: 70, function: "none", leavesDoubt: true),
    ]

    private func isHibernation(_ end: End) -> Bool { end.kind == "hibernated" }

    @Test("Without an image only SYSTEM_OFF2 is a hibernation, and nothing runs any more", arguments: ends)
    func noImage(end: End) throws {
        let state = try Bench().run(end.end, exitCode: end.exitCode)
        #expect(state.run == nil && state.lost == nil)
        #expect((state.hibernation != nil) == isHibernation(end))
        #expect(state.lastEnd?.kind == end.kind && state.lastEnd?.exitCode == end.exitCode)
        #expect(state.lastEnd?.time == "\(Bench.now + 100)")
    }

    @Test("With an image that the guest wrote, every end is a hibernation, and the record says how", arguments: ends)
    func newImage(end: End) throws {
        let bench = try Bench()
        let plan = try bench.plan()
        let state = try bench.run(end.end) { try bench.writeImage() }
        let slept = try #require(state.hibernation)
        let record = slept.record
        #expect(state.run == nil && slept.isCertain && state.lastEnd?.kind == end.kind)
        #expect(record.call.function == end.function && record.dormouse == "9.9" && record.generation == 1)
        if isHibernation(end) {
            #expect(record.call.functionID == "0xc4000015" && record.call.type == 1 && record.call.core == 3)
        } else {
            // No guest ran that would have called anything.
            #expect(record.call.functionID == "0x0" && record.call.type == nil && record.call.core == 0)
        }
        // The time and the counter of the end, not of the writing.
        #expect(record.timeNanoseconds == Bench.now + 7 && record.counterValue == 77)
        #expect(record.environment == plan.environment && slept.configuration == plan.configuration)
        #expect(record.disks?.map(\.byteCount) == [1 << 20])
        guard case .resume = try bench.plan().decision else {
            Issue.record("the next start does not resume")
            return
        }
    }

    @Test(
        "An image that was there before, and that nobody knew of, is in doubt after an end that is not the guest's",
        arguments: ends)
    func oldImage(end: End) throws {
        let bench = try Bench()
        try bench.writeImage()
        let state = try bench.run(end.end)
        #expect((state.run != nil) == end.leavesDoubt)
        #expect((state.hibernation != nil) == isHibernation(end))
        #expect(state.lastEnd?.kind == end.kind)
    }

    @Test("A guest that was to resume, and neither did nor wrote, is as it was before", arguments: ends.dropFirst())
    func asBefore(end: End) throws {
        let bench = try Bench()
        let slept = try bench.run(Self.ends[0].end) { try bench.writeImage() }.hibernation
        let state = try bench.run(end.end)
        #expect(slept != nil && state.hibernation == slept && state.run == nil && state.lost == nil)
        #expect(state.lastEnd?.kind == end.kind)
    }

    @Test("An image that a clean boot gave up is kept for restore-image until the guest hibernates again")
    func givenUp() throws {
        let bench = try Bench()
        _ = try bench.run(Self.ends[0].end) { try bench.writeImage() }
        var fresh = StartRequest()
        fresh.isFresh = true
        fresh.discardsImage = true
        let state = try bench.run(.poweredOff, request: fresh)
        #expect(state.hibernation == nil && state.lost?.headers.isEmpty == false)
        let next = try bench.run(Self.ends[0].end) { try bench.writeImage() }
        #expect(next.hibernation != nil && next.lost == nil)
    }

    @Test("Where an image lies in a swap file is kept, since no search of the disk's start would find it")
    func swapFile() throws {
        let bench = try Bench()
        let state = try bench.run(Self.ends[0].end, selection: SwapSelection(resumeOffset: 5)) {
            try bench.writeImage(page: 5)
        }
        #expect(state.hibernation != nil && state.headerEnds == [bench.disk: ["\(6 * 4096)"]])
        guard case .resume = try bench.plan().decision else {
            Issue.record("the next start does not resume")
            return
        }
    }

    @Test("Of many pages that look like headers the one that was written last is the image, and stays known")
    func pages() throws {
        let bench = try Bench()
        func end(_ page: UInt64) -> UInt64 { (page + 1) * 4096 }
        _ = try bench.run(Self.ends[0].end, selection: SwapSelection(resumeOffset: 5)) { try bench.writeImage(page: 5) }
        // A process of the guest's has such pages written, sixteen of them, and then the guest hibernates.
        // None where a swap area with pages of 16 or 64 KiB would have its header.
        let pages = Array(20..<36 as Range<UInt64>)
        var selection = SwapSelection.all
        selection.headerEnds = pages.map(end) + [end(5)]
        let state = try bench.run(Self.ends[0].end, selection: selection) {
            for page in pages { try bench.writeImage(page: page) }
        }
        #expect(HibernationFinding(path: bench.disk, selection).image?.swapAreaOffset == 5 * 4096)
        #expect(state.headerEnds?[bench.disk] == (pages.dropFirst().map(end) + [end(5)]).map(String.init))
    }

    @Test("What is on stable storage is the state before until the new one takes its place, and then the new one")
    func order() throws {
        let bench = try Bench()
        var seen: [DurableFile.Step: Bool] = [:]
        _ = try bench.run(
            Self.ends[0].end,
            didReach: { seen[$0] = (try? bench.vm.state()).map { $0.hibernation != nil } })
        #expect(
            seen == [.begun: false, .written: false, .synchronized: false, .renamed: true, .finished: true])
    }

    // MARK: The files

    @Test("A machine is loaded from copies that were made while the files were measured, whatever becomes of the files")
    func copies() throws {
        let bench = try Bench(FlatCode.systemOff)
        let measured = try bench.plan().environment["kernel.sha256"]
        let lock = try bench.vm.lock()
        let plan = try bench.plan()
        // Another kernel comes while the VM is being started, and goes again: nobody looks at the file any more.
        try FlatCode.write(FlatCode.systemReset, to: bench.kernel)
        #expect(plan.environment["kernel.sha256"] == measured)
        let run = try VMRun(plan, lock: lock, request: StartRequest(), now: Bench.now)
        try FileManager.default.removeItem(atPath: bench.kernel)
        let machine = try VirtualMachine(plan.machine, events: MachineEvents(), backend: EmulatorBackend())
        defer { machine.close() }
        for _ in 0..<2 { #expect(try machine.run() == .poweredOff) }
        withExtendedLifetime(run) {}
    }

    /// Bytes that this thread has read from files: proc(5).
    private func readByteCount() throws -> Int {
        let counts = try String(contentsOfFile: "/proc/thread-self/io", encoding: .utf8)
        let line = try #require(counts.split(separator: "\n").first { $0.hasPrefix("rchar: ") })
        return try #require(Int(line.dropFirst("rchar: ".count)))
    }

    @Test("A start reads a file once, to measure and to keep it", arguments: [false, true])
    func readOnce(isKept: Bool) throws {
        let bench = try Bench([UInt32](repeating: 0x1400_0000, count: 1 << 22))
        if isKept { _ = try bench.plan() }
        let before = try readByteCount()
        let plan = try bench.plan()
        let count = try readByteCount() - before
        #expect(plan.environment["kernel.sha256"] != nil)
        // What else is read is the VM's own files and samples of its disk, which are less than half of it.
        #expect((16 << 20..<24 << 20).contains(count), "\(count)")
    }

    @Test("A file that was kept is not copied again, one that was cut short is, and a refused start keeps none")
    func keeping() throws {
        let bench = try Bench()
        let kept = KeptFiles(bench.vm).directory
        func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: kept).sorted() }
        _ = try bench.plan()
        let first = try names()
        #expect(first.count == 1)
        let copy = "\(kept)/\(first[0])"
        var before = stat()
        stat(copy, &before)
        _ = try bench.plan()
        var after = stat()
        stat(copy, &after)
        #expect(try names() == first && before.st_ino == after.st_ino)
        truncate(copy, 3)
        let plan = try bench.plan()
        #expect(try names() == first)
        #expect(FileManager.default.contents(atPath: copy) == FileManager.default.contents(atPath: bench.kernel))
        plan.forgetFiles()
        #expect(try names() == [])
    }
}

/// Guests of a few words.
enum FlatCode {
    /// MOV and MOVK of a function's id, HVC, and a loop.
    static let systemOff: [UInt32] = [0x52B0_8000, 0x7280_0100, 0xD400_0002, 0x1400_0000]
    static let systemReset: [UInt32] = [0x52B0_8000, 0x7280_0120, 0xD400_0002, 0x1400_0000]

    static func write(_ words: [UInt32], to path: String) throws {
        let bytes = words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }
        try Data(bytes).write(to: URL(filePath: path))
    }
}
