// What both schedulers of cores have in common: carrying out what a core's life asks for, and when a core is to go on.

import HostSupport
import Hypervisor
import PSCI
import Synchronization

extension VirtualMachine {
    /// What each core is doing, by index. From any thread, at any time.
    public var coreActivities: [CoreActivity] { cores.map(\.activity) }

    /// The host's number of the thread that runs each core, or did so last, by index; 0 before the first run. From any
    /// thread, at any time.
    public var coreThreadIDs: [Int32] { cores.map { $0.threadID.load(ordering: .acquiring) } }

    /// Does what an event asked for. On the thread that runs `core`.
    func perform(_ action: CoreAction, of core: Core) {
        let index = core.index
        switch action {
        case .none: break
        case .answerCall(let conduit): answerCall(of: core, by: conduit)
        case .answerSemihosting: answerSemihosting(of: core)
        case .start(let start):
            interruptController.powerOn(index)
            core.cpu.reset(entry: start.entry, context: start.contextID)
            firmware.coreStarted(index)
        case .turnOff: interruptController.resetCPUInterface(index)
        case .leaveStandby: firmware.coreWoke(index)
        case .powerUp(let start): powerUp(core, start)
        case .suspendSystem:
            systemSuspend.begin(core: index)
            events.suspended?(.suspended)
        case .wakeSystem(let start):
            endSystemSuspend()
            powerUp(core, start)
        case .abandonSuspend: endSystemSuspend()
        case .finish(let end): finish(end)
        case .stopForDebugger(let stop): stopped(core, stop)
        }
    }

    /// Whether a pause is a core's, too.
    func isHeld(_ core: Core) -> Bool { isPaused && !core.isReleased.load(ordering: .acquiring) }

    /// Starts a core that waited with its context lost.
    private func powerUp(_ core: Core, _ start: CoreStart) {
        interruptController.powerOn(core.index)
        core.cpu.powerUp(entry: start.entry, context: start.contextID)
        firmware.coreWoke(core.index)
    }

    /// When something is next to be done for a core.
    enum NextEvent: Equatable {
        case now
        /// When the counter gets there; for who waits for a wake request, to look again.
        case at(UInt64)
        case never
    }

    func nextEvent(_ core: Core, _ activity: CoreActivity) -> NextEvent {
        let deadline: UInt64?
        var endsByDeadline = false
        switch activity {
        case .waiting(let until), .waitingForEvent(let until):
            deadline = until
            endsByDeadline = true
        // Looking at the deadline drives the timers' lines.
        case .standby, .poweredDown, .systemSuspended: deadline = core.cpu.nextTimerDeadline
        case .off, .starting, .running, .paused, .ended: deadline = nil
        }
        if isReady(core, activity) { return .now }
        guard let deadline else { return .never }
        return endsByDeadline && deadline <= clock.counter ? .now : .at(deadline)
    }

    /// Whether there is something to be done for a core, whatever the time.
    func isReady(_ core: Core, _ activity: CoreActivity) -> Bool {
        switch activity {
        case .running, .starting: true
        case .off: if case .off = core.activity { false } else { true }
        case .waiting: core.cpu.hasPendingInterrupt || core.isStepped.load(ordering: .acquiring)
        case .waitingForEvent: core.cpu.hasWakeUpEvent || core.isStepped.load(ordering: .acquiring)
        case .standby, .poweredDown: interruptController.hasWakeRequest(cpu: core.index)
        case .systemSuspended: systemSuspend.isWoken || interruptController.hasWakeRequest(cpu: core.index)
        case .paused, .ended: false
        }
    }
}
