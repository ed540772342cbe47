// The events of several VMs as one sequence, which can be left and taken up again.
//
// Responsible for: where one is, as a text that a client keeps: the number of the last event of each VM. Not responsible
// for: when somebody looks.

import KeptVMs

/// How far somebody has read: `web:12,db:4`.
struct EventCursor: Sendable {
    var numbers: [String: UInt64] = [:]

    init() {}

    /// Nil if it is none of ours.
    init?(_ text: String) {
        for part in text.split(separator: ",") {
            let pair = part.split(separator: ":", omittingEmptySubsequences: false)
            guard pair.count == 2, VMStore.isName(String(pair[0])), let number = UInt64(pair[1]) else { return nil }
            numbers[String(pair[0])] = number
        }
    }

    var text: String { numbers.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ",") }
}

/// What is read.
struct EventFeed: Sendable {
    let store: VMStore
    /// Of which VM; nil: of all that there are.
    let name: String?
    private(set) var cursor: EventCursor
    /// The logs as they were when they were read.
    private var stamps: [String: EventLog.Stamp] = [:]

    init(_ store: VMStore, name: String?, from cursor: EventCursor) {
        self.store = store
        self.name = name
        self.cursor = cursor
    }

    /// Goes on behind all that there is.
    mutating func skip() throws {
        _ = try next()
    }

    /// What happened since, in the order of times, of each VM in its own.
    mutating func next() throws -> [ServerSentEvent] {
        let (entries, missed) = try read()
        var events = missed.map { gap in
            ServerSentEvent(
                kind: "missed", data: "{\"first\":\(gap.first),\"last\":\(gap.last),\"vm\":\"\(gap.name)\"}")
        }
        for (name, entry) in entries {
            cursor.numbers[name] = entry.event.number
            // Names have no letters that JSON would have otherwise.
            events.append(
                ServerSentEvent(
                    kind: "state", id: cursor.text, data: "{\"vm\":\"\(name)\",\(entry.line.dropFirst())"))
        }
        return events
    }

    /// The same, as values.
    mutating func nextEvents() throws -> [(name: String, event: VMEvent)] {
        let entries = try read().entries
        for (name, entry) in entries { cursor.numbers[name] = entry.event.number }
        return entries.map { ($0.name, $0.entry.event) }
    }

    /// A VM's events that are not kept any more.
    private typealias Gap = (name: String, first: UInt64, last: UInt64)

    private mutating func read() throws -> (entries: [(name: String, entry: EventLog.Entry)], missed: [Gap]) {
        let names = try name.map { [$0] } ?? store.names()
        // One of the same name that comes later is another one.
        let gone = Set(cursor.numbers.keys).subtracting(names)
        for name in gone where self.name == nil { cursor.numbers[name] = nil }
        var new: [(name: String, entry: EventLog.Entry)] = []
        var missed: [Gap] = []
        for name in names {
            guard let vm = try? store.vm(name) else { continue }
            let log = vm.events
            let stamp = log.stamp
            if let stamp, stamps[name] == stamp { continue }
            stamps[name] = stamp
            let all = try log.entries()
            var known = cursor.numbers[name] ?? 0
            if let last = all.last, last.event.number < known { known = 0 }
            let entries = all.filter { $0.event.number > known }
            if let first = entries.first?.event.number, first > known + 1, known > 0 {
                missed.append((name, known + 1, first - 1))
            }
            new += entries.map { (name, $0) }
        }
        // Of equal times, a VM's own stay in their order.
        return (new.sorted { $0.entry.event.time < $1.entry.event.time }, missed)
    }
}
