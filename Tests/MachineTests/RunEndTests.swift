import Devices
import Glibc
import Hibernation
import PSCI
import Synchronization
import TestSupport
import Testing

@testable import Machine

@Suite("How a run ended")
struct RunEndTests {
    private static let hibernation = RunEnd.hibernated(
        HibernationRequest(type: 0, cookie: 0, core: 0, functionID: 0xC400_0015))

    @Test(
        "Every end has its kind and words",
        arguments: [
            (.poweredOff, "powered-off", "powered off"),
            (hibernation, "hibernated", "hibernated"),
            (.reset(ResetRequest(type: nil, cookie: 0, core: 0)), "reset", "reset"),
            (.crashed("no such instruction"), "crashed", "crashed: no such instruction"),
            (.stopped(.signal(15)), "stopped", "stopped by SIGTERM"),
            (.stopped(.signal(2)), "stopped", "stopped by SIGINT"),
            (.stopped(.console), "stopped", "stopped from the console"),
            (.stopped(.monitor), "stopped", "stopped from the monitor"),
            (.stopped(.reset), "stopped", "stopped by a reset from outside"),
            (.stopped(.powerCut), "stopped", "stopped by a power cut of the laboratory"),
            (.stopped(.host("no threads")), "stopped", "stopped by the host: no threads"),
        ] as [(RunEnd, String, String)])
    func ends(end: RunEnd, kind: String, words: String) {
        #expect(end.kind == kind)
        #expect(end.words([]) == words)
        let failures = [
            DiskFailures(path: "a.img", counts: [ENOSPC: 196]),
            DiskFailures(path: "b.img", counts: [EIO: 1, ENOSPC: 2]),
        ]
        #expect(
            end.words([], failures) == words + "; 196 requests to disk a.img failed (No space left on device)"
                + "; 3 requests to disk b.img failed (1 Input/output error, 2 No space left on device)")
    }

    @Test("A power-off and a reset tell of a hibernation image on a disk, and nothing else does")
    func imageAfterPowerOff() throws {
        let disk = try TemporaryFile(SwapArea.withImage(hardwareSignature: 0x1234_5678))
        let empty = try TemporaryFile([UInt8](repeating: 0, count: 8192))
        let findings = [empty.path, disk.path].map { HibernationFinding(path: $0) }
        #expect(findings[0].image == nil && findings[0].failure == nil)
        #expect(findings[1].image?.hardwareSignature == 0x1234_5678)
        #expect(RunEnd.poweredOff.words(findings) == "powered off; a hibernation image is on disk \(disk.path)")
        #expect(RunEnd.poweredOff.words(findings + findings).hasPrefix("powered off; hibernation images are on disks"))
        #expect(RunEnd.poweredOff.words([findings[0]]) == "powered off")
        #expect(
            RunEnd.reset(ResetRequest(type: nil, cookie: 0, core: 0)).words(findings)
                == "reset; a hibernation image is on disk \(disk.path)")
        #expect(Self.hibernation.words(findings) == "hibernated")
    }

    @Test("A disk that cannot be read is told of as such")
    func unreadableDisk() {
        let finding = HibernationFinding(path: "/nonexistent/disk.img")
        #expect(finding.image == nil)
        #expect(finding.failure?.contains("/nonexistent/disk.img") == true)
    }
}

@Suite("The record of firmware calls")
struct FirmwareCallRecordTests {
    private static let refusal = CallResult(registers: CallRegisters(x0: ~1))

    @Test("A refused SYSTEM_OFF2 is remembered, whatever comes after it")
    func refusedSystemOff2() throws {
        var record = FirmwareCallRecord()
        record.add(
            CallRegisters(.systemOff2, .smc32, 0x2_0000_0007, 0x3_0000_0009), result: Self.refusal, core: 3,
            address: 0x1234)
        let call = try #require(record.lastSystemCall)
        #expect(call.function == .systemOff2)
        #expect(call.functionID == 0x8400_0015)
        // A 32-bit call passes 32 bits of each argument.
        #expect(call.type == 7 && call.cookie == 9)
        #expect(call.core == 3 && call.address == 0x1234)
        #expect(record.refusedSystemOff2)

        let off = CallRegisters(.systemOff, .smc32)
        record.add(off, result: CallResult(registers: off, effect: .systemOff), core: 0, address: 0)
        #expect(record.lastSystemCall?.function == .systemOff)
        #expect(record.lastSystemCall?.cookie == nil)
        #expect(record.refusedSystemOff2)
        #expect(record.count == 2)
    }

    @Test("A SYSTEM_OFF2 that ends the run is not refused, and keeps 64 bits of its cookie")
    func acceptedSystemOff2() {
        var record = FirmwareCallRecord()
        let call = CallRegisters(.systemOff2, .smc64, 1, 0x1_0000_0000)
        record.add(
            call, result: CallResult(registers: call, effect: .systemOff2(type: .hibernateOff, cookie: 0)), core: 0,
            address: 0)
        #expect(!record.refusedSystemOff2)
        #expect(record.lastSystemCall?.cookie == 0x1_0000_0000)
    }

    @Test("Other calls are counted only")
    func otherCalls() {
        var record = FirmwareCallRecord()
        record.add(CallRegisters(.psciVersion, .smc32), result: Self.refusal, core: 0, address: 0)
        record.add(CallRegisters(x0: 0x1234), result: Self.refusal, core: 0, address: 0)
        #expect(record.count == 2)
        #expect(record.lastSystemCall == nil)
    }
}

@Suite("Ending a run")
struct FinishTests {
    private func end(after ends: RunEnd...) throws -> RunEnd? {
        let machine = try VirtualMachine(MachineConfiguration(kernel: "unread"), events: MachineEvents())
        for end in ends { machine.finish(end) }
        return machine.end.withLock { $0 }
    }

    @Test("The first end counts")
    func first() throws {
        #expect(try end(after: .poweredOff, .stopped(.signal(SIGTERM))) == .poweredOff)
        #expect(try end(after: .stopped(.console), .poweredOff) == .stopped(.console))
    }

    @Test("A power cut counts whatever the guest had asked for: its disks were not flushed")
    func powerCut() throws {
        let hibernation = RunEnd.hibernated(HibernationRequest(type: 0, cookie: 0, core: 0, functionID: 0xC400_0015))
        for end in [.poweredOff, hibernation, .stopped(.signal(SIGTERM))] {
            #expect(try self.end(after: end, .stopped(.powerCut)) == .stopped(.powerCut))
        }
        #expect(try self.end(after: .stopped(.powerCut), hibernation) == .stopped(.powerCut))
    }

    @Test("A stop that meets a reset is not lost, or the guest would be booted again")
    func stopDuringReset() throws {
        let reset = RunEnd.reset(ResetRequest(type: nil, cookie: 0, core: 0))
        #expect(try end(after: reset, .stopped(.signal(SIGTERM))) == .stopped(.signal(SIGTERM)))
        #expect(try end(after: reset, .poweredOff) == reset)
    }
}
