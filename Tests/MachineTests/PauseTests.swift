// Pausing a guest and letting it go on, on scripted CPUs and a clock that stands until it is told.

import Devices
import FoundationEssentials
import Hypervisor
import PSCI
import Testing

@testable import Machine

@Suite("Pausing a guest", .timeLimit(.minutes(5)))
struct PauseTests {
    private static let one = CoreStart.number(1)

    @Test("A paused guest executes nothing and goes on where it was", arguments: ClockKind.allCases)
    func pause(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [
                [.call(.cpuOn(1, Self.one)), .note("up"), .computeUntil("off"), .call(.systemOff)],
                [.waitForInterrupt(until: nil)], [],
            ], clock: clock)
        try scripted.start()
        #expect(scripted.stage.wait(for: .note(0, "up")))
        #expect(scripted.wait(1, for: .waiting(until: nil)))
        #expect(scripted.machine.state == .running)
        #expect(scripted.machine.pause())
        scripted.machine.waitUntilPaused()
        #expect(scripted.machine.state == .paused)
        #expect(
            scripted.machine.coreActivities == [.paused(.running), .paused(.waiting(until: nil)), .paused(.off)])
        let runs = scripted.cpus.map(\.runCount)
        // An interrupt, and what the guest waits for: neither is its turn.
        scripted.cpus[1].setInterruptPending(true)
        scripted.stage.open("off")
        scripted.advance(by: 1_000_000_000)
        #expect(scripted.machine.state == .paused)
        #expect(scripted.cpus.map(\.runCount) == runs)
        #expect(!scripted.machine.pause())
        #expect(scripted.machine.resume())
        #expect(!scripted.machine.resume())
        #expect(scripted.join() == .poweredOff)
    }

    @Test("Who waits for a pause waits no longer than asked, and learns which thread runs which core")
    func patience() throws {
        let scripted = try ScriptedMachine([[.computeUntil("done"), .call(.systemOff)]])
        #expect(scripted.machine.coreThreadIDs == [0])
        try scripted.start()
        #expect(scripted.wait(0, for: .running))
        scripted.machine.waitUntilPaused(milliseconds: 1)
        #expect(!scripted.machine.isWaitingForDisk)
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
        #expect(threads.contains(String(scripted.machine.coreThreadIDs[0])))
        scripted.stage.open("done")
        #expect(scripted.join() == .poweredOff)
    }

    @Test("While a guest is paused its counter goes on or stands still, as asked", arguments: PauseClock.allCases)
    func clock(clock: PauseClock) throws {
        let scripted = try ScriptedMachine([[.waitForInterrupt(until: 5_000_000), .call(.systemOff)]])
        try scripted.start()
        #expect(scripted.wait(0, for: .waiting(until: 5_000_000)))
        scripted.advance(by: 1_000_000)
        scripted.machine.pause(clock: clock)
        scripted.machine.waitUntilPaused()
        scripted.advance(by: 10_000_000)
        #expect(scripted.machine.clock.counter == (clock == .goesOn ? 11_000_000 : 1_000_000))
        #expect(scripted.machine.state == .paused)
        scripted.machine.resume()
        if clock == .standsStill {
            #expect(scripted.wait(0, for: .waiting(until: 5_000_000)))
            scripted.advance(by: 3_999_999)
            #expect(scripted.machine.coreActivities == [.waiting(until: 5_000_000)])
            #expect(scripted.cpus[0].runCount == 1)
            scripted.advance(by: 1)
        }
        #expect(scripted.join() == .poweredOff)
        #expect(scripted.machine.clock.counter == (clock == .goesOn ? 11_000_000 : 5_000_000))
    }

    @Test("The timer of a core whose power is off wakes it later by as long as its counter stood still")
    func timerOfPoweredDownCore() throws {
        let scripted = try ScriptedMachine(
            [[.perform { $0.enableTimer() }, .setTimer(5_000_000), .call(.powerDown(Self.one)), .call(.systemOff)]])
        try scripted.start()
        #expect(scripted.wait(0, for: .poweredDown(Self.one)))
        scripted.machine.pause(clock: .standsStill)
        scripted.machine.waitUntilPaused()
        scripted.advance(by: 100_000_000)
        scripted.machine.resume()
        #expect(scripted.wait(0, for: .poweredDown(Self.one)))
        scripted.advance(by: 4_000_000)
        #expect(scripted.machine.coreActivities == [.poweredDown(Self.one)])
        scripted.advance(by: 1_000_000)
        #expect(scripted.join() == .poweredOff)
    }

    @Test("A guest that is paused and whose disk is waited for goes on when both are over")
    func nested() throws {
        let scripted = try ScriptedMachine([[.note("up"), .computeUntil("never")]])
        try scripted.start()
        #expect(scripted.stage.wait(for: .note(0, "up")))
        let machine = scripted.machine
        let error = DiskFileError.failed(operation: "write", path: "disk", errno: 28)
        machine.heard(.held(error), ofDisk: 0)
        machine.waitUntilPaused()
        #expect(machine.state == .paused)
        machine.pause(clock: .standsStill)
        machine.heard(.held(error), ofDisk: 0)
        machine.resume()
        #expect(machine.isPaused)
        machine.heard(.released, ofDisk: 0)
        #expect(machine.state == .paused)
        machine.heard(.released, ofDisk: 0)
        #expect(!machine.isPaused)
        #expect(scripted.wait(0, for: .running))
        machine.pause()
        machine.heard(.held(error), ofDisk: 0)
        machine.heard(.released, ofDisk: 0)
        machine.waitUntilPaused()
        #expect(machine.state == .paused)
        #expect(scripted.stop() == .stopped(.console))
    }

    @Test("A paused guest is ended like any other", arguments: ClockKind.allCases)
    func endWhilePaused(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [[.call(.systemSuspend(Self.one))]], clock: clock)
        try scripted.start()
        #expect(scripted.stage.wait(for: .suspended))
        scripted.machine.pause()
        scripted.machine.waitUntilPaused()
        #expect(scripted.machine.state == .paused)
        // A wake-up of the machine waits until it goes on, or ends.
        scripted.machine.wake()
        #expect(scripted.machine.coreActivities == [.paused(.systemSuspended(Self.one))])
        #expect(scripted.stop() == .stopped(.console))
        #expect(!scripted.stage.happenings.contains(.powerUp(0, Self.one)))
    }

    @Test("A guest that was paused before its run starts when it is resumed", arguments: ClockKind.allCases)
    func pauseBeforeRun(clock: ClockKind) throws {
        let scripted = try ScriptedMachine([[.call(.systemOff)]], clock: clock)
        scripted.machine.pause()
        scripted.machine.waitUntilPaused()
        #expect(scripted.machine.state == .off)
        try scripted.start()
        #expect(scripted.wait(0) { if case .paused(.starting) = $0 { true } else { false } })
        #expect(scripted.machine.state == .paused)
        #expect(scripted.cpus[0].runCount == 0)
        scripted.machine.resume()
        #expect(scripted.join() == .poweredOff)
    }

    @Test("With the instruction clock a pause changes nothing of what is executed: turns are whole")
    func turns() throws {
        func run(pauses: Int) throws -> [Int] {
            let scripted = try ScriptedMachine(
                [
                    [.call(.cpuOn(1, Self.one)), .compute(turns: 20_000), .call(.systemOff)],
                    [.compute(turns: 10_000), .waitForInterrupt(until: nil)],
                ], clock: .instructions)
            scripted.machine.pause()
            try scripted.start()
            for _ in 0..<pauses {
                scripted.machine.waitUntilPaused()
                scripted.machine.resume()
                scripted.machine.pause(clock: .standsStill)
            }
            scripted.machine.resume()
            #expect(scripted.join() == .poweredOff)
            return scripted.cpus.map(\.runCount) + [Int(scripted.machine.clock.counter)]
        }
        let whole = try run(pauses: 0)
        #expect(whole == [20_002, 10_001, 30_000 * 20_000])
        #expect(try run(pauses: 50) == whole)
    }
}
