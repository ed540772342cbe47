// What is done with a running guest, step by step, until it has ended or nothing more is to be done: its agent is asked
// or its sleep button pressed, its power button, SIGTERM, SIGKILL. Each step and what came of it is said.
//
// Responsible for: the order of the steps, and the exit code. Not responsible for: pressing buttons and waiting (`VM`).

import Bytes
import Glibc
import Hibernation
import KeptVMs
import Machine

struct Escalation {
    let vm: VM
    /// How long the guest has at each of its buttons.
    let timeoutSeconds: Int
    let then: VMConfiguration.LastResort

    /// Who is asked first.
    let way: AskingWay

    /// How long a process has to end after a signal, in seconds.
    var patience = 30

    init(_ vm: VM, timeoutSeconds: Int, then: VMConfiguration.LastResort, way: AskingWay = .automatic) {
        self.vm = vm
        self.timeoutSeconds = timeoutSeconds
        self.then = then
        self.way = way
    }

    /// What came of a step.
    private enum Step {
        case ended(VMState.End)
        /// It ended and nobody could say how.
        case gone
        case runs
    }

    // MARK: Beginnings

    func hibernate(waking wakes: Bool) throws(HostError) -> ExitCode {
        if let obstacle = HibernationObstacle.words(for: vm) { say(obstacle) }
        switch try ask(.hibernate, waking: wakes) {
        case .ended(let end):
            // One that is not seen, as in encrypted swap, is taken for what was asked for: the next start resumes it.
            return try hibernated(end, ifSeen: false)
        case .gone: return try endUnsaid(otherwise: .statusUnknown)
        case .runs: break
        }
        switch then {
        case .nothing: return .noReaction
        case .kill: return try kill()
        case .stop: break
        }
        say("its power button is pressed instead")
        switch try press(.stop, isLater: true) {
        case .ended(let end):
            // One that was slow has hibernated all the same.
            return try hibernated(end, ifSeen: true)
        case .gone: return try endUnsaid(otherwise: .stoppedInstead)
        case .runs: return try kill()
        }
    }

    func stop() throws(HostError) -> ExitCode {
        switch try ask(.stop) {
        case .ended(let end):
            say(end.words)
            return ExitCode(rawValue: end.exitCode)
        case .gone: return try endUnsaid(otherwise: .statusUnknown)
        case .runs: return then == .kill ? try kill() : .noReaction
        }
    }

    /// The exit code for an end that was to be a hibernation. A guest that takes the button for another one, and powers
    /// off, has left nothing to resume.
    ///
    /// - Parameters:
    ///   - end: how the run ended.
    ///   - mustBeSeen: whether an image that nobody can see is none.
    func hibernated(_ end: VMState.End, ifSeen mustBeSeen: Bool) throws(HostError) -> ExitCode {
        say(end.words)
        switch end.exitCode {
        case ExitCode.hibernated.rawValue: return .poweredOff
        case ExitCode.poweredOff.rawValue:
            guard let left = try vm.state().hibernation else { return .stoppedInstead }
            return left.isCertain || !mustBeSeen ? .poweredOff : .stoppedInstead
        default: return ExitCode(rawValue: end.exitCode)
        }
    }

    // MARK: Steps

    /// How long an agent has to say that it is there, and that it cannot do what it was asked for.
    private static let agentMilliseconds = 2000

    /// Asks in the way that was chosen, and waits. A guest that somebody paused goes on for that.
    private func ask(_ verb: ControlVerb, waking wakes: Bool = false) throws(HostError) -> Step {
        if let reply = try? vm.tell(.unpause), reply.done { say("was paused, and goes on for that") }
        if let step = try askAgent(verb) { return step }
        return try press(verb, waking: wakes)
    }

    /// Has the guest's agent do it, and waits; nil if a button is to be pressed instead.
    private func askAgent(_ verb: ControlVerb) throws(HostError) -> Step? {
        guard way != .button else { return nil }
        do throws(GuestAgentError) {
            var agent = try GuestAgent(vm, milliseconds: Self.agentMilliseconds)
            switch verb {
            case .hibernate: try agent.tell("guest-suspend-disk", milliseconds: Self.agentMilliseconds)
            default: try agent.tell("guest-shutdown", ["mode": "powerdown"], milliseconds: Self.agentMilliseconds)
            }
        } catch {
            if way == .agent {
                say("still runs: \(error)")
                return .runs
            }
            // Who has none is asked otherwise without a word, as ever.
            if case .refused = error { say("\(error); its button is pressed instead") }
            return nil
        }
        guard try vm.waitForEnd(timeoutSeconds: timeoutSeconds) else {
            say("still runs after \(timeoutSeconds) s: its agent was asked, and the guest did not do it")
            return .runs
        }
        // The run may have ended before anybody could wait for its word.
        let state = try vm.state()
        guard state.run == nil, let end = state.lastEnd else { return .gone }
        return .ended(end)
    }

    /// Presses a button, waits, and says why the guest still runs if it does.
    ///
    /// - Parameters:
    ///   - wakes: whether a guest that suspended to RAM instead is to go on.
    ///   - isLater: whether another step came before, so that the run may have ended meanwhile.
    private func press(
        _ verb: ControlVerb, waking wakes: Bool = false, isLater: Bool = false
    ) throws(HostError) -> Step {
        let outcome: ControlOutcome
        do throws(HostError) {
            outcome = try vm.ask(verb, timeoutSeconds: timeoutSeconds)
        } catch {
            // One that ran when it was asked has gone since, by itself or because somebody killed it.
            if hasGone(since: error, isLater: isLater) { return .gone }
            // A process that does not answer, or not yet, can be ended all the same.
            guard then != .nothing, vm.user != nil else { throw error }
            say("still runs: \(error)")
            return .runs
        }
        switch outcome {
        case .declined(let reason): say("still runs: \(reason)")
        case .noReaction(let detail):
            say("still runs after \(timeoutSeconds) s: \(detail), and the guest did not react")
        case .suspended where verb == .stop:
            say("still runs: its guest was woken, and suspended to RAM again; try again")
        case .suspended(let before):
            let state = before ? "is suspended to RAM already" : "suspended to RAM when its sleep button was pressed"
            let rest = wakes ? try vm.tell(.wake).detail : "asleep until `dormouse hibernate \(vm.name) --wake`"
            say(
                "still runs: its guest \(state), and is \(rest); to hibernate instead, systemd in the guest needs "
                    + "HandleSuspendKey=hibernate in /etc/systemd/logind.conf.d/: docs/hibernation.md, \"The sleep button\""
            )
        case .ended(let end):
            // Whoever is told that it has ended may start it again, or end what is left of the process.
            _ = vm.isFree(timeoutSeconds: patience)
            return .ended(end)
        }
        return .runs
    }

    /// How long the VM's process has to let go of it once it does not answer, in seconds.
    private static let leaveSeconds = 1

    private func hasGone(since error: HostError, isLater: Bool) -> Bool {
        if case .notRunning = error, !isLater { return false }
        return vm.isFree(timeoutSeconds: Self.leaveSeconds)
    }

    /// Ends the run: in order if that can be done within a while.
    private func kill() throws(HostError) -> ExitCode {
        for (signal, name) in [(SIGTERM, "SIGTERM"), (SIGKILL, "SIGKILL")] {
            say("its run is ended by \(name)")
            do throws(HostError) {
                guard try vm.signal(signal, timeoutSeconds: patience) else {
                    say("still runs \(patience) s after \(name)")
                    continue
                }
            } catch {
                // It has ended meanwhile.
                guard vm.user == nil else { throw error }
            }
            return try endUnsaid(otherwise: .endedInstead)
        }
        return .noReaction
    }

    // MARK: Ends

    /// Says how a run ended that this process was not told of.
    private func endUnsaid(otherwise code: ExitCode) throws(HostError) -> ExitCode {
        let phase = try VMPhase(vm)
        say(phase.words)
        if case .resting(.hibernated, _) = phase { return .poweredOff }
        return code
    }

    private func say(_ words: String) {
        Message.write("VM \(vm.name)\(words.hasPrefix("still runs") ? "" : ":") \(words)")
    }
}

/// Who in a guest is asked to hibernate, or to power off.
enum AskingWay: String, CaseIterable {
    /// Its agent if there is one that answers, otherwise a button.
    case automatic
    case agent
    case button
}

/// What would keep a running guest from hibernating, as far as its host knows before the guest is asked.
enum HibernationObstacle {
    /// In words; nil if nothing is known.
    static func words(for vm: VM) -> String? {
        // As it runs, whatever its vm.toml says by now. What cannot be read is no obstacle.
        guard let state = try? vm.state(), let run = state.run, let machine = try? run.configuration.machine() else {
            return nil
        }
        // It hibernated before: where, nobody but the guest needs to know.
        guard state.headerEnds?.isEmpty ?? true else { return nil }
        return (try? NoRoomError(machine)).flatMap(\.self).map { "\($0)" }
    }
}
