import Glibc
import Subprocess
import SystemPackage
import TestSupport
import Testing

@Suite("On a terminal", .needs(Guest.areBuilt, Guest.missing))
struct TerminalTests {
    /// Runs an idle guest on a terminal of its own, in the foreground, and calls `body` once the terminal is raw.
    private func run(
        _ body: @escaping @Sendable (Pseudoterminal, pid_t) async throws -> Void
    ) async throws -> (TerminationStatus, Pseudoterminal) {
        let terminal = try Pseudoterminal()
        // setsid replaces itself by the command: the process stays the same.
        let result = try await Subprocess.run(
            .name("setsid"),
            arguments: [
                "--ctty", Command.path.string, "run", "--kernel", Guest.idle.path, "--append", "seconds=600",
            ],
            environment: Command.environment,
            input: .fileDescriptor(terminal.slave, closeAfterSpawningProcess: false),
            output: .fileDescriptor(terminal.slave, closeAfterSpawningProcess: false),
            error: .fileDescriptor(terminal.slave, closeAfterSpawningProcess: false)
        ) { execution in
            let isRaw = try await terminal.waits(untilRaw: true)
            #expect(isRaw)
            try await body(terminal, execution.processIdentifier.value)
        }
        return (result.terminationStatus, terminal)
    }

    @Test("Ctrl-A x quits, with its own exit code, and the terminal is as before")
    func quit() async throws {
        let (status, terminal) = try await run { terminal, _ in terminal.type("ls\r\u{1}x") }
        #expect(status == .exited(34))
        #expect(!terminal.isRaw)
        #expect(terminal.read().hasSuffix("dormouse: stopped from the console\r\n"))
    }

    @Test("Ctrl-A h lists the keys, and Ctrl-C is the guest's")
    func help() async throws {
        let (status, terminal) = try await run { terminal, _ in terminal.type("\u{3}\u{1}h\u{1}x") }
        #expect(status == .exited(34))
        #expect(terminal.read().contains("Ctrl-A x:"))
    }

    @Test(
        "The terminal is as before after every signal that ends the run", arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    func endingSignals(number: Int32) async throws {
        let (status, terminal) = try await run { _, process in kill(process, number) }
        #expect(status == .exited(128 + number))
        #expect(!terminal.isRaw)
    }

    @Test("The terminal is as before even after a trap", arguments: [SIGABRT, SIGILL, SIGSEGV, SIGTRAP])
    func traps(number: Int32) async throws {
        let (status, terminal) = try await run { _, process in kill(process, number) }
        #expect(status == .signaled(number))
        #expect(!terminal.isRaw)
    }

    @Test("A stopped run leaves the terminal to others, and takes it again when it goes on")
    func stopAndContinue() async throws {
        let (status, terminal) = try await run { terminal, process in
            kill(process, SIGTSTP)
            let isYielded = try await terminal.waits(untilRaw: false)
            #expect(isYielded)
            kill(process, SIGCONT)
            let isTakenAgain = try await terminal.waits(untilRaw: true)
            #expect(isTakenAgain)
            terminal.type("\u{1}x")
        }
        #expect(status == .exited(34))
        #expect(!terminal.isRaw)
    }
}
