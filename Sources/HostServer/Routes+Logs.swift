// What a VM's console and Dormouse said, as objects of JSON, one in each line.

import Bytes
import HTTPTypes
import Hummingbird
import KeptVMs
import Synchronization

/// A VM's log, as far as somebody has read it.
private final class LogFeed: Sendable {
    private struct State: ~Copyable {
        var reader: LogReader
        var assembler = LineAssembler()
    }

    private let state: Mutex<State>
    private let source: String?

    init(_ vm: VM, source: String?) {
        state = Mutex(State(reader: LogReader(vm)))
        self.source = source
    }

    /// The lines that are whole by now, or nil if there is nothing new.
    func next() throws -> [LogLine]? {
        try state.withLock { state throws(HostError) in
            let entries = try state.reader.next()
            if entries.isEmpty { return nil }
            var lines: [LogLine] = []
            for entry in entries { lines += state.assembler.add(entry) }
            return lines.filter { isWanted($0) }
        }
    }

    /// The last lines of all that there is.
    func last(_ count: Int) throws -> [LogLine] {
        var lines: [LogLine] = []
        while let more = try next() {
            lines += more
            if lines.count > 2 * count { lines.removeFirst(lines.count - count) }
        }
        return Array((lines + rest()).suffix(count))
    }

    /// What there is of a line that has not ended: a prompt.
    func rest() -> [LogLine] {
        state.withLock { state in state.assembler.takeRest().map { [$0] } ?? [] }.filter { isWanted($0) }
    }

    private func isWanted(_ line: LogLine) -> Bool { source.map { $0 == line.source.rawValue } ?? true }
}

extension Route {
    /// Lines at once: of a log that is longer, the rest follows.
    private static let tails = 0...100_000

    @Sendable static func streamLogs(_ call: Call) async throws -> Response {
        let query = try call.query("tail", "source", "follow")
        let tail = try query.number("tail", in: tails) ?? 200
        let follows = try query.flag("follow") ?? false
        let source = try query.word("source", of: LogSource.allCases.map(\.rawValue))
        let vm = try await call.vm()
        let server = call.server
        let feed = LogFeed(vm, source: source)
        let first = try await server.blocking { try feed.last(tail) }
        return try call.stream("application/x-ndjson") { writer in
            try await writer.write(try text(first))
            guard follows else { return }
            let signal = await ChangeSignal()
            while true {
                let (isRunning, lines) = try await server.blocking {
                    signal.prepare { _ = vm.tellOfLog($0) }
                    // Before the last look, so that nothing of its end is missed.
                    let isRunning = vm.user != nil
                    return (isRunning, try feed.next())
                }
                if let lines {
                    try await writer.write(try text(lines))
                } else {
                    try await writer.write(try text(feed.rest()))
                    guard isRunning else { return }
                    try await signal.wait()
                }
            }
        }
    }

    private static func text(_ lines: [LogLine]) throws -> String {
        try lines.map { try StableJSON.text(of: $0.object) + "\n" }.joined()
    }
}
