// What all monitors of a machine have in common: the machine, its names, and the events.
//
// Responsible for: that a pause is told once, by whomever it was asked for; that there is no machine for a while. Not
// responsible for: who is told (`MonitorServer`), what is said (`QMPSession`, `HMPSession`).

import HostSupport
import Synchronization

/// A machine, its names, and what there is to tell of it.
public final class Monitor: Sendable {
    private struct State {
        var machine: (any MonitoredMachine)?
        var isPaused = false
        var dump = DumpState.none
        var events: [[UInt8]] = []
        /// Events are lost: clients cannot be told the truth any more.
        var hasLostEvents = false
    }

    /// Events that wait until they are told to clients, which takes no longer than a command does.
    private static let maximumEventCount = 1024

    public let identity: MonitorIdentity
    private let state = Mutex(State())
    private let posted: @Sendable () -> Void

    /// - Parameters:
    ///   - identity: the names.
    ///   - posted: called when there are events.
    init(_ identity: MonitorIdentity, posted: @escaping @Sendable () -> Void) {
        self.identity = identity
        self.posted = posted
    }

    /// The machine to be steered from now on.
    ///
    /// - Parameters:
    ///   - machine: is asked for what clients want.
    ///   - isPaused: whether it is paused, which clients are not told.
    public func attach(_ machine: any MonitoredMachine, isPaused: Bool) {
        state.withLock {
            $0.machine = machine
            $0.isPaused = isPaused
        }
    }

    /// Tells clients of something. From any thread; nobody is waited for.
    ///
    /// - Parameter event: what happened, now.
    public func post(_ event: MonitorEvent) {
        let message = event.message(at: WallClock.now)
        state.withLock { state in
            if state.events.count < Self.maximumEventCount {
                state.events.append(message)
            } else {
                state.hasLostEvents = true
            }
        }
        posted()
    }

    /// Tells clients of a pause or of its end, once.
    ///
    /// - Parameter isPaused: whether the guest is paused now.
    public func note(isPaused: Bool) {
        let isNews = state.withLock { state in
            defer { state.isPaused = isPaused }
            return state.isPaused != isPaused
        }
        if isNews { post(isPaused ? .stop : .resume) }
    }

    /// Does what a line of HMP says, for a client that has come another way.
    ///
    /// - Parameter line: without its end.
    /// - Returns: what is shown, with its line ends.
    public func execute(_ line: String) -> String {
        let answer = HMPCommand.execute(line, self)
        answer.then?()
        return answer.text
    }

    var dumpState: DumpState { state.withLock { $0.dump } }

    /// Whether a dump may begin, which it does then.
    func beginDump() -> Bool {
        state.withLock { state in
            guard state.dump != .active else { return false }
            state.dump = .active
            return true
        }
    }

    func endDump(_ result: DumpState) {
        state.withLock { $0.dump = result }
        post(.dumpCompleted(result))
    }

    /// The events that were posted since the last call; nil if some are lost.
    func takeEvents() -> [[UInt8]]? {
        state.withLock { state in
            defer {
                state.events = []
                state.hasLostEvents = false
            }
            return state.hasLostEvents ? nil : state.events
        }
    }

    /// The machine.
    ///
    /// - Throws: there is none yet.
    func machine() throws(QMPError) -> any MonitoredMachine {
        guard let machine = state.withLock({ $0.machine }) else { throw QMPError("the machine is not there yet") }
        return machine
    }
}
