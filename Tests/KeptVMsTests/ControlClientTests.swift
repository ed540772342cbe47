import Machine
import Synchronization
import Testing

@testable import KeptVMs

@Suite("Asking a VM that runs")
struct ControlClientTests {
    /// A run whose guest does with its sleep button what `press` says, and is suspended or not.
    private func outcome(
        of verb: ControlVerb, timeoutSeconds: Int, isSuspended: Bool, suspends: Bool
    ) throws -> (outcome: ControlOutcome, pressed: Int) {
        let test = try TestStore()
        let vm = try test.make()
        let guest = TestGuest(isSuspended: isSuspended, suspends: suspends)
        let server = try ControlServer(vm) { guest.answer($0) }
        try server.start()
        let outcome = try vm.ask(verb, timeoutSeconds: timeoutSeconds)
        return withExtendedLifetime(server) { (outcome, guest.pressed) }
    }

    @Test("A guest that suspends at its sleep button is found to, long before it could be given up")
    func suspends() throws {
        let (outcome, pressed) = try outcome(of: .hibernate, timeoutSeconds: 3600, isSuspended: false, suspends: true)
        #expect(outcome == .suspended(before: false) && pressed == 1)
    }

    @Test("A guest that is suspended already is not asked")
    func isSuspended() throws {
        let (outcome, pressed) = try outcome(of: .hibernate, timeoutSeconds: 3600, isSuspended: true, suspends: true)
        #expect(outcome == .suspended(before: true) && pressed == 0)
    }

    @Test("A guest that does nothing has not reacted")
    func nothing() throws {
        for verb in [ControlVerb.hibernate, .stop] {
            let (outcome, pressed) = try outcome(of: verb, timeoutSeconds: 0, isSuspended: false, suspends: false)
            #expect(outcome == .noReaction("pressed") && pressed == 1)
        }
    }
}

/// A guest that has buttons.
private final class TestGuest: Sendable {
    private struct State {
        var isSuspended: Bool
        var pressed = 0
    }

    private let state: Mutex<State>
    private let suspends: Bool

    init(isSuspended: Bool, suspends: Bool) {
        state = Mutex(State(isSuspended: isSuspended))
        self.suspends = suspends
    }

    var pressed: Int { state.withLock { $0.pressed } }

    func answer(_ verb: ControlVerb) -> ControlReply {
        state.withLock { state in
            switch verb {
            case .status, .wake: return ControlReply(done: true, detail: "", isSuspended: state.isSuspended)
            case .hibernate where state.isSuspended: return ControlReply(done: false, detail: "", isSuspended: true)
            case .stop, .hibernate:
                state.pressed += 1
                state.isSuspended = suspends
                return ControlReply(done: true, detail: "pressed")
            }
        }
    }
}
