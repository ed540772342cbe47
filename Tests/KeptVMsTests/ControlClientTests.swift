import Glibc
import Machine
import Synchronization
import Testing

@testable import KeptVMs

@Suite("Asking a VM that runs")
struct ControlClientTests {
    /// A run whose guest does with its sleep button what `press` says, and is suspended or not.
    private func outcome(
        of verb: ControlVerb, timeoutSeconds: Int, isSuspended: Bool, suspends: Bool, deafFor: Int = .max
    ) throws -> (outcome: ControlOutcome, pressed: Int) {
        let test = try TestStore()
        let vm = try test.make()
        let guest = TestGuest(isSuspended: isSuspended, suspends: suspends, deafFor: deafFor)
        let server = try ControlServer(vm) { guest.answer($0) }
        guest.connect { [weak server] in server?.finish(Self.end) }
        try server.start()
        var rhythm = VM.Rhythm()
        rhythm.status = .milliseconds(1)
        rhythm.press = .milliseconds(2)
        let outcome = try vm.ask(verb, timeoutSeconds: timeoutSeconds, rhythm)
        return withExtendedLifetime(server) { (outcome, guest.pressed) }
    }

    private static let end = VMState.End(kind: "powered-off", exitCode: 0, words: "powered off", time: "7")

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

    @Test("A guest that is suspended is woken to be stopped, and its button is pressed until its driver is awake, too")
    func stopsSuspended() throws {
        let (outcome, pressed) = try outcome(
            of: .stop, timeoutSeconds: 3600, isSuspended: true, suspends: false, deafFor: 3)
        #expect(outcome == .ended(Self.end) && pressed == 4)
    }

    @Test("The button of a guest that was woken is not pressed for ever, and of one that was awake once")
    func presses() throws {
        // Without a limit it would be pressed hundreds of times, on a machine that has the time.
        let suspended = try outcome(of: .stop, timeoutSeconds: 1, isSuspended: true, suspends: false)
        #expect(suspended.pressed <= VM.Rhythm().presses)
        #expect(suspended.outcome == .noReaction("the guest was woken from suspend to RAM, pressed"))
        let awake = try outcome(of: .stop, timeoutSeconds: 1, isSuspended: false, suspends: false)
        #expect(awake.pressed == 1)
    }

    @Test("VMs are asked at once: none is waited for before the others have been asked")
    func atOnce() throws {
        let (first, second) = (try TestStore(), try TestStore())
        let vms = [try first.make(), try second.make()]
        let others = try vms.map { try $0.lock() }
        let asked = Mutex(0)
        let servers = try vms.map { vm in
            try ControlServer(vm) { _ in
                asked.withLock { $0 += 1 }
                // An answer needs that everybody was asked.
                while asked.withLock({ $0 }) < vms.count { sched_yield() }
                return ControlReply(done: true, detail: vm.path, state: .suspended)
            }
        }
        for server in servers { try server.start() }
        let phases = try vms.map { try VMPhase($0) }
        let pending = zip(vms, phases).map { $1.ask($0) }
        let replies = try pending.map { try #require(try $0?.reply()) }
        #expect(replies.map(\.detail) == vms.map(\.path))
        #expect(zip(phases, replies).map { $0.state(of: vms[0], $1) } == ["suspended", "suspended"])
        withExtendedLifetime((others, servers)) {}
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
        var powerOff: @Sendable () -> Void = {}
    }

    private let state: Mutex<State>
    private let suspends: Bool
    private let deafFor: Int

    /// - Parameter deafFor: how often its power button may be pressed before it heeds it.
    init(isSuspended: Bool, suspends: Bool, deafFor: Int) {
        state = Mutex(State(isSuspended: isSuspended))
        self.suspends = suspends
        self.deafFor = deafFor
    }

    /// - Parameter powerOff: called when it powers off.
    func connect(powerOff: @escaping @Sendable () -> Void) { state.withLock { $0.powerOff = powerOff } }

    var pressed: Int { state.withLock { $0.pressed } }

    func answer(_ verb: ControlVerb) -> ControlReply {
        let (reply, powerOff) = state.withLock { react(to: verb, &$0) }
        powerOff?()
        return reply
    }

    private func react(to verb: ControlVerb, _ state: inout State) -> (ControlReply, (@Sendable () -> Void)?) {
        switch verb {
        case .wait, .sendBreak, .pause, .unpause: return (ControlReply(done: true, detail: ""), nil)
        case .status: return (ControlReply(done: true, detail: "", isSuspended: state.isSuspended), nil)
        case .wake:
            state.isSuspended = false
            return (ControlReply(done: true, detail: "woken"), nil)
        case .stop where state.isSuspended, .hibernate where state.isSuspended:
            return (ControlReply(done: false, detail: "", isSuspended: true), nil)
        case .stop, .hibernate:
            state.pressed += 1
            state.isSuspended = suspends
            let heeds = verb == .stop && state.pressed > deafFor
            return (ControlReply(done: true, detail: "pressed"), heeds ? state.powerOff : nil)
        }
    }
}
