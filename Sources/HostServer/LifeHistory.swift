// What the events of VMs add up to: how often each ended and how, refusals, and how long hibernating and resuming took.
//
// Counted from the events that are kept, and on from there: a figure never becomes smaller while the server runs, though
// VMs forget old events. Nothing here is needed to go on: a server that is started again counts again.

import KeptVMs
import Synchronization

/// A histogram of seconds, as Prometheus has it.
struct DurationHistogram: Sendable {
    /// Upper bounds of buckets, in seconds.
    static let bounds: [Double] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

    /// For each bound, how many were not above it.
    private(set) var counts = [Int](repeating: 0, count: bounds.count)
    private(set) var count = 0
    private(set) var sum = 0.0

    mutating func add(_ seconds: Double) {
        count += 1
        sum += seconds
        for (index, bound) in Self.bounds.enumerated() where seconds <= bound { counts[index] += 1 }
    }
}

/// What is counted of one VM.
struct LifeFigures: Sendable {
    /// By the state that a run ended in.
    var ends: [String: Int] = [:]
    /// By the reason.
    var refusals: [String: Int] = [:]
    /// From the request, or the first sign of it, to the end of the run.
    var hibernations = DurationHistogram()
    /// From the start to the guest's going on.
    var resumes = DurationHistogram()

    private static let ends: Set<LifeState> = [.hibernated, .poweredOff, .reset, .crashed, .unknown]
    /// When it began to hibernate, or to start, in nanoseconds since 1970.
    private var hibernating: UInt64?
    private var starting: UInt64?

    mutating func add(_ event: VMEvent) {
        let time = Timestamp.nanoseconds(of: event.time)
        let state = event.lifeState
        if Self.ends.contains(state) { ends[event.state, default: 0] += 1 }
        switch state {
        case .starting: starting = time
        case .hibernating: hibernating = hibernating ?? time
        case .running:
            if event.cause.hasPrefix("resumed") { add(since: starting, time, to: \.resumes) }
            (starting, hibernating) = (nil, nil)
        case .hibernated:
            add(since: hibernating, time, to: \.hibernations)
            hibernating = nil
        case .refused: refusals[Self.reason(event.exitCode), default: 0] += 1
        default: if state.isLive != true { (starting, hibernating) = (nil, nil) }
        }
    }

    private mutating func add(
        since begin: UInt64?, _ end: UInt64?, to histogram: WritableKeyPath<LifeFigures, DurationHistogram>
    ) {
        guard let begin, let end, end >= begin else { return }
        self[keyPath: histogram].add(Double(end - begin) / 1e9)
    }

    /// By the exit code of the start (docs/cli.md).
    private static func reason(_ exitCode: Int32?) -> String {
        switch exitCode {
        case 50: "environment"
        case 51: "disks"
        case 52: "expired"
        default: "other"
        }
    }
}

/// What is counted of all VMs.
final class LifeHistory: Sendable {
    private struct Known {
        var feed: EventFeed
        var figures: [String: LifeFigures] = [:]
    }

    private let known: Mutex<Known>

    init(store: VMStore) {
        known = Mutex(Known(feed: EventFeed(store, name: nil, from: EventCursor())))
    }

    /// The figures of all VMs that there are, with what happened since the last look.
    func figures() throws -> [String: LifeFigures] {
        try known.withLock { known in
            for (name, event) in try known.feed.nextEvents() {
                // Another one by the same name.
                if event.number == 1 { known.figures[name] = nil }
                known.figures[name, default: LifeFigures()].add(event)
            }
            let names = Set(known.feed.cursor.places.keys)
            known.figures = known.figures.filter { names.contains($0.key) }
            return known.figures
        }
    }
}
