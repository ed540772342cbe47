// Two ends of one run: which of them counts. ARCHITECTURE.md, section 6.

import Glibc
import HostSupport
import PSCI
import Synchronization
import TestSupport
import Testing

@testable import Machine

@Suite("Ends that meet")
struct EndOrderTests {
    private static let reset = RunEnd.reset(ResetRequest(type: nil, cookie: 0, core: 0))
    private static let hibernated = RunEnd.hibernated(
        HibernationRequest(type: 0, cookie: 0, core: 0, functionID: 0xC400_0015))
    private static let stopped = RunEnd.stopped(.signal(SIGTERM))
    private static let powerCut = RunEnd.stopped(.powerCut)
    private static let outsideReset = RunEnd.stopped(.reset)
    private static let all = [
        reset, hibernated, .poweredOff, .crashed("x"), stopped, .stopped(.console), powerCut, outsideReset,
    ]

    /// A machine whose guest calls SYSTEM_RESET at once.
    private func machine() throws -> (VirtualMachine, TemporaryFile) {
        let words: [UInt32] = [0x52B0_8000, 0x7280_0120, 0xD400_0002, 0x1400_0000]
        let file = try TemporaryFile(words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
        var configuration = MachineConfiguration(kernel: file.path)
        configuration.kernelFormat = .flat
        configuration.memoryByteCount = 2 << 20
        return (try VirtualMachine(configuration, events: MachineEvents()), file)
    }

    @Test("The first end counts, but for a power cut, and for a stop that meets a reset", arguments: all, all)
    func pairs(first: RunEnd, second: RunEnd) throws {
        let (machine, file) = try machine()
        defer { machine.close() }
        machine.finish(first)
        machine.finish(second)
        let expected: RunEnd =
            switch (first, second) {
            // Its disks had no power when they were to keep what was written.
            case (_, Self.powerCut): second
            // Or the guest would be booted again by somebody who was asked to stop.
            case (Self.reset, .stopped), (Self.outsideReset, .stopped): second
            default: first
            }
        // What came before the start counts.
        #expect(try machine.run() == expected)
        withExtendedLifetime(file) {}
    }

    @Test("A guest that is reset from outside is booted again, also if that comes before its start")
    func outside() throws {
        let (machine, file) = try machine()
        defer { machine.close() }
        machine.reset()
        let outcome = try machine.runToEnd(rebooting: true) { if $0 == 3 { machine.stop(because: .monitor) } }
        #expect(outcome.end == .stopped(.monitor) && outcome.boots == 3)
        machine.reset()
        #expect(try machine.runToEnd(rebooting: false).end == .stopped(.reset))
        withExtendedLifetime(file) {}
    }

    @Test("A stop is never lost to the resets of a guest that does nothing else, whenever it comes")
    func resetting() throws {
        let (machine, file) = try machine()
        defer { machine.close() }
        for trial in 0..<100 {
            let boots = Atomic(0)
            let stopper = try HostThread {
                // In any place of a boot.
                while boots.load(ordering: .acquiring) <= trial % 4 { sched_yield() }
                for _ in 0..<trial * 37 % 1000 { sched_yield() }
                machine.stop(because: .console)
            }
            let outcome = try machine.runToEnd(rebooting: true) { boots.store($0, ordering: .releasing) }
            stopper.join()
            #expect(outcome.end == .stopped(.console) && outcome.boots > trial % 4)
        }
        withExtendedLifetime(file) {}
    }
}
