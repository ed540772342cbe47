// The other side of a VM's control socket.

import FoundationEssentials
import HostSupport

/// What came of asking a running VM for something.
public enum ControlOutcome: Sendable, Hashable {
    /// It was not done, for the reason given.
    case declined(String)
    /// The run ended.
    case ended(VMState.End)
    /// The guest was asked, and still runs at the deadline.
    case noReaction(String)
    /// The guest suspended the machine to RAM instead, or had done so before and was not asked, or again. It still
    /// runs.
    case suspended(before: Bool)
}

extension VM {
    /// Asks the run of this VM for something that is to end it, and waits for that. A guest that is suspended to RAM is
    /// woken to be stopped.
    ///
    /// - Parameters:
    ///   - verb: what is asked for.
    ///   - timeoutSeconds: how long the guest is given.
    public func ask(_ verb: ControlVerb, timeoutSeconds: Int) throws(HostError) -> ControlOutcome {
        try ask(verb, timeoutSeconds: timeoutSeconds, Rhythm())
    }

    /// How often things are done while the guest has time.
    struct Rhythm {
        /// How often a guest is looked at that was asked to hibernate.
        var status = Duration.milliseconds(500)
        /// How often the power button of a guest is pressed that was woken for it, and how many times at most. What is
        /// pressed while the button's driver is still suspended has only woken the guest for Linux
        /// (`acpi_button_notify`).
        var press = Duration.seconds(2)
        var presses = 10
    }

    func ask(_ verb: ControlVerb, timeoutSeconds: Int, _ rhythm: Rhythm) throws(HostError) -> ControlOutcome {
        let deadline = ContinuousClock.now.advanced(by: .seconds(timeoutSeconds))
        var (socket, reply) = try send(verb)
        let isWoken = verb == .stop && !reply.done && reply.isSuspended == true
        if isWoken {
            _ = try tell(.wake)
            (socket, reply) = try send(verb)
        }
        guard reply.done else {
            return reply.isSuspended == true ? .suspended(before: true) : .declined(reply.detail)
        }
        var presses = isWoken ? rhythm.presses - 1 : 0
        var nextPress = ContinuousClock.now.advanced(by: rhythm.press)
        while true {
            let now = ContinuousClock.now
            if StreamSocket.readable([socket], until: min(deadline, now.advanced(by: rhythm.status))) == [true] {
                break
            }
            // One that cannot be asked any more has ended, and says how on the first socket.
            if verb == .hibernate, (try? tell(.status))?.isSuspended == true { return .suspended(before: false) }
            if presses > 0, nextPress <= now {
                _ = try? tell(verb)
                presses -= 1
                nextPress = now.advanced(by: rhythm.press)
            }
            if deadline <= now {
                return .noReaction((isWoken ? "the guest was woken from suspend to RAM, " : "") + reply.detail)
            }
        }
        switch socket.readLine(milliseconds: Self.lineMilliseconds) {
        case .timeout: throw .control(name: name, reason: "it stopped in the middle of a line")
        case .end: throw .control(name: name, reason: "it ended without saying how")
        case .text(let line):
            guard let end = try? JSONDecoder().decode(VMState.End.self, from: Data(line.utf8)) else {
                throw .control(name: name, reason: "it said something that is not understood")
            }
            return .ended(end)
        }
    }

    /// Waits until the VM does not run: until its run says how it ended, or nobody has it.
    ///
    /// - Parameter timeoutSeconds: how long at most; nil for ever.
    /// - Returns: whether it does not run.
    public func waitForEnd(timeoutSeconds: Int?) throws(HostError) -> Bool {
        guard user != nil else { return true }
        let begin = ContinuousClock.now
        // One that cannot be asked is about to begin or to end, or of an earlier version.
        _ = try? ask(.wait, timeoutSeconds: timeoutSeconds ?? Self.longestSeconds)
        let rest = timeoutSeconds.map { max(0, $0 - Int((ContinuousClock.now - begin) / .seconds(1))) }
        return isFree(timeoutSeconds: rest)
    }

    /// A century.
    private static let longestSeconds = 100 * 365 * 86_400

    /// How long the other side has for a line that it has begun.
    private static let lineMilliseconds = 10_000

    /// Asks for something that does not end the run.
    ///
    /// - Parameters:
    ///   - verb: what is asked for.
    ///   - patience: how long the VM has to answer, in milliseconds; nil: 10 s.
    public func tell(_ verb: ControlVerb, patience: Int? = nil) throws(HostError) -> ControlReply {
        try send(verb, patience: patience).1
    }

    /// Asks for something that does not end the run, and does not wait for the answer: many VMs can be asked at once.
    ///
    /// - Parameters:
    ///   - verb: what is asked for.
    ///   - patience: how long the VM has to answer, in milliseconds; nil: 10 s.
    public func begin(_ verb: ControlVerb, patience: Int? = nil) throws(HostError) -> PendingReply {
        let patience = patience ?? Self.lineMilliseconds
        guard let line = try PendingLine(asking: verb.rawValue, of: self, at: "control", patience: patience) else {
            throw .takesNoConnections(name: name)
        }
        return PendingReply(line: line)
    }

    private func send(_ verb: ControlVerb, patience: Int? = nil) throws(HostError) -> (StreamSocket, ControlReply) {
        let pending = try begin(verb, patience: patience)
        return (pending.line.socket, try pending.reply())
    }
}

/// What a running VM was asked for, and has yet to answer.
public struct PendingReply: Sendable {
    fileprivate let line: PendingLine

    /// Waits for the answer, until the VM has had its time since it was asked.
    public func reply() throws(HostError) -> ControlReply {
        try line.answer(ControlReply.init(line:))
    }
}
