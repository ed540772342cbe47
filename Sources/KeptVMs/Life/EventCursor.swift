// How far somebody has read a VM's events, for going on behind them.
//
// Responsible for: noticing what is not kept any more, and that a VM of the same name is another one by now, which
// begins at 1 again. Not responsible for: waiting for more (`EventLog.tell`).

/// A place in the events of the VM of one name.
public struct EventCursor: Sendable {
    /// The number of the last event that was read.
    public private(set) var last: UInt64
    /// Whether somebody expects the event behind `last`, so that it is to be said if it is not there.
    private var isPlaced: Bool
    /// The last event as it was written; nil as long as none was read.
    private var line: String?
    private var stamp: EventLog.Stamp?

    /// A cursor.
    ///
    /// - Parameter number: the event behind which it begins; nil: with the oldest that is kept.
    public init(after number: UInt64? = nil) {
        last = number ?? 0
        isPlaced = number != nil
    }

    /// What was read.
    public struct Step: Sendable {
        /// The oldest first.
        public var entries: [EventLog.Entry] = []
        /// Numbers of events that are not kept any more.
        public var missing: ClosedRange<UInt64>?
        /// These are the events of another VM than those before.
        public var isAnother = false
    }

    /// Reads what came.
    ///
    /// - Parameter log: of the VM that has the name now.
    public mutating func next(_ log: EventLog) throws(HostError) -> Step {
        let stamp = log.stamp
        if let stamp, self.stamp == stamp { return Step() }
        var step = Step()
        // The last one, too, if it is kept: it says whether this is the same VM.
        var entries = try log.entries(after: line == nil ? last : last - 1)
        if let line {
            let first = entries.first.map { $0.event.number }
            if first == last, entries.first?.line == line {
                entries.removeFirst()
            } else if first == nil || first == last {
                // There is no such number, or another event has it.
                step.isAnother = true
                entries = try log.entries()
                (last, isPlaced, self.line) = (0, false, nil)
            }
        }
        self.stamp = stamp
        if let first = entries.first?.event.number, first > last + 1, isPlaced {
            step.missing = last + 1...first - 1
        }
        if let end = entries.last {
            (last, isPlaced, line) = (end.event.number, true, end.line)
        }
        step.entries = entries
        return step
    }
}
