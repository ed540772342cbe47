// What happened to VMs, as server-sent events.

import HTTPTypes
import Hummingbird
import KeptVMs

extension Route {
    /// Bytes of a position in a query; those of a header have the bound that all headers have.
    private static let longestPosition = 2048
    /// Between two signs of life.
    private static let longestQuiet = Duration.seconds(15)

    @Sendable static func streamEvents(_ call: Call) async throws -> Response {
        try await streamEvents(call, of: nil)
    }

    @Sendable static func streamEventsOfVM(_ call: Call) async throws -> Response {
        try await streamEvents(call, of: try await call.vm().name)
    }

    private static func streamEvents(_ call: Call, of name: String?) async throws -> Response {
        let query = try call.query("after", "from", "follow")
        let follows = try query.flag("follow") ?? true
        let skips = try query.word("from", of: ["start", "now"]) == "now"
        // What a browser says of itself when it comes again is newer than its first address.
        let position = call.request.headers[.lastEventID] ?? query.text("after") ?? ""
        guard (query.text("after") ?? "").utf8.count <= longestPosition, let cursor = EventCursor(position) else {
            throw Problem(.badRequest, "\"\(position)\" is no id of an event, such as web:12,db:4")
        }
        let server = call.server
        // Before the answer begins: what comes from then on is told.
        let beginning = try await server.blocking {
            var feed = EventFeed(server.store, name: name, from: cursor)
            if skips && position.isEmpty { try feed.skip() }
            return feed
        }
        return try call.stream("text/event-stream") { writer in
            var feed = beginning
            try await writer.write(ServerSentEvent.beginning)
            let signal = follows ? await ChangeSignal() : nil
            var spoke = ContinuousClock.now
            while true {
                let (next, events) = try await server.blocking { [feed] in
                    var feed = feed
                    try signal?.prepare { try feed.tell($0) }
                    let events = try feed.next()
                    return (feed, events)
                }
                feed = next
                if !events.isEmpty {
                    try await writer.write(events.map(\.text).joined())
                    spoke = .now
                } else if spoke.duration(to: .now) >= longestQuiet {
                    try await writer.write(ServerSentEvent.comment)
                    spoke = .now
                }
                guard let signal else { return }
                try await signal.wait()
            }
        }
    }
}

extension HTTPField.Name {
    /// Of server-sent events.
    fileprivate static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .range
}
