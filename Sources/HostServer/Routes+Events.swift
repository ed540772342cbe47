// What happened to VMs, as server-sent events.

import HTTPTypes
import Hummingbird
import KeptVMs

extension Route {
    /// How often logs of events are looked at.
    private static let pause = Duration.milliseconds(200)
    /// Bytes of a position in a query; those of a header have the bound that all headers have.
    private static let longestPosition = 2048
    /// Looks between two signs of life.
    private static let quietLooks = 75

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
            var quiet = 0
            while true {
                let (next, events) = try await server.blocking { [feed] in
                    var feed = feed
                    let events = try feed.next()
                    return (feed, events)
                }
                feed = next
                quiet += 1
                if !events.isEmpty {
                    try await writer.write(events.map(\.text).joined())
                    quiet = 0
                } else if quiet >= quietLooks {
                    try await writer.write(ServerSentEvent.comment)
                    quiet = 0
                }
                guard follows else { return }
                try await Task.sleep(for: pause)
            }
        }
    }
}

extension HTTPField.Name {
    /// Of server-sent events.
    fileprivate static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .range
}
