// The life of a core, event by event: the whole table, written down by hand.

import Hypervisor
import PSCI
import Testing

@testable import Machine

@Suite("The life of a core")
struct CoreLifeTests {
    private static let start = CoreStart(entry: 0x1000, contextID: 1)
    private static let other = CoreStart(entry: 0x2000, contextID: 2)

    /// Every activity that is not a pause, by a name.
    private static let activities: [(name: String, activity: CoreActivity)] = [
        ("off", .off), ("starting", .starting(start)), ("running", .running), ("wfi", .waiting(until: 5)),
        ("wfe", .waitingForEvent(until: nil)), ("standby", .standby), ("down", .poweredDown(start)),
        ("suspended", .systemSuspended(start)), ("ended", .ended),
    ]

    /// Every event, by the name of a column.
    private static let events: [(name: String, event: CoreEvent)] = [
        ("start", .startRequested(other)), ("woke", .woke), ("pause", .pause), ("resume", .resume), ("end", .end),
        ("hvc", .exit(.hypercall(immediate: 0))), ("smc", .exit(.secureMonitorCall(immediate: 0))),
        ("wfi", .exit(.waitForInterrupt(deadline: 5))), ("wfe", .exit(.waitForEvent(deadline: nil))),
        ("budget", .exit(.budgetExhausted)), ("interrupted", .exit(.interrupted)),
        ("failed", .exit(.failed(reason: "r"))),
        ("goes-on", .answered(.goesOn)), ("standby", .answered(.standby)), ("down", .answered(.powerDown(start))),
        ("suspend", .answered(.systemSuspend(start))), ("turn-off", .answered(.turnsOff)),
        ("ends", .answered(.endsRun(.poweredOff))),
    ]

    /// Activities and what an event makes of each; what is not in the table changes nothing. `paused` is a pause of the
    /// row's own activity, `+start` a start that is kept for later.
    private static let changes: [(activity: String, event: String, becomes: String, action: CoreAction)] = [
        ("off", "start", "starting", .none),
        ("starting", "start", "+start", .none),
        ("running", "start", "+start", .none),
        ("wfi", "start", "+start", .none),
        ("wfe", "start", "+start", .none),
        ("standby", "start", "+start", .none),
        ("down", "start", "+start", .none),
        ("suspended", "start", "+start", .none),

        ("starting", "woke", "running", .start(start)),
        ("wfi", "woke", "running", .none),
        ("wfe", "woke", "running", .none),
        ("standby", "woke", "running", .leaveStandby),
        ("down", "woke", "running", .powerUp(start)),
        ("suspended", "woke", "running", .wakeSystem(start)),

        ("running", "hvc", "running", .answerCall(.hvc)),
        ("running", "smc", "running", .answerCall(.smc)),
        ("running", "wfi", "wfi", .none),
        ("running", "wfe", "wfe", .none),
        ("running", "failed", "ended", .finish(.crashed("r"))),

        ("running", "standby", "standby", .none),
        ("running", "down", "down", .none),
        ("running", "suspend", "suspended", .suspendSystem),
        ("running", "turn-off", "off", .turnOff),
        ("running", "ends", "ended", .finish(.poweredOff)),

        ("suspended", "end", "ended", .abandonSuspend),
    ]

    private func life(_ activity: CoreActivity) -> CoreLife { CoreLife(activity: activity) }

    /// What the table says.
    private func expected(_ name: String, _ activity: CoreActivity, _ event: String) -> (CoreLife, CoreAction) {
        if let row = Self.changes.first(where: { $0.activity == name && $0.event == event }) {
            if row.becomes == "+start" {
                return (CoreLife(activity: activity, pendingStart: Self.other), row.action)
            }
            // A start that is asked for of a core that is off is the one that was asked for.
            if event == "start" { return (life(.starting(Self.other)), row.action) }
            let next = Self.activities.first { $0.name == row.becomes }
            return (life(next?.activity ?? .off), row.action)
        }
        switch event {
        case "pause" where name != "ended": return (life(.paused(activity)), .none)
        case "end": return (life(.ended), .none)
        default: return (life(activity), .none)
        }
    }

    @Test("Each event does to each core what the table says, and nothing else", arguments: activities.map(\.name))
    func table(name: String) throws {
        let activity = try #require(Self.activities.first { $0.name == name }).activity
        for (column, event) in Self.events {
            let (becomes, action) = life(activity).after(event)
            let (expected, expectedAction) = expected(name, activity, column)
            #expect(becomes == expected, "\(name), \(column)")
            #expect(action == expectedAction, "\(name), \(column)")
        }
    }

    @Test("Every row of the table is of an activity and an event that there are")
    func names() {
        for change in Self.changes {
            #expect(Self.activities.contains { $0.name == change.activity })
            #expect(Self.events.contains { $0.name == change.event })
            #expect(change.becomes == "+start" || Self.activities.contains { $0.name == change.becomes })
        }
    }

    @Test("A paused core is what it was when it is resumed, and nothing but a start and the end reaches it meanwhile")
    func paused() {
        for (name, activity) in Self.activities where name != "ended" {
            let (paused, _) = life(activity).after(.pause)
            #expect(paused.after(.resume).life == life(activity))
            for (column, event) in Self.events where !["start", "resume", "end"].contains(column) {
                let (becomes, action) = paused.after(event)
                #expect(becomes == paused && action == .none, "\(name), \(column)")
            }
            let started = paused.after(.startRequested(Self.other))
            #expect(started.action == .none)
            #expect(started.life.after(.resume).life == life(activity).after(.startRequested(Self.other)).life)
            let ended = paused.after(.end)
            #expect(ended.life == life(.ended))
            #expect(ended.action == (name == "suspended" ? .abandonSuspend : .none))
        }
    }

    @Test("A start that came while a core was on its way off starts it when it is off, and only once")
    func pendingStart() {
        var life = life(.running).after(.startRequested(Self.other)).life
        life = life.after(.exit(.hypercall(immediate: 0))).life
        let (off, action) = life.after(.answered(.turnsOff))
        #expect(action == .turnOff)
        #expect(off == CoreLife(activity: .starting(Self.other)))
        let (running, start) = off.after(.woke)
        #expect(start == .start(Self.other))
        #expect(running.after(.answered(.turnsOff)).life == self.life(.off))
    }

    @Test("What PSCI's effects mean for a core, each with what the guest said")
    func outcomes() {
        let registers = CallRegisters(.systemOff2, .smc64, 1, 2)
        func outcome(_ effect: Effect) -> CallOutcome { CallOutcome(effect, of: registers, core: 3) }
        #expect(outcome(.none) == .goesOn)
        #expect(outcome(.standby) == .standby)
        #expect(outcome(.powerDown(entryPoint: 0x1000, contextID: 1)) == .powerDown(Self.start))
        #expect(outcome(.systemSuspend(entryPoint: 0x1000, contextID: 1)) == .systemSuspend(Self.start))
        #expect(outcome(.turnOffCaller) == .turnsOff)
        #expect(outcome(.systemOff) == .endsRun(.poweredOff))
        #expect(outcome(.systemReset) == .endsRun(.reset(ResetRequest(type: nil, cookie: 0, core: 3))))
        #expect(
            outcome(.systemReset2(type: .systemWarmReset, cookie: 9))
                == .endsRun(.reset(ResetRequest(type: 0, cookie: 9, core: 3))))
        #expect(
            outcome(.systemOff2(type: .hibernateOff, cookie: 2))
                == .endsRun(
                    .hibernated(
                        HibernationRequest(
                            type: HibernateType.hibernateOff.rawValue, cookie: 2, core: 3, functionID: 0xC400_0015))))
    }

    @Test("The machine's state follows from its run, its pauses and its cores")
    func machineState() {
        func state(
            _ phase: RunPhase, isEnding: Bool = false, isPaused: Bool = false, isSuspended: Bool = false,
            _ cores: [CoreActivity] = [.running]
        ) -> MachineState {
            MachineState(phase, isEnding: isEnding, isPaused: isPaused, isSuspended: isSuspended, cores: cores)
        }
        let stopped: [CoreActivity] = [.paused(.running), .paused(.off)]
        #expect(state(.off, isPaused: true) == .off)
        #expect(state(.ended(.poweredOff), isPaused: true, stopped) == .ended(.poweredOff))
        #expect(state(.underWay) == .running)
        #expect(state(.underWay, isSuspended: true) == .suspended)
        #expect(state(.underWay, isPaused: true, [.paused(.off), .running]) == .pausing)
        #expect(state(.underWay, isPaused: true, isSuspended: true, stopped) == .paused)
        #expect(state(.underWay, isEnding: true, isPaused: true, stopped) == .ending)
    }
}
