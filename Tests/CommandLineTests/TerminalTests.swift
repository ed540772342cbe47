import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import TestSupport
import Testing

@Suite("On a terminal", .needs(Guest.areBuilt, Guest.missing))
struct TerminalTests {
    /// Runs a guest, an idle one if nothing is said, on a terminal of its own, in the foreground, and calls `body` once
    /// the terminal is raw.
    private func run(
        _ kernel: String = Guest.idle.path, _ body: @escaping @Sendable (Pseudoterminal, pid_t) async throws -> Void
    ) async throws -> (TerminationStatus, Pseudoterminal) {
        try await run(["run", "--kernel", kernel, "--append", "seconds=3600"], body)
    }

    /// The same with any arguments of the command.
    private func run(
        _ arguments: [String], _ body: @escaping @Sendable (Pseudoterminal, pid_t) async throws -> Void
    ) async throws -> (TerminationStatus, Pseudoterminal) {
        let terminal = try Pseudoterminal()
        // setsid replaces itself by the command: the process stays the same.
        let result = try await Subprocess.run(
            .name("setsid"), arguments: Arguments(["--ctty", Command.path.string] + arguments),
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

    @Test("Ctrl-A b is a break on the guest's UART")
    func sendBreak() async throws {
        // Turns the UART on, waits for a character and powers off if it is a break; else it hibernates.
        let words: [UInt32] = [
            // mov x1, #0x09000000; mov w2, #0x301; str w2, [x1, #0x30]; mov w2, #0x21; str w2, [x1]
            0xD2A1_2001, 0x5280_6022, 0xB900_3022, 0x5280_0422, 0xB900_0022,
            // 1: ldr w2, [x1, #0x18]; tbnz w2, #4, 1b; ldr w2, [x1]; tbz w2, #10, 2f
            0xB940_1822, 0x3727_FFE2, 0xB940_0022, 0x3650_00A2,
            // SYSTEM_OFF: mov w0, #0x84000000; movk w0, #8; hvc #0; b .
            0x52B0_8000, 0x7280_0100, 0xD400_0002, 0x1400_0000,
            // 2: SYSTEM_OFF2: mov w0, #0x84000000; movk w0, #0x15; mov w1, #0; mov w2, #0; hvc #0; b .
            0x52B0_8000, 0x7280_02A0, 0x5280_0001, 0x5280_0002, 0xD400_0002, 0x1400_0000,
        ]
        let directory = try TemporaryDirectory()
        let code = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        let kernel = try directory.file("guest.bin", code)
        for (keys, end) in [("\u{1}b", "powered off"), ("b", "hibernated")] {
            let (_, terminal) = try await run(kernel) { terminal, _ in
                let isUp = try await terminal.waits(for: "!")
                #expect(isUp)
                terminal.type(keys)
            }
            #expect(terminal.read().hasSuffix("dormouse: \(end)\r\n"))
        }
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

    @Test("Ctrl-A d leaves the console of a VM, which runs on, and the next one has it; Ctrl-A x means nothing there")
    func detach() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        let lock = "\(vm.store)/\(TestVM.name)/lock"
        try await vm.inBackground(["--wait-for", "idle", "--timeout", "600"]) { started in
            #expect(started.exitCode == 0, "\(started.error)")
            let process = try Data(contentsOf: URL(filePath: lock))
            for _ in 0..<2 {
                let (status, terminal) = try await run(["console", TestVM.name, "--store", vm.store]) { terminal, _ in
                    // What the guest said before anybody was there.
                    let isShown = try await terminal.waits(for: "idle")
                    #expect(isShown)
                    // It is the one that writes, and so was let go of by the one before.
                    _ = try await Command.run(["console", TestVM.name, "--store", vm.store]) { running in
                        let readsOnly = try await running.waits(forMessage: "you read only")
                        #expect(readsOnly)
                        running.send(SIGTERM)
                    }
                    terminal.type("\u{1}h")
                    let hasHelped = try await terminal.waits(for: "Ctrl-A d: ")
                    #expect(hasHelped)
                    terminal.type("\u{1}x\u{1}d")
                }
                #expect(status == .exited(0))
                #expect(!terminal.isRaw)
                #expect(terminal.read().hasSuffix("dormouse: left VM vm, which runs on\r\n"))
                #expect(try await vm.run("status").output == "running\n")
            }
            // The same run as before, and nothing happened to it.
            #expect(try Data(contentsOf: URL(filePath: lock)) == process)
            let states = try await vm.run("events").output.split(separator: "\n").map { $0.split(separator: "\t")[3] }
            #expect(states == ["defined", "starting", "running"])
        }
    }
}
