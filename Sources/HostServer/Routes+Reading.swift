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
        let signal = await ChangeSignal()
        // Looked at, rather than asked for at its socket: one that begins or ends has none.
        func isHeld() async throws -> Bool {
            try await call.server.blocking {
                signal.prepare { _ = vm.tellOfEnd($0) }
                return vm.user != nil
            }
        }
        while try await isHeld(), ContinuousClock.now < deadline {
            // Until it is told, or until the deadline.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await signal.wait() }
                group.addTask { try await Task.sleep(until: deadline, clock: .continuous) }
                try await group.next()
                group.cancelAll()
            }
        }
        struct Answer: Encodable {
            var ended: Bool
            var vm: VMSummary
        }
        let summary = try await call.server.blocking { VMSummary(vm) }
        return try .json(Answer(ended: summary.process == nil, vm: summary))
    }
}
