// PSCI's effects on the machine.

import Devices
import Emulator
import HostSupport
import Hypervisor
import PSCI
import Synchronization

/// What a vCPU's thread does after a firmware call.
enum AfterCall {
    case goOn
    /// The core waits for an interrupt, then goes on.
    case standby
    /// The core loses its context and waits for an interrupt, then starts.
    case powerDown(CoreStart)
    /// The same, with the whole machine.
    case systemSuspend(CoreStart)
    /// The core is off.
    case turnOff
    /// The run has ended.
    case end
}

extension VirtualMachine {
    /// Answers the HVC or SMC that `cpu` just executed.
    func firmwareCall(_ cpu: EmulatedCPU, conduit: Conduit) -> AfterCall {
        guard conduit == configuration.psci.conduit else {
            // There is no EL2 or EL3 that would take it.
            cpu.injectUndefinedInstruction()
            return .goOn
        }
        // An instruction clock only knows of the instructions that the CPU told it of; looking at the timers tells it.
        if instructionClock != nil { _ = cpu.nextTimerDeadline }
        let registers = CallRegisters(
            x0: cpu.register(0), x1: cpu.register(1), x2: cpu.register(2), x3: cpu.register(3))
        let result = answer(registers, of: cpu.index)
        cpu.setRegister(0, result.registers.x0)
        cpu.setRegister(1, result.registers.x1)
        cpu.setRegister(2, result.registers.x2)
        cpu.setRegister(3, result.registers.x3)
        calls.withLock { $0.add(registers, result: result, core: cpu.index) }
        events.firmwareCall?(
            FirmwareCallEvent(
                core: cpu.index, time: power.now &- initialCounter, registers: registers,
                result: result))
        return apply(result.effect, registers, cpu)
    }

    private func apply(_ effect: Effect, _ registers: CallRegisters, _ cpu: EmulatedCPU) -> AfterCall {
        switch effect {
        case .none:
            return .goOn
        case .standby:
            return .standby
        case .powerDown(let entryPoint, let contextID):
            return .powerDown(CoreStart(entry: entryPoint, contextID: contextID))
        case .systemSuspend(let entryPoint, let contextID):
            systemSuspend.begin(core: cpu.index)
            events.suspended?(.suspended)
            return .systemSuspend(CoreStart(entry: entryPoint, contextID: contextID))
        case .turnOffCaller:
            gic.resetCPUInterface(cpu.index)
            return .turnOff
        case .systemOff:
            finish(.poweredOff)
        case .systemOff2(let type, let cookie):
            finish(
                .hibernated(
                    HibernationRequest(
                        type: type.rawValue, cookie: cookie, core: cpu.index,
                        functionID: registers.functionID.rawValue)))
        case .systemReset:
            finish(.reset(ResetRequest(type: nil, cookie: 0, core: cpu.index)))
        case .systemReset2(let type, let cookie):
            finish(.reset(ResetRequest(type: type.rawValue, cookie: cookie, core: cpu.index)))
        }
        return .end
    }

    /// What the firmware says, and what the laboratory makes of it.
    private func answer(_ registers: CallRegisters, of core: Int) -> CallResult {
        let intervention = laboratory.intervention(in: registers)
        if let delay = intervention?.delayMilliseconds, delay > 0 { pause(core, milliseconds: delay) }
        if let code = intervention?.failure { return CallResult(failing: registers, with: code) }
        var result = firmware.call(registers, caller: core)
        // The registers hold INTERNAL_FAILURE already.
        if intervention?.resumes == true, result.effect.endsRun { result.effect = .none }
        return result
    }

    /// Lets guest time pass before the calling core goes on.
    private func pause(_ core: Int, milliseconds: UInt64) {
        let nanoseconds = milliseconds &* 1_000_000
        if let instructionClock {
            instructionClock.skip(to: instructionClock.counter &+ nanoseconds)
        } else {
            parking[core].wait(until: BootClock.now &+ nanoseconds) { hasEnded }
        }
    }

    /// Starts a core that waited with its context lost.
    func powerUp(_ cpu: EmulatedCPU, _ start: CoreStart) {
        gic.powerOn(cpu.index)
        cpu.powerUp(entry: start.entry, context: start.contextID)
        firmware.coreWoke(cpu.index)
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
        if let core = systemSuspend.wake(reason) { parking[core].wake() }
    }

    /// Ends the run, unless it has ended already, and stops every core.
    func finish(_ how: RunEnd) {
        end.withLock { end in
            switch (end, how) {
            // What the guest meant to have done is worth nothing if its disks had no power before the run was over.
            case (_, .stopped(.powerCut)): end = how
            // A stop that meets a reset must not be lost, or the guest would be booted again.
            case (nil, _), (.reset, .stopped):
                end = how
                endTimes.withLock { $0 = EndTimes(end: BootClock.now, time: WallClock.now, counter: power.now) }
            default: break
            }
        }
        for cpu in emulator.cpus { cpu.requestExit() }
        for place in parking { place.wake() }
        if !how.finishesRequests {
            for component in components { component.setEnding(true) }
        }
    }

    var hasEnded: Bool { end.withLock { $0 != nil } }

    /// Ends the run from outside: a signal, or the user. Callable from any thread, at any time.
    public func stop(because reason: StopReason) {
        finish(.stopped(reason))
    }
}

extension RunEnd {
    /// Whether what the guest had asked of its devices is still done. A guest that is at its end by its own doing waits for nothing that
    /// matters to it, but may be careless; one that is reset or has lost its power did not have its answers yet, and nobody waits for a
    /// guest that asked for much.
    fileprivate var finishesRequests: Bool {
        switch self {
        case .poweredOff, .hibernated: true
        case .reset, .crashed, .stopped: false
        }
    }
}
