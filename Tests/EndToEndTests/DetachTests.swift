// VMs that outlive the terminal that they were started at: start --detach, console, logs, events, stats.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Detached VMs", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct DetachTests {
        private struct Event: Decodable {
            var vm: String
            var number: Int
            var state: String
            var cause: String
            var call: String?
            var exitCode: Int32?
        }

        private func vm(_ name: String, test: String) throws -> KeptVM {
            try KeptVM(try Scratch(name), GuestMachine(.systemOff2, test: test))
        }

        private func ask(_ vm: KeptVM, _ verb: String, _ arguments: String...) throws -> (
            code: Int32, output: String, messages: String
        ) {
            let (code, output, messages) = try Command.run(Dormouse.executable, [verb, "vm"] + vm.store + arguments)
            return (code, String(decoding: output, as: UTF8.self), messages)
        }

        private func events(_ vm: KeptVM) throws -> [Event] {
            let (_, output, _) = try ask(vm, "events", "--json")
            return try output.split(separator: "\n").map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
        }

        @Test("A VM that is started detached is written to, read and stopped by others, and says how it was")
        func console() throws {
            let vm = try vm("detached-console", test: "shell")
            let started = try ask(vm, "start", "--detach", "--wait-for", "dormouse: shell", "--timeout", "600")
            #expect(started.code == 0 && started.messages.contains("VM vm: booted; process "), "\(started.messages)")
            #expect(try ask(vm, "status").output == "running\n")
            // A second start is refused, with the words of its own process.
            let second = try ask(vm, "start", "--detach")
            #expect(second.code == ExitCode.usage && second.messages.contains("is in use by process"))

            let stats = try ask(vm, "stats", "--interval", "0.1")
            #expect(stats.code == 0 && stats.output.hasPrefix("vm\t"))

            let console = try DormouseRun(
                ["console", "vm"] + vm.store, files: vm.scratch.file("console"), input: .pipe,
                reports: false)
            // What was said before anybody listened.
            try console.waitForConsole("dormouse: shell")
            try console.send("echo answer $((6 * 7))\n")
            try console.waitForConsole("answer 42")
            let reader = try DormouseRun(
                ["console", "vm", "--read-only"] + vm.store, files: vm.scratch.file("reader"), input: .none,
                reports: false)
            try reader.waitForConsole("answer 42")
            try console.send("sleep 1; poweroff -f\n")
            // Its console ends with the run, and with the run's exit code.
            let end = try console.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(try reader.waitForEnd().exitCode == ExitCode.poweredOff)

            let logs = try ask(vm, "logs")
            #expect(logs.output.contains("Booting Linux") && logs.output.contains("answer 42"))
            #expect(logs.output.hasSuffix("dormouse: powered off\n"), "\(logs.output.suffix(200))")
            let last = try ask(vm, "logs", "--tail", "1", "--source", "dormouse", "--timestamps").output
            #expect(last.hasSuffix("Z dormouse: powered off\n") && last.split(separator: "\n").count == 1)
            #expect(try ask(vm, "logs", "--since", "2100-01-01T00:00:00Z").output == "")
            let events = try events(vm)
            #expect(events.map(\.state) == ["defined", "starting", "running", "powered-off"])
            #expect(events.map(\.number) == [1, 2, 3, 4] && events.last?.call == "SYSTEM_OFF")
            #expect(try ask(vm, "status").output == "powered-off\n")
        }

        @Test("A start in the background that ends at once ends with the same exit code, and says why")
        func refused() throws {
            let vm = try vm("detached-refused", test: "hibernate")
            let started = try ask(vm, "start", "--detach", "--timeout", "600")
            #expect(started.code == 0)
            #expect(try ask(vm, "wait").output == "40\n")
            #expect(try events(vm).map(\.state).suffix(2) == ["hibernating", "hibernated"])
            try vm.edit("cpus = 1", "cpus = 2")
            let refused = try ask(vm, "start", "--detach")
            #expect(refused.code == 50 && refused.messages.contains("refused: the environment changed"))
            #expect(try events(vm).last?.state == "refused" && events(vm).last?.exitCode == 50)
            #expect(try ask(vm, "status").output == "hibernated\n")
            try vm.edit("cpus = 2", "cpus = 1")
            let resumed = try ask(vm, "start", "--detach", "--timeout", "600")
            #expect(
                resumed.code == 0 && resumed.messages.contains("VM vm: resumed; process "), "\(resumed.messages)")
            #expect(try ask(vm, "wait").output == "0\n")
            let states = try events(vm).map(\.state)
            #expect(
                states == [
                    "defined", "starting", "running", "hibernating", "hibernated", "starting", "refused", "starting",
                    "running", "powered-off",
                ])
        }

        @Test("Of a VM whose process is killed the next one says that nobody knows")
        func killed() throws {
            let vm = try vm("detached-killed", test: "shell")
            #expect(try ask(vm, "start", "--detach", "--timeout", "600").code == 0)
            #expect(try ask(vm, "kill").code == 0)
            #expect(try ask(vm, "status").output == "unknown\n")
            #expect(try ask(vm, "start", "--detach", "--timeout", "600").code == 0)
            #expect(try ask(vm, "kill", "--signal", "TERM").code == 0)
            #expect(
                try events(vm).map(\.state) == [
                    "defined", "starting", "running", "unknown", "starting", "running", "powered-off",
                ])
            #expect(try events(vm).last?.cause == "stopped by SIGTERM")
        }
    }
}
