// The event register, WFE, SEV and SEVL: DDI 0487, "Wait for Event mechanism and Send event", and "Event streams".
//
// Responsible for: when a WFE waits, and for how long at most. Not responsible for waiting: whoever calls `run` does
// that, after `Exit.waitForEvent`.
//
// The global monitor is the memory itself (`EmulatedCPU+Atomics`), so a store that clears it sends no event. A WFE that
// comes after a load-exclusive therefore looks at the location: it is over when that has changed, and otherwise sleeps
// no longer than half of the time that was waited already. The architecture lets a WFE end early at any time.

import Hypervisor
import Synchronization

/// The event stream of CNTKCTL_EL1: an event whenever one bit of the counter rises, or falls.
struct EventStream {
    /// The bit, as a mask.
    private let bit: UInt64
    private let followsFallingEdges: Bool

    /// nil if the stream is off.
    init?(cntkctl: UInt64) {
        guard cntkctl & CNTKCTL.evntEN != 0 else { return nil }
        bit = 1 << (cntkctl >> CNTKCTL.evntIShift & CNTKCTL.evntIMask)
        followsFallingEdges = cntkctl & CNTKCTL.evntDIR != 0
    }

    /// The first counter value after `counter` at which there is an event.
    func nextEdge(after counter: UInt64) -> UInt64 {
        let next = counter &+ 1
        // The bit has just changed where it and those below it are 100…0 (risen), or zero (fallen).
        let edge = followsFallingEdges ? 0 : bit
        return next &+ ((edge &- next) & (bit << 1 &- 1))
    }
}

/// How long a CPU has waited by WFE for one location to change: the longer, the longer it may sleep between two looks.
/// In ticks of the counter, which are nanoseconds in every model.
struct MonitorWait {
    /// For so long there is no sleep: locks are mostly released before.
    static let patience: UInt64 = 50_000
    /// A hundred looks a second cost next to nothing, also where each finds cold caches.
    static let longestSleep: UInt64 = 10_000_000
    /// Who comes back so long after a look waits for something else.
    private static let longestPause: UInt64 = 500_000

    private var address: UInt64 = 0
    private var value: UInt64 = 0
    private var since: UInt64 = 0
    private var lastLook: UInt64 = 0

    /// How long to sleep at most before the next look, but not less than `least`; 0 if it is to be looked at once more
    /// at once.
    mutating func sleep(at address: UInt64, value: UInt64, now: UInt64, least: UInt64) -> UInt64 {
        let isSame = address == self.address && value == self.value && now <= lastLook &+ Self.longestPause
        if !isSame { since = now }
        self.address = address
        self.value = value
        lastLook = now
        let waited = now &- since
        return max(least, waited < Self.patience ? 0 : min(waited / 2, Self.longestSleep))
    }

    /// The sleep is over, or the thread has another turn. However late a busy host has woken it, the wait is the same:
    /// one that begins again with `patience` would be one more load on that host.
    mutating func wake(at now: UInt64) {
        lastLook = now
    }
}

extension EmulatedCPU {
    /// A shorter sleep of a host thread is not worth its costs.
    private static let shortestSleep: UInt64 = 5000

    private var eventStream: EventStream? { EventStream(cntkctl: state.system.pointee.cntkctlEL1) }

    /// SEV and SEVL.
    func sendEvent(toAll: Bool) {
        guard toAll else {
            eventRegister.store(true, ordering: .relaxed)
            return
        }
        for cpu in vm.cpus { cpu.receiveEvent() }
    }

    /// Sets the event register, and wakes who waits for that. Callable from any thread.
    private func receiveEvent() {
        // The order matters: who waits sets its flag first, and looks at the register then.
        eventRegister.store(true, ordering: .sequentiallyConsistent)
        if waitsForEvent.load(ordering: .sequentiallyConsistent) { configuration.eventSent(index) }
    }

    /// Whether the event register is set; it is clear afterwards.
    func takeEvent() -> Bool {
        let now = counter
        let isSet = eventRegister.exchange(false, ordering: .sequentiallyConsistent)
        let hasStreamed = eventStream.map { $0.nextEdge(after: eventStreamSeen) <= now } ?? false
        eventStreamSeen = now
        return isSet || hasStreamed
    }

    /// WFE where it is not trapped. Returns an exit if there is something to wait for.
    func waitForEvent(isBudgeted: Bool) -> Exit? {
        updateTimers()
        if takeEvent() || mustTakeInterrupt { return nil }
        let now = eventStreamSeen
        var deadline = min(nextTimerEvent, eventStream?.nextEdge(after: now) ?? .max)
        let system = state.system.pointee
        if system.exclusiveAddress != 0 {
            if monitoredLocationHasChanged {
                monitorWait = MonitorWait()
                return nil
            }
            let sleep = monitorWait.sleep(
                at: system.exclusiveAddress, value: system.exclusiveLow, now: now,
                least: isBudgeted ? MonitorWait.patience : 0)
            if sleep == 0 {
                yieldThread()
                lookAtMonitoredLocation()
                return nil
            }
            deadline = min(deadline, now &+ sleep)
        } else {
            // Whatever was waited for before, this is not a part of it.
            monitorWait = MonitorWait()
        }
        if !isBudgeted && deadline < now &+ Self.shortestSleep {
            yieldThread()
            lookAtMonitoredLocation()
            return nil
        }
        waitsForEvent.store(true, ordering: .sequentiallyConsistent)
        return .waitForEvent(deadline: deadline == .max ? nil : deadline)
    }

    /// The WFE that `run` came back for is over, whatever ended it.
    func endWaitForEvent() {
        waitsForEvent.store(false, ordering: .relaxed)
        _ = takeEvent()
        lookAtMonitoredLocation()
    }

    /// The next wait for a location is another one, if what this one was for has happened.
    private func lookAtMonitoredLocation() {
        guard state.system.pointee.exclusiveAddress != 0 else { return }
        if monitoredLocationHasChanged { monitorWait = MonitorWait() } else { monitorWait.wake(at: counter) }
    }

    public var hasWakeUpEvent: Bool {
        eventRegister.load(ordering: .sequentiallyConsistent) || mustTakeInterrupt || monitoredLocationHasChanged
    }

    /// Whether the monitor is set, and its location holds another value than was loaded.
    private var monitoredLocationHasChanged: Bool {
        let system = state.system.pointee
        // Safe: the monitor holds an address in guest RAM, which never moves, aligned to the size of the access.
        guard let pointer = UnsafeMutableRawPointer(bitPattern: UInt(system.exclusiveAddress)) else { return false }
        switch system.exclusiveSize {
        case 1: return UInt64(UInt8.load(pointer)) != system.exclusiveLow
        case 2: return UInt64(UInt16.load(pointer)) != system.exclusiveLow
        case 4: return UInt64(UInt32.load(pointer)) != system.exclusiveLow
        case 8: return UInt64.load(pointer) != system.exclusiveLow
        default:
            return UInt64.load(pointer) != system.exclusiveLow || UInt64.load(pointer + 8) != system.exclusiveHigh
        }
    }

    /// No events, as after a reset.
    func resetEvents() {
        waitsForEvent.store(false, ordering: .relaxed)
        eventRegister.store(false, ordering: .relaxed)
        eventStreamSeen = counter
        monitorWait = MonitorWait()
    }
}
