// What the two languages of monitors have in common, for the server.

/// A conversation with one client.
protocol MonitorSession {
    /// What the client is told first.
    var greeting: [UInt8] { get }
    /// Whether it is told of events.
    var takesEvents: Bool { get }
    /// Takes what has arrived, up to the end of the first command, and answers that; nil if there is no end.
    mutating func hear(_ bytes: inout ArraySlice<UInt8>) -> MonitorReply?
}

/// The answer to one command.
struct MonitorReply {
    var bytes: [UInt8]
    /// Done once the answer is on its way.
    var then: (@Sendable () -> Void)?
}
