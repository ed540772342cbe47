// `dormouse console`: the console of a running VM, from another terminal than the one that it was started at.
//
// Responsible for: the terminal at this end, and what is typed there to Dormouse itself. Not responsible for: who may
// write, which the VM's process says (`ConsoleServer`).

import ArgumentParser
import Glibc
import HostSupport
import KeptVMs
import Machine

struct Console: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Read and write the console of a running VM.",
        discussion: """
            What the guest wrote lately comes first. Several may read at a time, and one may write. Ctrl-A d leaves the console, \
            and the guest runs on; Ctrl-A h lists what else there is. When the run ends, so does this, with its exit code.
            """)

    @OptionGroup var vmOptions: VMOptions

    @Flag(help: "Read only, and leave writing to others.")
    var readOnly = false

    /// How long a run has from its console's end to its own, in seconds.
    private static let patience = 30

    func run() throws {
        Command.run {
            let vm = try vmOptions.vm()
            let (socket, greeting) = try vm.openConsole(readOnly ? .read : .write)
            if !readOnly, !greeting.writes { Message.write("you read only: \(greeting.detail)") }
            let session = try ConsoleSession(vm, socket, writes: greeting.writes)
            guard try session.runToEnd() else { return .poweredOff }
            guard vm.isFree(timeoutSeconds: Self.patience), let end = try vm.state().lastEnd else {
                Message.write("VM \(vm.name) has closed its console")
                return .noReaction
            }
            Message.write("VM \(vm.name): \(end.words)")
            return ExitCode(rawValue: end.exitCode)
        }
    }
}

/// Somebody at a VM's console.
private final class ConsoleSession: Sendable {
    private let vm: VM
    private let socket: StreamSocket
    private let writes: Bool
    private let terminal: Terminal?
    private let wakeUp: WakeUp

    init(_ vm: VM, _ socket: StreamSocket, writes: Bool) throws(HostResourceError) {
        SignalWatcher.prepare()
        self.vm = vm
        self.socket = socket
        self.writes = writes
        let terminal = Terminal(descriptor: STDIN_FILENO)
        self.terminal = terminal
        wakeUp = try WakeUp()
        try SignalWatcher(
            terminal: terminal, wake: {}, press: { _ in }, hostGoesDown: { false },
            stop: { number in
                terminal?.release()
                _exit(ExitCode.signal(number).rawValue)
            },
            resume: { _ = terminal?.claim() }
        ).start()
    }

    /// Carries bytes until the VM closes its console.
    ///
    /// - Returns: false if nobody reads here any more.
    func runToEnd() throws -> Bool {
        defer { terminal?.release() }
        if writes || terminal != nil {
            try ConsoleInput(
                descriptor: STDIN_FILENO,
                source: terminal.map { terminal in
                    .terminal(ConsoleCommand.ofConnection, claim: { terminal.claim() })
                } ?? .stream,
                wakeUp: wakeUp,
                // What is sent to one that is gone goes nowhere.
                send: { [socket, writes] bytes in writes ? socket.send(bytes[...]) ?? bytes.count : bytes.count },
                command: { [self] in carryOut($0) }
            ).start()
        }
        while true {
            _ = StreamSocket.readable([socket], until: nil)
            switch socket.readAvailable(limit: 1 << 16) {
            case .nothing: continue
            case .end: return true
            case .bytes(let bytes):
                if writeAll(bytes, to: STDOUT_FILENO) != nil { return false }
            }
        }
    }

    private func carryOut(_ command: ConsoleCommand) {
        switch command {
        case .detach:
            terminal?.release()
            Message.write("left VM \(vm.name), which runs on")
            _exit(ExitCode.poweredOff.rawValue)
        case .wake: tell(.wake)
        case .powerButton: tell(.stop)
        case .sleepButton: tell(.hibernate)
        case .sendBreak: tell(.sendBreak)
        case .help:
            _ = writeAll(Array("\r\n\(EscapeSequence.help(ConsoleCommand.ofConnection))".utf8), to: STDOUT_FILENO)
        case .quit: break
        }
    }

    private func tell(_ verb: ControlVerb) {
        do throws(HostError) {
            let reply = try vm.tell(verb)
            if !reply.done { Message.write(reply.detail) }
        } catch { Message.write(Command.words(error)) }
    }
}
