// `dormouse start --detach`: a process of its own runs the VM, and this one says what became of the start.
//
// Responsible for: starting that process in a session of its own, and waiting for its word. Until it gives it, it says
// what it has to say on the standard error of this one; if it ends instead, this one ends with its exit code. Not
// responsible for: the run, which is that of a start without --detach (`Start`), nor for keeping it alive.

import ArgumentParser
import Glibc
import HostSupport
import KeptVMs

/// How a VM is started in the background.
struct DetachOptions: ParsableArguments {
    @Flag(help: "Leave the VM running in the background, once its guest has started.")
    var detach = false

    @Option(
        help: ArgumentHelp(
            "Wait until the guest's console says this. (default: until the guest calls its firmware)",
            valueName: "text"))
    var waitFor: String?

    @Flag(help: "Wait until the guest's agent answers, which takes a VM made with --agent.")
    var waitForAgent = false

    @Option(
        name: .customLong("timeout"),
        help: ArgumentHelp("How long to wait for that, in seconds; the VM goes on. (default: 60)", valueName: "seconds")
    )
    var timeout: Int?

    /// The descriptor by which the process in the background says that its guest has started.
    @Option(name: .customLong("handover"), help: .hidden)
    var handoverDescriptor: Int32?

    private static let defaultTimeout = 60

    func validate() throws {
        guard detach || (waitFor == nil && !waitForAgent && timeout == nil) else {
            throw ValidationError("--wait-for, --wait-for-agent and --timeout mean nothing without --detach")
        }
        guard waitFor.map({ (1...1024).contains($0.utf8.count) }) ?? true else {
            throw ValidationError("--wait-for takes 1 to 1024 bytes of text")
        }
        guard timeout.map((0...86_400).contains) ?? true else {
            throw ValidationError("give --timeout 0 to 86400 seconds")
        }
    }

    /// Whether this process is to run the VM.
    var isForeground: Bool { !detach || handoverDescriptor != nil }

    /// Closes what is open of the caller of the process that waits: it may wait in turn until nobody has it any more.
    /// To be called before this process opens anything.
    func leaveCaller() {
        if let handoverDescriptor { StandardDescriptors.closeOthers(but: handoverDescriptor) }
    }

    /// Who waits for the start, if this process runs the VM for another one.
    func handover(_ vm: VM) throws -> Handover? {
        guard let handoverDescriptor else { return nil }
        guard handoverDescriptor > STDERR_FILENO, let socket = StreamSocket(inherited: handoverDescriptor) else {
            throw ValidationError("--handover is for Dormouse itself")
        }
        return try Handover(socket, LastWords(vm), waitFor: waitFor)
    }

    /// What came of waiting for a guest's agent.
    private enum AgentOutcome {
        case answered
        /// The run ended, with that exit code of its process.
        case ended(Int32)
        /// There is none to wait for.
        case none(GuestAgentError)
        case timeout(GuestAgentError)
    }

    private static func waitForAgent(
        of vm: VM, in process: BackgroundProcess, until deadline: ContinuousClock.Instant
    ) -> AgentOutcome {
        while true {
            let begin = ContinuousClock.now
            let reason: GuestAgentError
            do throws(GuestAgentError) {
                _ = try GuestAgent(vm, milliseconds: agentMilliseconds)
                return .answered
            } catch { reason = error }
            if let code = process.exitCode { return .ended(code) }
            // At the end of a run its port is gone, too, before its process is.
            if case .noPort = reason, !hasAgentPort(vm) { return .none(reason) }
            guard .now < deadline else { return .timeout(reason) }
            // One that is gone at once is not asked again at once.
            let rest = Duration.milliseconds(agentMilliseconds) - (ContinuousClock.now - begin)
            if rest > .zero { usleep(useconds_t(rest / .microseconds(1))) }
        }
    }

    private static func hasAgentPort(_ vm: VM) -> Bool {
        (try? vm.configuration().machine()).map(AgentPort.isThere) ?? false
    }

    private static let agentMilliseconds = 500

    /// Starts the VM in a process of its own, and waits for its word.
    func start(_ vm: VM) throws -> ExitCode {
        // Behind the name of the subcommand, before anything that the user wrote.
        let words = CommandLine.arguments
        let process = try BackgroundProcess(
            words.prefix(2) + ["--handover", "\(BackgroundProcess.descriptor)"] + words.dropFirst(2))
        let seconds = timeout ?? Self.defaultTimeout
        let deadline = ContinuousClock.now.advanced(by: .seconds(seconds))
        switch process.waitForWord(seconds: seconds) {
        case .word(let words):
            Message.write("VM \(vm.name): \(words); process \(process.number)")
        case .ended(let code): return ExitCode(rawValue: code)
        case .killed:
            // It could not say so itself.
            Message.write(
                "the process of VM \(vm.name) was killed before the guest had started; look why, and start it again")
            return .signal(SIGKILL)
        case .timeout:
            let missing =
                waitFor.map { "its console has not said \"\($0)\"" } ?? "its guest has not called its firmware"
            Message.write("VM \(vm.name) runs as process \(process.number), and after \(seconds) s \(missing)")
            return .noReaction
        }
        guard waitForAgent else { return .poweredOff }
        switch Self.waitForAgent(of: vm, in: process, until: deadline) {
        case .answered: return .poweredOff
        case .ended(let code):
            // What the process said of that is in the VM's log.
            Message.write("VM \(vm.name): \(try VMPhase(vm).words)")
            return ExitCode(rawValue: code)
        case .none(let reason):
            Message.write("VM \(vm.name) runs as process \(process.number), but \(reason)")
            return .noReaction
        case .timeout(let reason):
            Message.write("VM \(vm.name) runs as process \(process.number), and after \(seconds) s \(reason)")
            return .noReaction
        }
    }
}
