// PSCI's effects on the machine.

import Emulator
import Hypervisor
import PSCI
import Synchronization

/// What a vCPU's thread does after a firmware call.
enum AfterCall {
    case goOn
    /// The core waits for an interrupt, then goes on.
    case waitForInterrupt
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
        let registers = CallRegisters(
            x0: cpu.register(0), x1: cpu.register(1), x2: cpu.register(2), x3: cpu.register(3))
        let result = firmware.call(registers, caller: cpu.index)
        cpu.setRegister(0, result.registers.x0)
        cpu.setRegister(1, result.registers.x1)
        cpu.setRegister(2, result.registers.x2)
        cpu.setRegister(3, result.registers.x3)
        calls.withLock { $0.add(registers, result: result, core: cpu.index) }
        events.firmwareCall?(cpu.index, CallDescription(registers, result: result))
        return apply(result.effect, registers, cpu)
    }

    private func apply(_ effect: Effect, _ registers: CallRegisters, _ cpu: EmulatedCPU) -> AfterCall {
        switch effect {
        case .none:
            return .goOn
        case .standby:
            return .waitForInterrupt
        case .turnOffCaller:
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

    /// Ends the run, unless it has ended already, and stops every core.
    func finish(_ how: RunEnd) {
        end.withLock { if $0 == nil { $0 = how } }
        for cpu in emulator.cpus { cpu.requestExit() }
        for place in parking { place.wake() }
    }

    var hasEnded: Bool { end.withLock { $0 != nil } }

    /// Ends the run from outside: a signal, or the user. Callable from any thread, at any time.
    public func stop(because reason: StopReason) {
        finish(.stopped(reason))
    }
}
