// The life of a core: one value, and one pure function that moves it on.
//
// Responsible for: every state that a core can be in, and what is to be done when it goes from one to another. Not
// responsible for doing it (`VirtualMachine+Cores`), nor for when a core has its turn: two schedulers see to that, a
// thread for each core (`VirtualMachine+Threads`) and turns on one thread (`VirtualMachine+Turns`). What PSCI lets a
// core do is the firmware's.

import Hypervisor
import PSCI

/// What happens to a core.
enum CoreEvent: Sendable, Hashable {
    /// Somebody started it: CPU_ON, or the boot of the machine. From any thread.
    case startRequested(CoreStart)
    /// Its `run` came back.
    case exit(Exit)
    /// The firmware answered its call.
    case answered(CallOutcome)
    /// What it waited for is there.
    case woke
    /// The guest is paused, and goes on.
    case pause
    case resume
    /// The run is over.
    case end
}

/// What a firmware call means for the core that made it.
enum CallOutcome: Sendable, Hashable {
    case goesOn
    case standby
    case powerDown(CoreStart)
    case systemSuspend(CoreStart)
    case turnsOff
    case endsRun(RunEnd)
}

/// What is to be done about an event, once the core's state has changed. By the scheduler that reported it, on its
/// thread.
enum CoreAction: Sendable, Hashable {
    case none
    /// Answer the call that it makes by `Conduit`.
    case answerCall(Conduit)
    /// Power it on, and reset it.
    case start(CoreStart)
    /// It loses its power.
    case turnOff
    /// Tell the firmware that it goes on.
    case leaveStandby
    /// Power it on again, and tell the firmware.
    case powerUp(CoreStart)
    /// The machine is suspended from now on.
    case suspendSystem
    /// The machine is not suspended any more; the core as in `powerUp`.
    case wakeSystem(CoreStart)
    /// The machine is not suspended any more, since the run is over.
    case abandonSuspend
    /// Answer the semihosting call that it makes.
    case answerSemihosting
    /// The run ends.
    case finish(RunEnd)
    /// It has stopped for a debugger, and all others stop, too.
    case stopForDebugger(DebugStop)
}

/// The life of one core.
struct CoreLife: Sendable, Hashable, Codable {
    var activity = CoreActivity.off
    /// A start that was asked for while the core was still on its way off: the firmware says that it is off from the
    /// moment of its CPU_OFF on, and somebody may start it before its thread has got there.
    var pendingStart: CoreStart?

    /// The life after `event`, and what is to be done. Total: an event that means nothing to a core changes nothing.
    func after(_ event: CoreEvent) -> (life: CoreLife, action: CoreAction) {
        switch event {
        case .pause: pausing
        case .resume: resuming
        case .end: ending
        case .startRequested(let start): asked(toStart: start)
        case .exit(let exit): after(exit)
        case .answered(let outcome): after(outcome)
        case .woke: waking
        }
    }

    private func to(_ activity: CoreActivity, _ action: CoreAction = .none) -> (CoreLife, CoreAction) {
        (CoreLife(activity: activity, pendingStart: pendingStart), action)
    }

    private var unchanged: (CoreLife, CoreAction) { (self, .none) }

    // MARK: From outside

    private var pausing: (CoreLife, CoreAction) {
        switch activity {
        case .paused, .ended: unchanged
        case .off, .starting, .running, .waiting, .waitingForEvent, .standby, .poweredDown, .systemSuspended:
            to(.paused(activity))
        }
    }

    private var resuming: (CoreLife, CoreAction) {
        if case .paused(let activity) = activity { to(activity) } else { unchanged }
    }

    private var ending: (CoreLife, CoreAction) {
        let ended = CoreLife(activity: .ended)
        return switch activity {
        case .systemSuspended, .paused(.systemSuspended): (ended, .abandonSuspend)
        default: (ended, .none)
        }
    }

    private func asked(toStart start: CoreStart) -> (CoreLife, CoreAction) {
        switch activity {
        case .off: to(.starting(start))
        case .paused(.off): to(.paused(.starting(start)))
        case .ended: unchanged
        case .starting, .running, .waiting, .waitingForEvent, .standby, .poweredDown, .systemSuspended, .paused:
            (CoreLife(activity: activity, pendingStart: start), .none)
        }
    }

    // MARK: By its own doing

    private func after(_ exit: Exit) -> (CoreLife, CoreAction) {
        guard case .running = activity else { return unchanged }
        return switch exit {
        case .hypercall: to(.running, .answerCall(.hvc))
        case .secureMonitorCall: to(.running, .answerCall(.smc))
        case .semihostingCall: to(.running, .answerSemihosting)
        case .waitForInterrupt(let deadline): to(.waiting(until: deadline))
        case .waitForEvent(let deadline): to(.waitingForEvent(until: deadline))
        case .budgetExhausted, .interrupted: unchanged
        case .debug(let stop): to(.running, .stopForDebugger(stop))
        case .failed(let reason): (CoreLife(activity: .ended), .finish(.crashed(reason)))
        }
    }

    private func after(_ outcome: CallOutcome) -> (CoreLife, CoreAction) {
        guard case .running = activity else { return unchanged }
        return switch outcome {
        case .goesOn: unchanged
        case .standby: to(.standby)
        case .powerDown(let start): to(.poweredDown(start))
        case .systemSuspend(let start): to(.systemSuspended(start), .suspendSystem)
        case .turnsOff: (CoreLife(activity: pendingStart.map { .starting($0) } ?? .off), .turnOff)
        case .endsRun(let end): (CoreLife(activity: .ended), .finish(end))
        }
    }

    private var waking: (CoreLife, CoreAction) {
        switch activity {
        case .starting(let start): to(.running, .start(start))
        case .waiting, .waitingForEvent: to(.running)
        case .standby: to(.running, .leaveStandby)
        case .poweredDown(let start): to(.running, .powerUp(start))
        case .systemSuspended(let start): to(.running, .wakeSystem(start))
        case .off, .running, .paused, .ended: unchanged
        }
    }
}

extension CallOutcome {
    /// What `effect` means, which a call in `registers` had.
    init(_ effect: Effect, of registers: CallRegisters, core: Int) {
        switch effect {
        case .none: self = .goesOn
        case .standby: self = .standby
        case .powerDown(let entryPoint, let contextID):
            self = .powerDown(CoreStart(entry: entryPoint, contextID: contextID))
        case .systemSuspend(let entryPoint, let contextID):
            self = .systemSuspend(CoreStart(entry: entryPoint, contextID: contextID))
        case .turnOffCaller: self = .turnsOff
        case .systemOff: self = .endsRun(.poweredOff)
        case .systemOff2(let type, let cookie):
            self = .endsRun(
                .hibernated(
                    HibernationRequest(
                        type: type.rawValue, cookie: cookie, core: core, functionID: registers.functionID.rawValue)))
        case .systemReset: self = .endsRun(.reset(ResetRequest(type: nil, cookie: 0, core: core)))
        case .systemReset2(let type, let cookie):
            self = .endsRun(.reset(ResetRequest(type: type.rawValue, cookie: cookie, core: core)))
        }
    }
}
