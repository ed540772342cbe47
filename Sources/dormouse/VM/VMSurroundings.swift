// What a kept VM has around its machine while it runs: its life, its log, its console for others, its guest's agent, a
// service manager, and whoever waits for a detached start.
//
// Responsible for: connecting each of them to the machine's events, and their order at the beginning and at the end.
// Not responsible for: the terminal and standard output (`Session`), or the control socket.

import Glibc
import KeptVMs
import Logging
import Machine
import Synchronization

final class VMSurroundings: Sendable {
    let life: VMLife
    private let vm: VM
    private let log: VMLog
    private let console: ConsoleServer
    private let agent: AgentPort?
    private let session: Session
    private let supervision: Supervision
    private let handover: Handover?
    private let isStarted = Mutex(false)
    private let logger: Logger

    /// Takes up what an earlier run left. From here on what Dormouse says is kept in the VM's log.
    ///
    /// - Parameters:
    ///   - vm: the VM, whose lock the caller has.
    ///   - session: this process's.
    ///   - supervision: what is told to a service manager.
    ///   - handover: who waits for the start; nil if nobody does.
    init(_ vm: VM, _ session: Session, _ supervision: Supervision, handover: Handover?) throws {
        self.vm = vm
        self.session = session
        self.supervision = supervision
        self.handover = handover
        logger = session.log
        let log = VMLog(vm)
        self.log = log
        Message.keep { log.say($0) }
        LastWords(vm).move(to: log)
        life = VMLife(vm)
        console = try ConsoleServer(vm, isTaken: session.hasTerminal) { session.current?.sendConsoleInput($0) ?? 0 }
        agent = AgentPort.isThere(in: try vm.configuration().machine()) ? try AgentPort(vm) : nil
    }

    /// Adds who wants to be told of a machine's events.
    func connect(_ events: inout MachineEvents) {
        life.connect(&events)
        agent?.connect(&events)
        handover?.connect(&events)
        let (output, ready) = (events.consoleOutput, events.consoleReady)
        events.consoleOutput = { [log, console] bytes in
            output(bytes)
            log.take(bytes)
            console.take(bytes)
        }
        events.consoleReady = { [console] in
            ready()
            console.guestIsReady()
        }
    }

    /// Starts what has a thread. However the caller goes on, it calls `finish`.
    func start() throws {
        try log.start()
        try console.start()
        try agent?.start(session)
        isStarted.withLock { $0 = true }
    }

    /// A machine was made, and does not run yet.
    func didMake(_ machine: VirtualMachine) { agent?.didMake(machine) }

    /// The guest runs, as `words` say.
    func didStart(_ words: String) {
        supervision.ready(words) { [session] in _ = session.current?.isPaused }
        handover?.didStart(words)
    }

    /// The guest writes no more. May be called again.
    ///
    /// - Parameter words: how the run ended; nil if that is said elsewhere.
    func finish(_ words: String? = nil) {
        if let words { supervision.stopping(words) }
        let wasStarted = isStarted.withLock { isStarted in
            defer { isStarted = false }
            return isStarted
        }
        guard wasStarted else {
            agent?.abandon()
            return
        }
        console.finish()
        agent?.finish()
        log.finish()
        if let code = log.failure {
            logger.warning("the log of VM \(vm.name) is not whole: \(String(cString: strerror(code)))")
        }
        if let failure = life.failure { logger.warning("the events of VM \(vm.name) are not whole: \(failure)") }
    }
}
