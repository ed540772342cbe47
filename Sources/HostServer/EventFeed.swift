// The events of several VMs as one sequence, which can be left and taken up again.
//
// Responsible for: where one is, as a text that a client keeps: the number of the last event of each VM. Not
// responsible for: when somebody looks.

import HostSupport
import KeptVMs

/// How far somebody has read: `web:12:1f3a77c0,db:4:09e2b14d`.
struct EventCursor: Sendable {
    /// A place in the events of one VM.
    struct Place: Sendable {
        var number: UInt64 = 0
        /// The beginning of the VM's identity: one of the same name may be another one. Empty if nobody knows.
        var tag = ""

        /// Digits of an identity.
        static let tagLength = 8
    }

    var places: [String: Place] = [:]

    init() {}

    /// Nil if it is none of ours.
    init?(_ text: String) {
        for part in text.split(separator: ",") {
            let fields = part.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard (2...3).contains(fields.count), VMStore.isName(fields[0]), let number = UInt64(fields[1]) else {
                return nil
            }
            let tag = fields.count > 2 ? fields[2] : ""
            guard tag.isEmpty || tag.count == Place.tagLength, tag.allSatisfy(\.isHexDigit) else { return nil }
            places[fields[0]] = Place(number: number, tag: tag)
        }
    }

    var text: String {
        places.sorted { $0.key < $1.key }
            .map { name, place in "\(name):\(place.number)" + (place.tag.isEmpty ? "" : ":\(place.tag)") }
            .joined(separator: ",")
    }
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

    /// Has `watch` tell of what is to come: of events, and of VMs that are made.
    func tell(_ watch: FileWatch) throws {
        for name in try name.map({ [$0] }) ?? store.names() { _ = (try? store.vm(name))?.events.tell(watch) }
        if name == nil { watch.add(.directory(store.path)) }
    }

    /// What happened since, in the order of times, of each VM in its own.
    mutating func next() throws -> [ServerSentEvent] {
        let (entries, missed) = try read()
        var events = missed.map { gap in
            ServerSentEvent(
                kind: "missed", data: "{\"first\":\(gap.first),\"last\":\(gap.last),\"vm\":\"\(gap.name)\"}")
        }
        for (name, entry) in entries {
            cursor.places[name]?.number = entry.event.number
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
        for (name, entry) in entries { cursor.places[name]?.number = entry.event.number }
        return entries.map { ($0.name, $0.entry.event) }
    }

    /// A VM's events that are not kept any more.
    private typealias Gap = (name: String, first: UInt64, last: UInt64)

    private mutating func read() throws -> (entries: [(name: String, entry: EventLog.Entry)], missed: [Gap]) {
        let names = try name.map { [$0] } ?? store.names()
        // One of the same name that comes later is another one.
        let gone = Set(cursor.places.keys).subtracting(names)
        for name in gone where self.name == nil { cursor.places[name] = nil }
        var new: [(name: String, entry: EventLog.Entry)] = []
        var missed: [Gap] = []
        for name in names {
            guard let vm = try? store.vm(name) else { continue }
            let log = vm.events
            let stamp = log.stamp
            if let stamp, stamps[name] == stamp { continue }
            var known = known(of: vm)
            var entries = try log.entries(after: known)
            // A log that ends before what was read is another VM's.
            if entries.isEmpty, let last = try log.last()?.event.number, last < known {
                known = 0
                cursor.places[name]?.number = 0
                entries = try log.entries()
            }
            stamps[name] = stamp
            if let first = entries.first?.event.number, first > known + 1, known > 0 {
                missed.append((name, known + 1, first - 1))
            }
            new += entries.map { (name, $0) }
        }
        // Of equal times, a VM's own stay in their order.
        return (new.sorted { $0.entry.event.time < $1.entry.event.time }, missed)
    }

    /// The number of the last event of a VM that was read: none of one that was made since, by the same name.
    private mutating func known(of vm: VM) -> UInt64 {
        let tag = String((try? vm.state().identity)?.prefix(EventCursor.Place.tagLength) ?? "")
        let place = cursor.places[vm.name] ?? EventCursor.Place()
        let isOther = !place.tag.isEmpty && !tag.isEmpty && place.tag != tag
        let number = isOther ? 0 : place.number
        cursor.places[vm.name] = EventCursor.Place(number: number, tag: tag.isEmpty ? place.tag : tag)
        return number
    }
}
