// Running: a host thread for each vCPU, or one thread for all with the instruction clock.

import Boot
import Devices
import Emulator
import HostSupport
import Hypervisor
import PSCI
import Synchronization

extension VirtualMachine {
    /// Boots the guest and runs it until the run ends. May be called again, for instance after a reset.
    ///
    /// When it returns, no core runs any more and everything that the guest wrote to its disks is on stable storage.
    public func run() throws(MachineError) -> RunEnd {
        let plan = try load()
        guardHibernationImages()
        // Another kernel may be booted this time.
        calls.withLock { $0.knowsSystemOff2 = false }
        // A stop that came before the start counts.
        if let end = takeStop() { return end }
        power.boot(entry: plan.entry, contextID: plan.x0, isCold: !keepsMemory.load(ordering: .acquiring))
        _ = systemSuspend.end()
        if instructionClock != nil {
            runDeterministically()
        } else {
            var threads: [HostThread] = []
            var alarmThread: HostThread?
            alarmClock.start()
            defer {
                alarmClock.stop()
                alarmThread?.join()
            }
            do throws(HostResourceError) {
                if let rtc {
                    let alarmClock = alarmClock
                    alarmThread = try HostThread { alarmClock.run(rtc) }
                }
                for cpu in emulator.cpus {
                    threads.append(try HostThread { [self] in runCore(cpu) })
                }
            } catch {
                finish(.stopped(.host("out of threads")))
                for thread in threads { thread.join() }
                throw .host(error.description)
            }
            for thread in threads { thread.join() }
        }
        let flushStart = BootClock.now
        for disk in disks {
            do throws(DiskFileError) {
                try disk.flush()
            } catch { throw .disk(error) }
        }
        endTimes.withLock { $0.flush = BootClock.now - flushStart }
        let end = end.withLock { end in
            defer { end = nil }
            return end ?? .stopped(.host("the machine stopped without a reason"))
        }
        keepsMemory.store(end.isWarmReset, ordering: .releasing)
        return end
    }

    private func takeStop() -> RunEnd? {
        end.withLock { end in
            defer { end = nil }
            return end
        }
    }

    /// Makes a core that was asked to start ready to run; false if it was not.
    private func startIfAsked(_ cpu: EmulatedCPU) -> Bool {
        guard let start = power.takeStart(of: cpu.index) else { return false }
        gic.powerOn(cpu.index)
        cpu.reset(entry: start.entry, context: start.contextID)
        firmware.coreStarted(cpu.index)
        return true
    }

    // MARK: A thread for each core

    private func runCore(_ cpu: EmulatedCPU) {
        let place = parking[cpu.index]
        while !hasEnded {
            place.wait(until: nil) { hasEnded || power.hasStart(of: cpu.index) }
            if startIfAsked(cpu) { runUntilOff(cpu) }
        }
    }

    /// Runs a core until it turns itself off or the run ends.
    private func runUntilOff(_ cpu: EmulatedCPU) {
        while !hasEnded {
            waitWhilePaused(cpu.index)
            switch cpu.run(budget: nil) {
            case .hypercall:
                guard goOn(cpu, firmwareCall(cpu, conduit: .hvc)) else { return }
            case .secureMonitorCall:
                guard goOn(cpu, firmwareCall(cpu, conduit: .smc)) else { return }
            case .waitForInterrupt(let deadline):
                wait(cpu, until: deadline) { cpu.hasPendingInterrupt }
            case .waitForEvent(let deadline):
                wait(cpu, until: deadline) { cpu.hasWakeUpEvent }
            case .budgetExhausted, .interrupted:
                break
            case .failed(let reason):
                finish(.crashed(reason))
            }
        }
    }

    private func goOn(_ cpu: EmulatedCPU, _ after: AfterCall) -> Bool {
        switch after {
        case .goOn: return true
        case .standby:
            waitForWakeRequest(cpu) { false }
            firmware.coreWoke(cpu.index)
            return true
        case .powerDown(let start):
            waitForWakeRequest(cpu) { false }
            powerUp(cpu, start)
            return true
        case .systemSuspend(let start):
            waitForWakeRequest(cpu) { systemSuspend.isWoken }
            endSystemSuspend()
            powerUp(cpu, start)
            return true
        case .turnOff, .end: return false
        }
    }

    /// Waits by CPU_SUSPEND or SYSTEM_SUSPEND, until the GIC has an interrupt for the core, whether or not its CPU interface would take it, or
    /// until `isWoken`, whose reason wakes the core's thread.
    private func waitForWakeRequest(_ cpu: EmulatedCPU, isWoken: () -> Bool) {
        while !hasEnded && !isWoken() {
            // Looking at the deadline drives the timers' lines.
            let deadline = cpu.nextTimerDeadline
            if gic.awaitWakeRequest(cpu: cpu.index) { return }
            let time = deadline.flatMap { hostClock?.hostTime(ofCounter: $0) }
            parking[cpu.index].wait(until: time) {
                hasEnded || isWoken() || gic.hasWakeRequest(cpu: cpu.index)
            }
        }
    }

    /// Waits by WFI or WFE, until it is over or the counter reaches `deadline`.
    private func wait(_ cpu: EmulatedCPU, until deadline: UInt64?, isOver: () -> Bool) {
        let time = deadline.flatMap { hostClock?.hostTime(ofCounter: $0) }
        parking[cpu.index].wait(until: time) { hasEnded || isOver() }
    }

    // MARK: One thread for all

    /// Instructions that one core runs before the next one's turn.
    private static let quantum = 20_000

    private enum Activity {
        case off
        case running
        /// In WFI.
        case waiting(until: UInt64?)
        /// In WFE.
        case waitingForEvent(until: UInt64?)
        /// In standby by CPU_SUSPEND.
        case standby
        case poweredDown(CoreStart)
        case systemSuspended(CoreStart)
    }

    private func runDeterministically() {
        var activities = emulator.cpus.map { _ in Activity.off }
        while !hasEnded {
            rtc?.poll()
            for cpu in emulator.cpus where !hasEnded {
                activities[cpu.index] = turn(cpu, activities[cpu.index])
            }
            skipIdleTime(activities)
        }
    }

    /// Gives a core its turn.
    private func turn(_ cpu: EmulatedCPU, _ activity: Activity) -> Activity {
        switch activity {
        case .off:
            guard startIfAsked(cpu) else { return .off }
        case .waiting, .waitingForEvent:
            guard nextEvent(cpu, activity) == .now else { return activity }
        case .standby:
            guard nextEvent(cpu, activity) == .now else { return activity }
            firmware.coreWoke(cpu.index)
        case .poweredDown(let start), .systemSuspended(let start):
            guard nextEvent(cpu, activity) == .now else { return activity }
            if case .systemSuspended = activity { endSystemSuspend() }
            powerUp(cpu, start)
        case .running:
            break
        }
        let after: AfterCall
        switch cpu.run(budget: Self.quantum) {
        case .hypercall: after = firmwareCall(cpu, conduit: .hvc)
        case .secureMonitorCall: after = firmwareCall(cpu, conduit: .smc)
        case .waitForInterrupt(let deadline): return .waiting(until: deadline)
        case .waitForEvent(let deadline): return .waitingForEvent(until: deadline)
        case .budgetExhausted, .interrupted: return .running
        case .failed(let reason):
            finish(.crashed(reason))
            return .off
        }
        switch after {
        case .goOn: return .running
        case .standby: return .standby
        case .powerDown(let start): return .poweredDown(start)
        case .systemSuspend(let start): return .systemSuspended(start)
        case .turnOff, .end: return .off
        }
    }

    /// When something is next to be done for a core.
    private enum NextEvent: Equatable {
        case now
        case at(UInt64)
        case never
    }

    private func nextEvent(_ cpu: EmulatedCPU, _ activity: Activity) -> NextEvent {
        let deadline: UInt64? =
            switch activity {
            case .running, .off: nil
            case .waiting(let until), .waitingForEvent(let until): until
            // Looking at the deadline drives the timers' lines.
            case .standby, .poweredDown, .systemSuspended: cpu.nextTimerDeadline
            }
        if isReady(cpu, activity) { return .now }
        guard let deadline else { return .never }
        return deadline <= instructionClock?.counter ?? 0 ? .now : .at(deadline)
    }

    /// Whether there is something to be done for a core, whatever the time.
    private func isReady(_ cpu: EmulatedCPU, _ activity: Activity) -> Bool {
        switch activity {
        case .running: true
        case .off: power.hasStart(of: cpu.index)
        case .waiting: cpu.hasPendingInterrupt
        case .waitingForEvent: cpu.hasWakeUpEvent
        case .standby, .poweredDown: gic.hasWakeRequest(cpu: cpu.index)
        case .systemSuspended: systemSuspend.isWoken || gic.hasWakeRequest(cpu: cpu.index)
        }
    }

    /// Moves the clock to the next event if every core waits for one; without any, waits for the world outside.
    private func skipIdleTime(_ activities: [Activity]) {
        var next = alarmCounter
        for (cpu, activity) in zip(emulator.cpus, activities) {
            switch nextEvent(cpu, activity) {
            case .now: return
            case .at(let deadline): next = min(next ?? deadline, deadline)
            case .never: break
            }
        }
        if let next {
            instructionClock?.skip(to: next)
        } else {
            // Only console input can change anything: it arrives as an interrupt of some core. An interrupt that a core does
            // not wait for is none, or it would keep this thread awake for ever.
            parking[0].wait(until: BootClock.now + 10_000_000) {
                hasEnded || zip(emulator.cpus, activities).contains { isReady($0, $1) }
            }
        }
    }

    /// The counter at the time of the real-time clock's alarm; nil if none is set.
    private var alarmCounter: UInt64? {
        guard let alarm = rtc?.nextAlarm, let clock = instructionClock else { return nil }
        let seconds = alarm > Self.deterministicEpoch ? alarm - Self.deterministicEpoch : 0
        return seconds.multipliedReportingOverflow(by: clock.frequency).partialValue
    }
}

extension VirtualMachine {
    /// Guest instructions executed by all cores since the machine was made. Exact once `run` has returned.
    public var instructionCount: UInt64 {
        emulator.cpus.reduce(0) { $0 + $1.instructionCount }
    }

    /// What was asked of the disks since the machine was made, in their order.
    public var diskActivity: [DiskActivity] { disks.map(\.activity) }

    /// What the guest asked of its firmware since the machine was made.
    public var firmwareCalls: FirmwareCallRecord { calls.withLock { $0 } }

    /// How many writes the guest has made to each disk since the machine was made.
    public var diskWriteCounts: [UInt64] { disks.map(\.activity.writes) }

    /// Bytes that translated code takes now.
    public var codeByteCount: Int { emulator.codeByteCount }

    /// The registers of every core, as text. A snapshot is only consistent once `run` has returned.
    public func dump() -> String {
        emulator.cpus.map(\.stateDescription).joined(separator: "\n")
            + "\ninstructions \(instructionCount)"
    }
}
