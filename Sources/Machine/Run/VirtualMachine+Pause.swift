// Pausing a guest: no core executes an instruction until it goes on. The guest is not told.

import Devices
import HostSupport
import Hypervisor
import Synchronization

extension VirtualMachine {
    /// How often the guest was paused and went on.
    var pauseNumber: PauseNumber { PauseNumber(rawValue: pauseCount.load(ordering: .acquiring)) }

    /// Whether the guest is to be paused, for whatever reason; `state` says whether it already is.
    public var isPaused: Bool { pauseNumber.isPaused }

    /// Pauses the guest: every core stops soon, and a paused guest uses no CPU. It stays so until `resume`, over resets
    /// too, and as long as a disk is waited for. Returns at once; callable from any thread.
    ///
    /// With the instruction clock, which only counts what is executed, the counter stands still in any case.
    ///
    /// - Parameter clock: what the guest's counter does meanwhile.
    /// - Returns: false if the guest was paused by this before; then only `clock` is another one.
    @discardableResult
    public func pause(clock: PauseClock = .goesOn) -> Bool {
        changePauses { pauses in
            defer { pauses.asked = clock }
            return pauses.asked == nil
        }
    }

    /// Takes `pause` back: the guest goes on, unless a disk is waited for. Callable from any thread.
    ///
    /// - Returns: false if it was not paused by `pause`.
    @discardableResult
    public func resume() -> Bool {
        changePauses { pauses in
            defer { pauses.asked = nil }
            return pauses.asked != nil
        }
    }

    /// Waits until no core executes anything, or `state` is something else than `.pausing` for another reason. Not to
    /// be called by what `MachineEvents` calls: cores may wait for that.
    ///
    /// - Parameter milliseconds: how long at most; nil for ever. A core that waits for whoever reads the console does
    ///   not stop meanwhile.
    public func waitUntilPaused(milliseconds: UInt64? = nil) {
        let deadline = milliseconds.map { BootClock.now &+ $0 &* 1_000_000 }
        pauseObservers.wait(until: deadline) { state != .pausing }
    }

    /// Whether a disk is waited for, whoever else wants a pause.
    public var isWaitingForDisk: Bool { pauses.withLock { $0.waitingDisks > 0 } }

    private func changePauses<Result: Sendable>(_ change: @Sendable (inout Pauses) -> Result) -> Result {
        let result = pauses.withLock { pauses in
            let before = pauses
            let result = change(&pauses)
            // The counter stands only while the guest is paused.
            if pauses.isPaused && !before.isPaused {
                pauseCount.add(1, ordering: .acquiringAndReleasing)
                pauses.counter = clock.counter
                watchdogNotes(ticksPaused: nil)
            }
            if pauses.stopsClock { hostClock?.stop() } else { hostClock?.goOn() }
            // Before a core goes on that could trust its counter.
            if before.stopsClock && !pauses.stopsClock { vmClock?.disrupt() }
            if before.isPaused && !pauses.isPaused {
                watchdogNotes(ticksPaused: clock.counter &- pauses.counter)
                pauseCount.add(1, ordering: .acquiringAndReleasing)
            }
            return result
        }
        // Turns end by themselves; where they end must not depend on when somebody pauses.
        if isPaused && hostClock != nil { for cpu in cpus { cpu.requestExit() } }
        for core in cores { core.parking.wake() }
        pauseObservers.wake()
        return result
    }

    /// A disk says something: the guest is paused while one cannot do what it was asked for.
    func heard(_ event: DiskEvent, ofDisk index: Int) {
        switch event {
        case .failed: break
        case .held: changePauses { $0.waitingDisks += 1 }
        case .released: changePauses { $0.waitingDisks -= 1 }
        }
        // That nobody waits any more is not the news that the disk is well again.
        if case .released = event, hasEnded { return }
        events.disk?(DiskTrouble(disk: index, path: configuration.disks[index].path, event: event))
    }
}
