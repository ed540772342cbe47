// The life of cores in a machine, on scripted CPUs: starts and their races, waiting and waking, and ends.

import Hypervisor
import PSCI
import Synchronization
import Testing

@testable import Machine

@Suite("Cores at work", .timeLimit(.minutes(5)))
struct RunLoopTests {
    private static let one = CoreStart.number(1)
    private static let two = CoreStart.number(2)

    @Test(
        "The first core starts where the kernel is, its calls are answered, and SYSTEM_OFF ends the run",
        arguments: ClockKind.allCases)
    func boot(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [[.call(.version), .secureCall(.version), .call(.systemOff)], [.note("never started")]], clock: clock)
        #expect(scripted.machine.state == .off)
        #expect(try scripted.run() == .poweredOff)
        #expect(scripted.machine.state == .ended(.poweredOff))
        #expect(scripted.machine.coreActivities == [.ended, .ended])
        let happenings = scripted.stage.happenings
        guard case .reset(0, let start)? = happenings.first else {
            Issue.record("\(happenings)")
            return
        }
        // Flat code: 512 KiB above the start of RAM.
        #expect(start.entry == 0x4008_0000)
        // 1.3 as a number is no error code; the other conduit's call is undefined.
        #expect(happenings.dropFirst() == [.undefined(0), .ended(.poweredOff)])
        #expect(scripted.machine.firmwareCalls.count == 2)
        // What came back is counted by its reason, answered or not.
        let exits = ExitReason.allCases.filter { $0 != .budgetExhausted }.map { scripted.machine.exitCount($0) }
        #expect(exits.reduce(0, +) == 3)
        #expect(scripted.machine.exitCount(.hypercall) == 2 && scripted.machine.exitCount(.secureMonitorCall) == 1)
    }

    @Test("A guest's failure crashes the machine and stops every core", arguments: ClockKind.allCases)
    func failure(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [[.call(.cpuOn(1, Self.one)), .computeUntil("never")], [.fail("no such instruction")]], clock: clock)
        #expect(try scripted.run() == .crashed("no such instruction"))
        #expect(scripted.machine.exitCount(.failed) == 1)
    }

    @Test("Of cores that start the same core at once exactly one has its way", arguments: ClockKind.allCases)
    func startRace(clock: ClockKind) throws {
        let stage = Stage()
        // On one thread nobody can wait for the others to be there: they call in turn.
        let ready: [Step] = clock == .host ? [.note("ready"), .computeUntil("go")] : []
        let racers = (1...3).map { core in
            ready + [.call(.cpuOn(4, .number(UInt64(core)))), .note("done"), .computeUntil("never")]
        }
        let scripted = try ScriptedMachine(
            [(1...3).map { .call(.cpuOn($0, .number(10))) } + [.computeUntil("off"), .call(.systemOff)]] + racers
                + [[.note("runs"), .computeUntil("never")]], stage: stage, clock: clock)
        try scripted.start()
        if clock == .host {
            #expect(stage.wait { (1...3).allSatisfy { stage.happenings.contains(.note($0, "ready")) } })
            stage.open("go")
        }
        #expect(stage.wait { (1...3).allSatisfy { stage.happenings.contains(.note($0, "done")) } })
        #expect(stage.wait(for: .note(4, "runs")))
        stage.open("off")
        #expect(scripted.join() == .poweredOff)
        let winners = (1...3).filter { stage.happenings.contains(.answer($0, .success)) }
        #expect(winners.count == 1)
        for loser in 1...3 where !winners.contains(loser) {
            #expect(
                stage.happenings.contains(.answer(loser, .onPending))
                    || stage.happenings.contains(.answer(loser, .alreadyOn)))
        }
        let resets = stage.happenings.filter { if case .reset(4, _) = $0 { true } else { false } }
        #expect(resets == winners.map { .reset(4, .number(UInt64($0))) })
    }

    @Test("A core that is started while its CPU_OFF is on its way stops first, and starts then")
    func startWhileTurningOff() throws {
        let stage = Stage()
        // The firmware has said that core 1 is off, and its thread has not heard of it.
        let scripted = try ScriptedMachine(
            [
                [
                    .call(.cpuOn(1, Self.one)), .computeUntil("turning off"), .call(.cpuOn(1, Self.two)),
                    .note("started"), .computeUntil("off"), .call(.systemOff),
                ],
                [.call(.cpuOff), .note("again"), .computeUntil("never")],
            ], stage: stage,
            called: { call in
                guard call.core == 1 else { return }
                stage.open("turning off")
                stage.wait(for: .note(0, "started"))
            })
        try scripted.start()
        #expect(stage.wait(for: .note(1, "again")))
        stage.open("off")
        #expect(scripted.join() == .poweredOff)
        #expect(
            stage.happenings.filter { if case .reset(1, _) = $0 { true } else { false } }
                == [.reset(1, Self.one), .reset(1, Self.two)])
        #expect(!stage.happenings.contains(.answer(1, .internalFailure)))
    }

    @Test("A stop that meets a reset ends the machine: the guest is not booted again")
    func stopAgainstReset() throws {
        let stage = Stage()
        // The core resets; before all threads have ended, another core's makes somebody stop the machine.
        let box = Mutex<VirtualMachine?>(nil)
        let scripted = try ScriptedMachine(
            [
                [.call(.cpuOn(1, Self.one)), .computeUntil("up"), .call(.systemReset), .call(.systemOff)],
                [
                    .perform { _ in stage.open("up") },
                    .interrupted { box.withLock(\.self)?.stop(because: .console) },
                ],
            ], stage: stage)
        box.withLock { $0 = scripted.machine }
        let outcome = try scripted.machine.runToEnd(rebooting: true)
        #expect(outcome.end == .stopped(.console))
        #expect(outcome.boots == 1)
        box.withLock { $0 = nil }
    }

    @Test("A reset boots again with every core off but the first", arguments: ClockKind.allCases)
    func reset(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [
                [.call(.cpuOn(1, Self.one)), .computeUntil("up"), .call(.systemReset), .call(.systemOff)],
                [.note("up"), .computeUntil("never")],
            ], clock: clock)
        try scripted.start()
        #expect(scripted.stage.wait(for: .note(1, "up")))
        scripted.stage.open("up")
        #expect(scripted.join() == .reset(ResetRequest(type: nil, cookie: 0, core: 0)))
        #expect(try scripted.run() == .poweredOff)
        #expect(scripted.stage.happenings.filter { if case .reset(1, _) = $0 { true } else { false } }.count == 1)
    }

    @Test("A stop that comes before the run counts")
    func stopBefore() throws {
        let scripted = try ScriptedMachine([[.note("runs")]])
        scripted.machine.stop(because: .console)
        #expect(try scripted.run() == .stopped(.console))
        #expect(!scripted.stage.happenings.contains(.note(0, "runs")))
    }

    // MARK: Waiting

    @Test(
        "A core in WFI sleeps until the counter gets there, by the clock of the machine", arguments: ClockKind.allCases)
    func deadline(clock: ClockKind) throws {
        let scripted = try ScriptedMachine([[.waitForInterrupt(until: 5_000_000), .call(.systemOff)]], clock: clock)
        try scripted.start()
        if clock == .host {
            #expect(scripted.wait(0, for: .waiting(until: 5_000_000)))
            scripted.advance(by: 4_999_999)
            #expect(scripted.cpus[0].runCount == 1)
            #expect(scripted.machine.coreActivities == [.waiting(until: 5_000_000)])
            scripted.advance(by: 1)
        }
        #expect(scripted.join() == .poweredOff)
        #expect(scripted.cpus[0].runCount == 2)
    }

    @Test("An interrupt ends a WFI, and an event a WFE", arguments: ClockKind.allCases)
    func wake(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [
                [
                    .perform { $0.enable(spi: 40) }, .waitForInterrupt(until: nil), .note("interrupted"), .waitForEvent,
                    .call(.systemOff),
                ]
            ], clock: clock)
        try scripted.start()
        #expect(scripted.wait(0, for: .waiting(until: nil)))
        scripted.machine.interruptController.spi(40).set(true)
        #expect(scripted.wait(0, for: .waitingForEvent(until: nil)))
        #expect(scripted.stage.happenings.contains(.note(0, "interrupted")))
        scripted.cpus[0].sendEvent()
        #expect(scripted.join() == .poweredOff)
    }

    @Test("A core in standby goes on behind its call when there is a wake request", arguments: ClockKind.allCases)
    func standby(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [[.perform { $0.enable(spi: 40) }, .call(.standby), .note("on"), .call(.systemOff)]], clock: clock)
        try scripted.start()
        #expect(scripted.wait(0, for: .standby))
        #expect(scripted.machine.state == .running)
        scripted.machine.interruptController.spi(40).set(true)
        #expect(scripted.join() == .poweredOff)
        #expect(scripted.stage.happenings.suffix(3) == [.answer(0, .success), .note(0, "on"), .ended(.poweredOff)])
    }

    @Test("A core that was powered down starts where it said, by a timer that ran on", arguments: ClockKind.allCases)
    func powerDown(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [[.perform { $0.enableTimer() }, .setTimer(7_000_000), .call(.powerDown(Self.one)), .call(.systemOff)]],
            clock: clock)
        try scripted.start()
        if clock == .host {
            #expect(scripted.wait(0, for: .poweredDown(Self.one)))
            scripted.advance(by: 6_000_000)
            #expect(scripted.machine.coreActivities == [.poweredDown(Self.one)])
            scripted.advance(by: 1_000_000)
        }
        #expect(scripted.join() == .poweredOff)
        #expect(scripted.stage.happenings.suffix(2) == [.powerUp(0, Self.one), .ended(.poweredOff)])
        #expect(scripted.machine.powerDowns?.first?.count == 1)
    }

    @Test("A suspended machine is woken by the host or by an interrupt, once each", arguments: ClockKind.allCases)
    func systemSuspend(clock: ClockKind) throws {
        let scripted = try ScriptedMachine(
            [
                [
                    .call(.systemSuspend(Self.one)), .perform { $0.enable(spi: 40) }, .call(.systemSuspend(Self.two)),
                    .call(.systemOff),
                ]
            ], clock: clock)
        try scripted.start()
        #expect(scripted.wait(0, for: .systemSuspended(Self.one)))
        #expect(scripted.stage.wait(for: .suspended))
        #expect(scripted.machine.state == .suspended)
        scripted.machine.wake()
        #expect(scripted.wait(0, for: .systemSuspended(Self.two)))
        scripted.machine.interruptController.spi(40).set(true)
        #expect(scripted.join() == .poweredOff)
        #expect(
            scripted.stage.happenings.dropFirst() == [
                .suspended, .woken(.host), .powerUp(0, Self.one), .suspended, .woken(.interrupt), .powerUp(0, Self.two),
                .ended(.poweredOff),
            ])
    }

    @Test("A suspended machine that is stopped does not start again", arguments: ClockKind.allCases)
    func stopWhileSuspended(clock: ClockKind) throws {
        let scripted = try ScriptedMachine([[.call(.systemSuspend(Self.one))]], clock: clock)
        try scripted.start()
        #expect(scripted.stage.wait(for: .suspended))
        #expect(scripted.stop() == .stopped(.console))
        #expect(
            scripted.stage.happenings.dropFirst() == [.suspended, .woken(.end), .ended(.stopped(.console))])
        #expect(!scripted.machine.isSuspended)
    }

    // MARK: A back end as hardware is

    @Test("A back end that waits for wake requests itself is called for each wait, and called back for the end of it")
    func waitsInBackend() throws {
        let scripted = try ScriptedMachine(
            [[.call(.standby), .note("on"), .call(.powerDown(Self.one)), .call(.systemSuspend(Self.two))]],
            capabilities: [.undefinedCalls, .wakeRequests])
        let controller = try #require(scripted.backend.ownController)
        try scripted.start()
        #expect(scripted.wait(0, for: .standby))
        scripted.machine.pause()
        scripted.machine.waitUntilPaused()
        #expect(scripted.machine.coreActivities == [.paused(.standby)])
        controller.request(wakeOf: 0)
        scripted.machine.resume()
        #expect(scripted.stage.wait(for: .suspended))
        #expect(scripted.stage.wait(for: .woken(.interrupt)))
        #expect(scripted.stage.wait(for: .powerUp(0, Self.two)))
        #expect(scripted.stop() == .stopped(.console))
        #expect(
            scripted.stage.happenings.dropFirst() == [
                .answer(0, .success), .note(0, "on"), .powerUp(0, Self.one), .suspended, .woken(.interrupt),
                .powerUp(0, Self.two), .ended(.stopped(.console)),
            ])
        #expect(controller.poweredOn.withLock(\.self) == [0, 0, 0])
    }

    @Test("The host's word wakes a suspended machine whose back end waits")
    func hostWakesBackend() throws {
        let scripted = try ScriptedMachine(
            [[.call(.systemSuspend(Self.one)), .call(.systemOff)]], capabilities: [.undefinedCalls, .wakeRequests])
        try scripted.start()
        #expect(scripted.wait(0, for: .systemSuspended(Self.one)))
        #expect(scripted.stage.wait(for: .suspended))
        scripted.machine.wake()
        #expect(scripted.join() == .poweredOff)
        #expect(scripted.stage.happenings.contains(.woken(.host)))
    }

    @Test("A counter of another frequency counts as fast as it says, for deadlines and for the firmware")
    func frequency() throws {
        let model = MachineModel.virt1.with(counterFrequency: 62_500_000)
        let times = Mutex<[UInt64]>([])
        let scripted = try ScriptedMachine(
            // A second, and 16 ns for each tick of the rest.
            [[.waitForInterrupt(until: 62_500_001), .call(.version), .call(.systemOff)]],
            counterFrequency: 62_500_000, model: model, called: { call in times.withLock { $0.append(call.time) } })
        try scripted.start()
        #expect(scripted.wait(0, for: .waiting(until: 62_500_001)))
        scripted.advance(by: 1_000_000_015)
        #expect(scripted.machine.coreActivities == [.waiting(until: 62_500_001)])
        scripted.advance(by: 1)
        #expect(scripted.join() == .poweredOff)
        #expect(times.withLock(\.first) == 1_000_000_016)
    }
}
