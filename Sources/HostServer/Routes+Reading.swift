// Routes that say how VMs are, and change nothing.

import HTTPTypes
import Hummingbird
import KeptVMs

extension Route {
    @Sendable static func listVMs(_ call: Call) async throws -> Response {
        _ = try call.query()
        return .json(bytes: try await call.server.listing())
    }

    @Sendable static func showVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let vm = try await call.vm()
        return try .json(try await call.server.blocking { VMSummary(vm) })
    }

    /// What its next start would do takes reading kernels and disks, which nobody need trust: a process of its own does
    /// it.
    @Sendable static func inspectVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let vm = try await call.vm()
        let answer = try await call.server.program.run(["inspect", vm.name], ["--json"])
        if let problem = Problem(of: answer, invalid: false) { throw problem }
        return .json(bytes: answer.output)
    }

    @Sendable static func showStatistics(_ call: Call) async throws -> Response {
        _ = try call.query()
        let vm = try await call.vm()
        let interval = Duration.milliseconds(100)
        let statistics = try await call.server.blocking { VMStatistics.of([vm], interval: interval) }
        guard let first = statistics.first else { throw Problem(HostError.notRunning(name: vm.name)) }
        return try .json(first)
    }

    /// Seconds that somebody may wait in one request.
    private static let longestWait = 600

    @Sendable static func waitForEnd(_ call: Call) async throws -> Response {
        let seconds = try call.query("timeout").number("timeout", in: 0...longestWait) ?? 30
        let vm = try await call.vm()
        let place = try call.server.streams.take()
        defer { withExtendedLifetime(place) {} }
        let deadline = ContinuousClock.now.advanced(by: .seconds(seconds))
        // Looked at, rather than asked for at its socket: one that begins or ends has none.
        while try await call.server.blocking({ vm.user }) != nil, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
        }
        struct Answer: Encodable {
            var ended: Bool
            var vm: VMSummary
        }
        let summary = try await call.server.blocking { VMSummary(vm) }
        return try .json(Answer(ended: summary.process == nil, vm: summary))
    }
}
