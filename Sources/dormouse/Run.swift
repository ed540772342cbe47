// `dormouse run`: a machine by our own options.

import ArgumentParser

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Boot a guest and run it until it ends.",
        discussion: """
            The guest's console is on standard input and output. On a terminal, Ctrl-A h lists the keys that are \
            Dormouse's own; Ctrl-A x quits.

            Exit codes: 0 powered off, 32 reset (with --no-reboot), 33 the guest crashed, 34 stopped with Ctrl-A x, \
            35 power cut by --lab, 40 hibernated, 64 wrong options or files, 70 internal error, 128+N stopped by signal N. The last line on \
            standard error says the same in words.
            """)

    @OptionGroup(title: "Machine options") var machineOptions: MachineOptions
    @OptionGroup(title: "Run options") var options: RunOptions

    @Option(
        help: ArgumentHelp(
            "Where a debugger comes to: tcp:HOST:PORT or unix:PATH. Without a host it is this one alone. (default: none)",
            valueName: "address"))
    var gdb: String?

    @Flag(help: "With --gdb: the guest begins stopped, until a debugger lets it go on.")
    var stopped = false

    func validate() throws {
        guard !stopped || gdb != nil else {
            throw ValidationError("--stopped leaves the guest to a debugger: say where one comes to, by --gdb")
        }
        _ = try debugger()
    }

    private func debugger() throws -> QEMUSocket? {
        guard let gdb else { return nil }
        do throws(QEMUError) {
            guard var socket = try QEMUSocket.debugger(gdb, of: "gdb") else { return nil }
            socket.isServer = true
            return socket
        } catch { throw ValidationError("-\(error.description)") }
    }

    func run() throws {
        Command.runToEnd {
            let run = try GuestRun(machineOptions.preparedMachine(), options)
            guard let socket = try debugger() else { return try run.runToEnd().ending }
            let debugged = try DebuggedRun(socket, startsStopped: stopped)
            do { return try run.runToEnd(steering: debugged).ending } catch {
                debugged.abandon()
                throw error
            }
        }
    }
}
