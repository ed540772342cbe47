// What is said on a VM's control socket: a line with a verb, a line that says whether it was done, and a line when the
// run ends.

import Bytes
import FoundationEssentials

/// What a running VM can be asked for.
public enum ControlVerb: String, Sendable, CaseIterable {
    /// Press the power button.
    case stop
    /// Press the sleep button.
    case hibernate
    /// Wake the guest from suspend to RAM.
    case wake
    /// Hold the guest where it is.
    case pause
    /// Let a guest go on that was held by `pause`.
    case unpause
    /// Send a break to the guest's UART.
    case sendBreak = "break"
    /// Say how it is, and end nothing.
    case status
    /// Say how it ends, when it does.
    case wait

    /// Whether whoever says it waits for the end of the run, too.
    var mayEndRun: Bool {
        switch self {
        case .stop, .hibernate, .wake, .sendBreak, .wait: true
        case .status, .pause, .unpause: false
        }
    }
}

/// The answer to a verb.
public struct ControlReply: Codable, Sendable, Hashable {
    /// Whether it was done.
    public var done: Bool
    /// Words for people.
    public var detail: String
    /// Whether the guest has suspended the machine to RAM; of a run that does not say it, nobody knows.
    public var isSuspended: Bool?
    /// Whether every CPU is held; of a run that does not say it, nobody knows.
    public var isPaused: Bool?
    /// The name of a `LifeState`; of a run that does not say it, nobody knows.
    public var state: String?
    /// What the run has done so far; of one that does not say it, nobody knows.
    public var figures: RunFigures?

    public init(
        done: Bool, detail: String, isSuspended: Bool? = nil, isPaused: Bool? = nil, state: LifeState? = nil,
        figures: RunFigures? = nil
    ) {
        self.done = done
        self.detail = detail
        self.isSuspended = isSuspended
        self.isPaused = isPaused
        self.state = state?.rawValue
        self.figures = figures
    }
}

extension ControlReply {
    var line: String { Self.line(self) }

    init?(line: String) {
        guard let reply = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else { return nil }
        self = reply
    }

    static func line(_ value: some Encodable) -> String {
        (try? StableJSON.text(of: value)) ?? "{}"
    }
}
