// Who asks a guest to hibernate or to power off, and is killed; and whose VM is killed meanwhile. Guests without
// buttons are in CommandLineTests.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite(
        "SIGKILL while a guest is asked", .needs(LinuxGuest.areThere, LinuxGuest.whyNot),
        .needs(HostProgram.isThere("strace"), "there is no strace: run scripts/setup"))
    struct ClientKillTests {
        /// System calls by which others learn something.
        private static let calls = ["connect", "sendto", "?write", "recvfrom", "?ppoll,?poll"]
        private static let running = "dormouse: waiting for a button"

        private func status(_ vm: KeptVM) throws -> String {
            let (_, output, _) = try Command.run(Dormouse.executable, ["status", "vm"] + vm.store)
            return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines)
        }

        private func start(_ vm: KeptVM, _ options: [String] = [], _ comment: Comment) throws {
            let code = try vm.command(
                "start", arguments: ["--detach", "--wait-for", Self.running, "--timeout", "600"] + options)
            #expect(code == 0, comment)
        }

        /// Runs a verb until it is killed as it enters a call, or to its end.
        ///
        /// - Returns: its exit code; nil if it was killed.
        private func run(_ verb: String, _ vm: KeptVM, killedAt call: String, _ number: Int) throws -> Int32? {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments =
                ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)"]
                + ["-e", "inject=\(call):signal=KILL:when=\(number)", Dormouse.executable.path, verb, "vm"]
                + ["--timeout", "600"] + vm.store
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationReason == .exit ? process.terminationStatus : nil
        }

        @Test(
            "The guest does what it was asked for, or was not asked: never anything else",
            arguments: [("hibernate", "hibernated"), ("stop", "powered-off")])
        func client(verb: String, end: String) throws {
            let vm = try KeptVM(try Scratch("client-kill-\(verb)"), GuestMachine(.systemOff2, test: "buttons"))
            for call in Nightly.isOn ? Self.calls : ["sendto"] {
                var number = 1
                while true {
                    let comment: Comment = "\(verb), killed before \(call) \(number)"
                    try start(vm, [], comment)
                    let code = try run(verb, vm, killedAt: call, number)
                    if let code {
                        #expect(code == 0, comment)
                        #expect(try status(vm) == end, comment)
                        break
                    }
                    let live: Set = ["running", verb == "stop" ? "stopping" : "hibernating"]
                    #expect(try live.contains(status(vm)) || status(vm) == end, comment)
                    // Asked again, it is done; also if the guest is at it.
                    #expect(try vm.command(verb, arguments: ["--timeout", "600", "--if-running"]) == 0, comment)
                    #expect(try status(vm) == end, comment)
                    number += 1
                    // Of what it does again and again while it waits the first times are enough.
                    if number > (Nightly.isOn ? 12 : 4) { break }
                }
            }
        }

        @Test("Who waits for a guest whose process is killed says that nobody knows", arguments: ["hibernate", "stop"])
        func machine(verb: String) throws {
            let vm = try KeptVM(try Scratch("client-loses-\(verb)"), GuestMachine(.systemOff2, test: "idle"))
            let run = try vm.start("1-boot")
            try run.waitForConsole("dormouse: idle")
            let client = Process()
            let messages = Pipe()
            client.executableURL = Dormouse.executable
            client.arguments = [verb, "vm", "--timeout", "600"] + vm.store
            client.standardInput = FileHandle.nullDevice
            client.standardError = messages
            try client.run()
            // Its button was pressed.
            while try status(vm) == "running" { Thread.sleep(forTimeInterval: 0.1) }
            #expect(try vm.command("kill") == 0)
            let said = String(decoding: try messages.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            client.waitUntilExit()
            #expect(client.terminationStatus == 4 && said.contains("unknown"), "\(said)")
            #expect(try status(vm) == "unknown")
        }
    }
}
