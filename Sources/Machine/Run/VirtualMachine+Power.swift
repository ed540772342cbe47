// PSCI's effects on the machine.

import Devices
import HostSupport
import Hypervisor
import PSCI
import Synchronization

extension VirtualMachine {
    /// Answers the HVC or SMC that a core just executed.
    func answerCall(of core: Core, by conduit: Conduit) {
        let cpu = core.cpu
        guard conduit == configuration.psci.conduit else {
            // There is no EL2 or EL3 that would take it.
            cpu.injectUndefinedInstruction()
            return
        }
        // An instruction clock only knows of the instructions that the CPU told it of; looking at the timers tells it.
        if instructionClock != nil { _ = cpu.nextTimerDeadline }
        // The PC is behind the call.
        let address = cpu.programCounter &- 4
        let registers = CallRegisters(
            x0: cpu.register(0), x1: cpu.register(1), x2: cpu.register(2), x3: cpu.register(3))
        let result = answer(registers, of: core)
        cpu.setRegister(0, result.registers.x0)
        cpu.setRegister(1, result.registers.x1)
        cpu.setRegister(2, result.registers.x2)
        cpu.setRegister(3, result.registers.x3)
        calls.withLock { $0.add(registers, result: result, core: core.index, address: address) }
        events.firmwareCall?(
            FirmwareCallEvent(
                core: core.index, time: power.now &- clock.rate.nanoseconds(forTicks: initialCounter),
                address: address, registers: registers, result: result))
        perform(core.move(.answered(CallOutcome(result.effect, of: registers, core: core.index))), of: core)
    }

    /// What the firmware says, and what the laboratory makes of it.
    private func answer(_ registers: CallRegisters, of core: Core) -> CallResult {
        let intervention = laboratory.intervention(in: registers)
        if let delay = intervention?.delayMilliseconds, delay > 0 { self.delay(core, milliseconds: delay) }
        if let code = intervention?.failure { return CallResult(failing: registers, with: code) }
        var result = firmware.call(registers, caller: core.index)
        // The registers hold INTERNAL_FAILURE already.
        if intervention?.resumes == true, result.effect.endsRun { result.effect = .none }
        return result
    }

    /// Lets guest time pass before the calling core goes on.
    private func delay(_ core: Core, milliseconds: UInt64) {
        let nanoseconds = milliseconds &* 1_000_000
        if let instructionClock {
            instructionClock.skip(to: instructionClock.counter &+ nanoseconds)
        } else {
            core.parking.wait(until: hostTime() &+ nanoseconds) { hasEnded }
        }
    }

    /// The machine is not suspended any more.
    func endSystemSuspend() {
        let reason = systemSuspend.end() ?? (hasEnded ? .end : .interrupt)
        events.suspended?(.woken(reason))
    }

    /// Whether the guest has suspended the machine to RAM.
    public var isSuspended: Bool { systemSuspend.isSuspended }

    /// Wakes a machine that is suspended to RAM; does nothing to one that is not. Callable from any thread.
    public func wake(_ reason: WakeReason = .host) {
        if let core = systemSuspend.wake(reason) { cores[core].wake() }
    }

    /// Ends the run, unless it has ended already, and stops every core.
    func finish(_ how: RunEnd) {
        end.withLock { end in
            switch (end, how) {
            // What the guest meant to have done is worth nothing if its disks had no power before the run was over.
            case (_, .stopped(.powerCut)): end = how
            // A stop that meets a reset must not be lost, or the guest would be booted again.
            case (nil, _), (.reset, .stopped), (.stopped(.reset), .stopped), (.stopped(.watchdog), .stopped):
                end = how
                endTimes.withLock { $0 = EndTimes(end: BootClock.now, time: WallClock.now, counter: power.now) }
            default: break
            }
        }
        for cpu in cpus { cpu.requestExit() }
        for core in cores { core.wake() }
        pauseObservers.wake()
        if !how.finishesRequests {
            for component in components { component.setEnding(true) }
        }
    }

    var hasEnded: Bool { end.withLock { $0 != nil } }

    /// Ends the run from outside: a signal, or the user. Callable from any thread, at any time.
    public func stop(because reason: StopReason) {
        finish(.stopped(reason))
    }

    /// Has the guest started again, as by a button that no guest is asked about: the run ends as if it had reset the
    /// machine. Memory is lost. Callable from any thread, at any time.
    public func reset() {
        finish(.stopped(.reset))
    }
}

extension RunEnd {
    /// Whether what the guest had asked of its devices is still done. A guest that is at its end by its own doing waits
    /// for nothing that matters to it, but may be careless; one that is reset or has lost its power did not have its
    /// answers yet, and nobody waits for a guest that asked for much.
    fileprivate var finishesRequests: Bool {
        switch self {
        case .poweredOff, .exited, .hibernated: true
        case .reset, .crashed, .stopped: false
        }
    }
}
