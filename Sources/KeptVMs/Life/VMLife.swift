// The life of a VM while a process has it: which state it is in, and the events that say so.
//
// Responsible for: that only states follow each other that may, and that what an earlier process could not say is made
// up for: one that was killed left no event of its end. What became of it is told by `state.json` then, as ever. Not
// responsible for: what the next start is to be, which is `state.json`'s alone: events are for people and for programs
// that watch.

import Devices
import HostSupport
import Machine
import Synchronization

/// The state of a VM, and its events. From any thread.
public final class VMLife: Sendable {
    private struct State {
        var state: LifeState
        var number: UInt64
        var generation: UInt64?
        var fingerprint: String?
        var failure: HostError?
        /// Somebody paused it, and has not let it go on.
        var isHeld = false
    }

    private let log: EventLog
    private let now: @Sendable () -> UInt64
    private let state: Mutex<State>

    /// Takes up the life of the VM whose lock the caller has.
    ///
    /// - Parameters:
    ///   - vm: the VM.
    ///   - now: nanoseconds since 1970-01-01 UTC.
    public convenience init(_ vm: VM, now: @escaping @Sendable () -> UInt64 = { WallClock.now }) {
        self.init(vm, EventLog(vm), now: now)
    }

    init(_ vm: VM, _ log: EventLog, now: @escaping @Sendable () -> UInt64) {
        self.log = log
        self.now = now
        var failure: HostError?
        var last: VMEvent?
        do throws(HostError) { last = try log.last()?.event } catch { failure = error }
        let known = try? vm.state()
        let resting = known?.restingState
        let lastState = last?.lifeState ?? resting ?? .defined
        state = Mutex(State(state: lastState, number: last?.number ?? 0, failure: failure))
        guard let resting, last != nil, resting != lastState, !Self.restsOtherwise.contains(lastState) else { return }
        record(
            resting, cause: "noted later: the process that had the VM was gone without a word of it",
            exitCode: resting == .unknown ? nil : known?.lastEnd?.exitCode)
    }

    /// Last events beside which `state.json` may say something else: a refused start changes nothing there, a copy
    /// begins with what it may have to resume, and what a later version tells, nobody knows.
    private static let restsOtherwise: Set<LifeState> = [.refused, .defined, .other]

    /// The state that it is in.
    public var current: LifeState { state.withLock(\.state) }

    /// Why an event could not be kept, the first time.
    public var failure: HostError? { state.withLock(\.failure) }

    /// Says of which environment the next events are.
    public func begin(generation: UInt64, fingerprint: String) {
        state.withLock { state in
            state.generation = generation
            state.fingerprint = fingerprint
        }
    }

    /// Goes on to another state, if that may follow the one that it is in.
    ///
    /// - Parameters:
    ///   - next: that state.
    ///   - cause: why, for people.
    ///   - call: the guest's PSCI call that brought it about.
    ///   - exitCode: of an end.
    /// - Returns: whether it did.
    @discardableResult
    public func move(to next: LifeState, cause: String, call: String? = nil, exitCode: Int32? = nil) -> Bool {
        state.withLock { state in
            guard state.state.mayBecome(next) else { return false }
            append(next, cause, call, exitCode, &state)
            return true
        }
    }

    /// Notes that somebody paused the guest.
    public func hold() {
        state.withLock { $0.isHeld = true }
        move(to: .paused, cause: "it was paused, as asked")
    }

    /// Notes that a guest goes on that somebody paused.
    ///
    /// - Parameter next: the state that it comes into; nil if it is paused for another reason, too.
    public func release(to next: LifeState?) {
        state.withLock { $0.isHeld = false }
        if let next { move(to: next, cause: "it goes on, as asked") }
    }

    /// Whether somebody paused the guest, and has not let it go on.
    public var isHeld: Bool { state.withLock(\.isHeld) }

    /// Goes on to the state that `state.json` says now, whatever was before: what was damaged is repaired.
    func settle(_ next: LifeState, cause: String) {
        guard next != current else { return }
        record(next, cause: cause, exitCode: nil)
    }

    private func record(_ next: LifeState, cause: String, exitCode: Int32?) {
        state.withLock { append(next, cause, nil, exitCode, &$0) }
    }

    private func append(
        _ next: LifeState, _ cause: String, _ call: String?, _ exitCode: Int32?, _ state: inout State
    ) {
        state.state = next
        let event = VMEvent(
            number: state.number + 1, time: now(), state: next, cause: cause, call: call, generation: state.generation,
            fingerprint: state.fingerprint, exitCode: exitCode)
        // The VM goes on all the same: nothing depends on what is told of it.
        do throws(HostError) {
            try log.append(event)
            state.number = event.number
        } catch { state.failure = state.failure ?? error }
    }
}

extension VMLife {
    /// Adds to what a machine tells what it means for the VM's state.
    public func connect(_ events: inout MachineEvents) {
        let (suspended, imageWritten, disk) = (events.suspended, events.imageWritten, events.disk)
        events.suspended = { [self] event in
            suspended?(event)
            switch event {
            case .suspended: move(to: .suspended, cause: "the guest suspended to RAM", call: "SYSTEM_SUSPEND")
            // What ends is told of by its end.
            case .woken(.end): break
            // It wakes when it goes on.
            case .woken where isHeld: break
            case .woken(let reason): move(to: .running, cause: "the guest was woken: \(reason.rawValue)")
            }
        }
        events.imageWritten = { [self] index, end in
            imageWritten?(index, end)
            move(to: .hibernating, cause: "the guest wrote a hibernation image to disk \(index)")
        }
        events.disk = { [self] trouble in
            disk?(trouble)
            switch trouble.event {
            case .failed: break
            case .held: move(to: .paused, cause: trouble.words)
            case .released where isHeld: break
            case .released: move(to: .running, cause: trouble.words)
            }
        }
    }
}
