// `dormouse qemu -gdb` and `dormouse run --gdb`, with GDB.

import Foundation
import Subprocess
import TestSupport
import Testing

@Suite("Debugging with GDB", .needs(GDB.isThere, GDB.whyNot), .timeLimit(.minutes(30)))
struct GDBTests {
    private let directory: TemporaryDirectory
    private var socket: String { directory.path + "/gdb" }

    init() throws { directory = try TemporaryDirectory() }

    /// MOV X19, #0x76; MOV X20, #5; two times ADD X20, X20, #1; and off.
    private static let program: [UInt32] =
        [0xD280_0ED3, 0xD280_00B4, 0x9100_0694, 0x9100_0694] + FlatCode.systemOff

    /// Runs a guest, and meanwhile GDB once the socket is there; what both say.
    private func run(_ arguments: [String], _ commands: [String]) async throws -> (Finished, String) {
        let output = Output()
        let socket = socket
        let end = try await Command.run(arguments) { _ in
            while !FileManager.default.fileExists(atPath: socket) { try await Task.sleep(for: .milliseconds(20)) }
            output.set(try await Command.gdb(["target remote \(socket)"] + commands))
        }
        return (end, output.text)
    }

    private final class Output: @unchecked Sendable {
        private(set) var text = ""
        func set(_ text: String) { self.text = text }
    }

    private func qemu(_ guest: String, _ options: [String] = []) -> [String] {
        [
            "qemu", "-M", "virt", "-nographic", "-serial", "null", "-m", "64", "-kernel", guest, "-gdb",
            "unix:\(socket),server=on,wait=off",
        ] + options
    }

    @Test("A guest that waits for a debugger is stopped, stepped, changed and let go")
    func session() async throws {
        let guest = try FlatCode.file(Self.program, in: directory)
        let (end, output) = try await run(
            qemu(guest, ["-S", "-smp", "2"]),
            [
                "print/x $pc", "print $cpsr", "break *0x40080008", "continue", "print/x $x19", "print $x20", "stepi",
                "print $x20", "print/x $pc", "x/1xw 0x40080008", "set $x20 = 40", "stepi", "print $x20",
                "set $v3.u[1] = 7", "print $v3.u[1]", "set {int}0x40000100 = 0x1234", "x/1xw 0x40000100",
                "info threads", "monitor info status", "maintenance packet Qqemu.PhyMemMode:1", "x/1xw 0x40080008",
                "detach",
            ])
        for line in [
            "$1 = 0x40080000", "$2 = 965", "$3 = 0x76", "$4 = 5", "$5 = 6", "$6 = 0x4008000c",
            "0x40080008:\t0x91000694", "$7 = 41", "$8 = 7", "0x40000100:\t0x00001234", "(CPU#0 [running])",
            "(CPU#1 [off])", "VM status: paused", "detached",
        ] { #expect(output.contains(line), "\(line): \(output)") }
        #expect(output.ranges(of: "0x40080008:\t0x91000694").count == 2)
        #expect(end.exitCode == 0)
        #expect(end.errorLines.last == "dormouse: powered off")
        #expect(access(socket, F_OK) != 0)
    }

    /// What Ctrl-C does, from GDB's own thread once the guest goes on.
    private static let interruptsWhenItGoesOn = """
        python import threading; gdb.events.cont.connect(lambda event: threading.Timer(0.3, lambda: \
        gdb.post_event(lambda: gdb.execute("interrupt"))).start())
        """

    @Test("Ctrl-C stops a guest that runs, and one that is killed has ended")
    func interrupt() async throws {
        // MOV X19, #0x76; B .
        let guest = try FlatCode.file([0xD280_0ED3, 0x1400_0000], in: directory)
        let (end, output) = try await run(
            qemu(guest),
            // It is stopped by who comes, and once it goes on by a key.
            [Self.interruptsWhenItGoesOn, "continue", "print/x $pc", "print/x $x19", "kill"])
        for line in ["SIGINT", "$1 = 0x40080004", "$2 = 0x76"] { #expect(output.contains(line), "\(output)") }
        #expect(end.exitCode == 0)
        #expect(end.errorLines.last == "dormouse: stopped from the monitor")
    }

    @Test("`dormouse run` has it, too, and one that goes without a word leaves the guest to itself")
    func run() async throws {
        let guest = try FlatCode.file(Self.program, in: directory)
        let (end, output) = try await run(
            ["run", "--kernel", guest, "--memory", "64", "--gdb", "unix:\(socket)", "--stopped"],
            ["break *0x40080008", "continue", "print $x20", "monitor info status", "python gdb.execute('x/1i $pc')"]
                + ["python import os; os.kill(os.getpid(), 9)"])
        #expect(output.contains("$1 = 5"), "\(output)")
        #expect(end.exitCode == 0)
        #expect(end.errorLines.last == "dormouse: powered off")
    }

    @Test("A dump is a core file that GDB reads: registers of each CPU, and memory by its physical address")
    func core() async throws {
        try #require(PythonQMP.isThere, PythonQMP.whyNot)
        let core = directory.path + "/core"
        let guest = try FlatCode.file([0xD280_0ED3, FlatCode.wfi, FlatCode.backByOne], in: directory)
        let monitor = directory.path + "/qmp"
        let end = try await Command.run(
            [
                "qemu", "-M", "virt", "-nographic", "-serial", "null", "-m", "64", "-smp", "2", "-kernel", guest,
                "-qmp", "unix:\(monitor),server=on,wait=off",
            ]
        ) { _ in
            _ = try await Command.converse(
                monitor,
                [
                    #"dump-guest-memory {"paging": false, "protocol": "file:\#(core)"}"#, "+DUMP_COMPLETED", "quit",
                    ".",
                ])
        }
        #expect(end.exitCode == 0)
        let output = try await Command.gdb([
            "core-file \(core)", "thread 1", "print/x $x19", "print/x (unsigned long)$pc & ~15", "print/x $cpsr & 0xf",
            "x/1xw 0x40080000", "thread 2", "print/x $x19",
        ])
        for line in ["$1 = 0x76", "$2 = 0x40080000", "$3 = 0x5", "0x40080000:\t0xd2800ed3", "$4 = 0x0"] {
            #expect(output.contains(line), "\(line): \(output)")
        }
    }
}

extension Command {
    /// What GDB says to some commands.
    fileprivate static func gdb(_ commands: [String]) async throws -> String {
        let result = try await Subprocess.run(
            .name("sh"),
            arguments: Arguments(["-c", #"exec "$@" 2>&1"#, "sh", GDB.path] + GDB.arguments(commands)),
            output: .string(limit: 1 << 20), error: .discarded)
        return result.standardOutput
    }
}
