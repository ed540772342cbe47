// The scheduler of runs on the instruction clock: the cores in turn, on the thread of `run`.
//
// Two runs are the same, so nothing here depends on the host's time, and a pause begins between two turns. When every
// core waits, the clock skips to what comes first.

import Devices
import HostSupport
import Hypervisor
import Synchronization

extension VirtualMachine {
    /// Instructions that one core runs before the next one's turn.
    private static let quantum = 20_000

    func runInTurns() {
        for core in cores { core.threadID.store(HostThread.currentID, ordering: .releasing) }
        while !hasEnded {
            waitWhilePaused()
            rtc?.poll()
            watchdog?.poll()
            for core in cores where !hasEnded { turn(core) }
            skipIdleTime()
        }
        for core in cores { perform(core.move(.end), of: core) }
    }

    private func turn(_ core: Core) {
        let activity = core.activity
        guard nextEvent(core, activity) == .now else { return }
        if activity != .running { perform(core.move(.woke), of: core) }
        perform(core.move(.exit(core.run(budget: Self.quantum))), of: core)
        // The clock only knows of the instructions that the CPU told it of; looking at the timers tells it.
        if watchdog != nil { _ = core.cpu.nextTimerDeadline }
    }

    private func waitWhilePaused() {
        guard isPaused else { return }
        for core in cores { _ = core.move(.pause) }
        pauseObservers.wake()
        cores[0].parking.wait(until: nil) { hasEnded || !cores.allSatisfy(isHeld) }
        for core in cores where !isHeld(core) { _ = core.move(.resume) }
    }

    /// Moves the clock to the next event if every core waits for one; without any, waits for the world outside.
    private func skipIdleTime() {
        var next = [alarmCounter, watchdog?.nextDeadline].compactMap(\.self).min()
        let activities = cores.map(\.activity)
        for (core, activity) in zip(cores, activities) {
            switch nextEvent(core, activity) {
            case .now: return
            case .at(let deadline): next = min(next ?? deadline, deadline)
            case .never: break
            }
        }
        if let next {
            instructionClock?.skip(to: next)
        } else {
            // Only console input can change anything: it arrives as an interrupt of some core. An interrupt that a core
            // does not wait for is none, or it would keep this thread awake for ever.
            cores[0].parking.wait(until: hostTime() &+ 10_000_000) {
                hasEnded || isPaused || zip(cores, activities).contains { isReady($0, $1) }
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
