// What is done with kept VMs from scripts: status, wait, kill, rename, rm.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Verbs for scripts", .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
    struct VerbTests {
        private func vm(_ name: String) throws -> KeptVM {
            try KeptVM(try Scratch(name), GuestMachine(.idle, "seconds=3600"), firmware: "dt")
        }

        /// Exit code and standard output of a verb.
        private func ask(_ vm: KeptVM, _ verb: String, _ arguments: String...) throws -> (code: Int32, text: String) {
            let (code, output, _) = try Command.run(Dormouse.executable, [verb, "vm"] + vm.store + arguments)
            return (code, String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines))
        }

        @Test("A killed VM is unknown to status, and goes with rm --force only")
        func kill() throws {
            let vm = try vm("verbs-kill")
            #expect(try ask(vm, "status") == (3, "defined"))
            #expect(try vm.command("kill") == ExitCode.usage)
            let run = try vm.start("1-boot")
            try run.waitForConsole("idle")
            #expect(try ask(vm, "status") == (0, "running"))
            #expect(try ask(vm, "wait", "--timeout", "1") == (53, ""))
            #expect(try vm.command("rm", arguments: ["--force"]) == ExitCode.usage)
            #expect(try vm.command("rename", arguments: ["other"]) == ExitCode.usage)

            #expect(try vm.command("kill") == 0)
            #expect(try ask(vm, "status") == (4, "unknown"))
            #expect(try vm.command("rm") == ExitCode.usage)
            #expect(try ask(vm, "rm", "--force") == (0, "vm"))
            #expect(try vm.command("status") == ExitCode.usage)
            let store = vm.scratch.file("store").path
            #expect(try FileManager.default.contentsOfDirectory(atPath: store) == [])
        }

        @Test("Whoever waits gets the exit code of the run when it ends, and of the last one afterwards")
        func waiting() throws {
            let vm = try vm("verbs-wait")
            let run = try vm.start("1-boot")
            try run.waitForConsole("idle")
            let waiter = Process()
            let output = Pipe()
            waiter.executableURL = Dormouse.executable
            waiter.arguments = ["wait", "vm"] + vm.store
            waiter.standardOutput = output
            try waiter.run()
            #expect(try vm.command("kill", arguments: ["--signal", "TERM"]) == 0)
            let said = try output.fileHandleForReading.readToEnd() ?? Data()
            waiter.waitUntilExit()
            #expect(waiter.terminationStatus == 0 && String(decoding: said, as: UTF8.self) == "143\n")
            #expect(try run.waitForEnd().exitCode == ExitCode.terminated)
            #expect(try ask(vm, "wait") == (0, "143"))
            #expect(try ask(vm, "status") == (3, "powered-off"))

            struct Entry: Decodable {
                struct End: Decodable { var exitCode: Int32 }
                var name: String
                var state: String
                var lastEnd: End?
            }
            #expect(try vm.command("rename", arguments: ["other"]) == 0)
            let (_, list, _) = try Command.run(Dormouse.executable, ["list", "--json"] + vm.store)
            let entries = try JSONDecoder().decode([Entry].self, from: list)
            #expect(entries.map(\.name) == ["other"] && entries.map(\.state) == ["powered-off"])
            #expect(entries.first?.lastEnd?.exitCode == ExitCode.terminated)
        }
    }
}
