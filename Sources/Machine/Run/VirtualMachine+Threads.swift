// The scheduler of runs on the host's clock: a host thread for each core, from the run's beginning to its end.

import HostSupport
import Hypervisor
import Synchronization

extension VirtualMachine {
    /// Runs a core until the run ends. On a thread of the core's own.
    func runOnOwnThread(_ core: Core) {
        core.threadID.store(HostThread.currentID, ordering: .releasing)
        while true {
            if hasEnded { return perform(core.move(.end), of: core) }
            // Before the pause is looked at: whatever changes from now on is seen by who waits below.
            let pauseNumber = pauseNumber
            if pauseNumber.isPaused, isHeld(core) {
                waitWhilePaused(core)
                continue
            }
            let activity = core.activity
            if case .running = activity {
                perform(core.move(.exit(core.run(budget: nil))), of: core)
                continue
            }
            switch nextEvent(core, activity) {
            case .now: perform(core.move(.woke), of: core)
            case .at(let deadline): wait(core, activity, until: deadline, pauseNumber)
            case .never: wait(core, activity, until: nil, pauseNumber)
            }
        }
    }

    /// Sleeps until there is something to look at: what the core waits for, the counter at `deadline`, a pause, or the
    /// end.
    private func wait(_ core: Core, _ activity: CoreActivity, until deadline: UInt64?, _ number: PauseNumber) {
        switch activity {
        case .standby, .poweredDown, .systemSuspended:
            if waitsInBackend {
                // Whoever wants something of the core requests an exit, and it is looked at again.
                if core.cpu.waitForWakeRequest() { perform(core.move(.woke), of: core) }
                return
            }
            if interruptController.awaitWakeRequest(cpu: core.index) { return }
        case .off, .starting, .running, .waiting, .waitingForEvent, .paused, .ended: break
        }
        if activity.isIdle, quietness.hasComeToRest() { core.cpu.rest() }
        let time = deadline.flatMap { hostClock?.hostTime(ofCounter: $0) }
        core.parking.wait(until: time) {
            hasEnded || pauseNumber != number || number.isPaused && isHeld(core) || isReady(core, activity)
        }
    }

    private func waitWhilePaused(_ core: Core) {
        _ = core.move(.pause)
        // Whoever waits until all have stopped.
        pauseObservers.wake()
        core.parking.wait(until: nil) { hasEnded || !isHeld(core) }
        _ = core.move(.resume)
    }
}
