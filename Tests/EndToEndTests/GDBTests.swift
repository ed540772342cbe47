// Linux in a debugger: GDB at a guest that waits for it, as the tools that debug kernels start one.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite(
        "GDB, with Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot), .needs(GDB.isThere, GDB.whyNot))
    struct GDBTests {
        private let guest = LinuxGuest.systemOff2

        private func start(
            _ scratch: Scratch, _ name: String, _ test: String, _ options: [String], _ input: DormouseRun.Input
        ) throws -> DormouseRun {
            try DormouseRun(
                [
                    "qemu", "-M", "virt", "-m", "512", "-smp", "2", "-nodefaults", "-display", "none", "-serial",
                    "stdio", "-kernel", guest.kernel.path, "-initrd", guest.initrd.path, "-append",
                    "console=ttyAMA0 nokaslr dormouse.test=\(test)",
                ] + options, files: scratch.file(name), input: input)
        }

        /// Where the kernel's symbols are, as a guest of its says.
        private func symbols(_ names: [String], _ scratch: Scratch) throws -> [String: UInt64] {
            let run = try start(scratch, "1-symbols", "shell", [], .pipe)
            try run.waitForConsole("# ")
            try run.send("grep -wE '\(names.joined(separator: "|"))' /proc/kallsyms; echo all of them; exit\n")
            let console = try run.waitForEnd().console
            var symbols: [String: UInt64] = [:]
            for line in console.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 3, names.contains(String(words[2])) else { continue }
                symbols[String(words[2])] = UInt64(words[0], radix: 16)
            }
            try #require(symbols.count == names.count, "\(console)")
            return symbols
        }

        @Test("GDB watches a variable of the kernel, and sees each value that it gets while it boots")
        func watched() throws {
            let scratch = try Scratch("gdb-watched")
            let symbols = try symbols(["start_kernel", "system_state"], scratch)
            let entry = "0x" + String(symbols["start_kernel"] ?? 0, radix: 16)
            let variable = "*(int *)0x" + String(symbols["system_state"] ?? 0, radix: 16)
            let socket = scratch.file("gdb").path
            let run = try start(
                scratch, "2-debugged", "poweroff", ["-gdb", "unix:\(socket),server=on,wait=off", "-S"], .none)
            while !FileManager.default.fileExists(atPath: socket), run.isRunning { usleep(20_000) }
            let commands = [
                "target remote \(socket)", "hbreak *\(entry)", "continue", "delete", "watch \(variable)", "continue",
                "continue", "continue", "delete", "print \(variable)", "detach",
            ]
            let output = String(
                decoding: try Command.tool("gdb-multiarch", GDB.arguments(commands)), as: UTF8.self)
            // SYSTEM_BOOTING, SCHEDULING, FREEING_INITMEM and RUNNING of Linux's include/linux/kernel.h.
            let values = output.matches(of: /Old value = (\d)\nNew value = (\d)/).map { "\($0.1)\($0.2)" }
            #expect(values == ["01", "12", "23"], "\(output)")
            #expect(output.contains("Hardware watchpoint 2") && output.contains("$1 = 3"), "\(output)")
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0)
            #expect(end.report?.end.kind == "powered-off")
        }

        @Test("A kernel is stopped at a symbol's address, stepped and read by its own addresses, and goes on")
        func kernel() throws {
            let scratch = try Scratch("gdb-kernel")
            let symbols = try symbols(["start_kernel", "machine_power_off", "linux_banner", "_text"], scratch)
            func address(_ name: String) -> String { "0x" + String(symbols[name] ?? 0, radix: 16) }
            let socket = scratch.file("gdb").path
            let run = try start(
                scratch, "2-debugged", "poweroff", ["-gdb", "unix:\(socket),server=on,wait=off", "-S"], .none)
            while !FileManager.default.fileExists(atPath: socket), run.isRunning { usleep(20_000) }
            let commands = [
                "target remote \(socket)", "print/x $pc", "hbreak *\(address("start_kernel"))", "continue",
                "print $pc == \(address("start_kernel"))", "print ($cpsr & 0xc) >> 2",
                "x/s \(address("linux_banner"))", "stepi", "stepi",
                "print (unsigned long)$pc - \(address("start_kernel"))",
                "delete", "break *\(address("machine_power_off"))", "continue", "info threads",
                "print $pc == \(address("machine_power_off"))",
                // Who called: the return address and the frame before it are in the kernel.
                "print $x30 > \(address("_text"))", "print *(unsigned long *)($x29 + 8) > \(address("_text"))",
                "print *(unsigned long *)$sp == *(unsigned long *)$sp", "delete", "detach",
            ]
            let output = String(
                decoding: try Command.tool("gdb-multiarch", GDB.arguments(commands)), as: UTF8.self)
            for line in [
                "$2 = 1", "$3 = 1", "Linux version \(try guest.release)",
                "$4 = 8", "$5 = 1", "$6 = 1", "$7 = 1", "$8 = 1", "CPU#1 [", "detached",
            ] { #expect(output.contains(line), "\(line): \(output)") }
            let end = try run.waitForEnd()
            #expect(end.exitCode == 0)
            #expect(end.report?.end.kind == "powered-off")
            #expect(end.console.contains("dormouse: init"))
        }
    }
}
