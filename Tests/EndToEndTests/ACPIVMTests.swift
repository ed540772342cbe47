// Kept VMs whose guest is told of its machine by ACPI: what `dormouse hibernate`, `stop` and `bump` do to it.

import Foundation
import Testing

extension EndToEnd {
    @Suite("Kept VMs with ACPI", .enabled(if: LinuxGuest.areThere, LinuxGuest.whyNot))
    struct ACPIVMTests {
        /// A VM in a store of its own.
        private struct KeptVM {
            let scratch: Scratch
            var store: [String] { ["--store", scratch.file("store").path] }

            init(_ scratch: Scratch, _ machine: GuestMachine) throws {
                self.scratch = scratch
                var machine = machine
                machine.disks = [try scratch.makeDisk()]
                // How guest code is executed is a matter of each start.
                machine.engine = nil
                machine.options = ["--firmware", "acpi"]
                #expect(try command("create", arguments: Array(machine.arguments.dropFirst())) == 0)
            }

            /// Runs `dormouse verb vm …` to its end; returns the exit code.
            func command(_ verb: String, arguments: [String] = []) throws -> Int32 {
                let process = Process()
                process.executableURL = Dormouse.executable
                process.arguments = [verb, "vm"] + store + arguments
                process.standardInput = FileHandle.nullDevice
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                try process.run()
                process.waitUntilExit()
                return process.terminationStatus
            }

            func start(_ name: String) throws -> DormouseRun {
                try DormouseRun(["start", "vm"] + store, files: scratch.file(name), input: .none)
            }
        }

        @Test("dormouse hibernate and dormouse stop press the buttons, and the clock is right after the guest slept")
        func buttons() throws {
            let vm = try KeptVM(try Scratch("acpi-vm-buttons"), GuestMachine(.systemOff2, test: "buttons"))
            let first = try vm.start("1-hibernate")
            try first.waitForConsole("dormouse: waiting for a button")
            #expect(try vm.command("hibernate") == 0)
            let slept = try first.waitForEnd()
            #expect(slept.guestFailure == nil)
            #expect(slept.exitCode == ExitCode.hibernated)
            #expect(slept.report?.configuration.hardwareSignature != "0x0")

            Thread.sleep(forTimeInterval: 4)
            let second = try vm.start("2-stop")
            try second.expectRightClock(count: 1)
            try second.expectRightClock(count: 2)
            try second.waitForConsole("dormouse: waiting for a button")
            #expect(try vm.command("stop") == 0)
            let off = try second.waitForEnd()
            #expect(off.guestFailure == nil)
            #expect(off.console.contains("dormouse: resumed, sha256 ok"))
            #expect(off.exitCode == ExitCode.poweredOff)
            #expect(off.report?.configuration.hardwareSignature == slept.report?.configuration.hardwareSignature)
        }

        @Test("After dormouse bump the kernel refuses its image by the signature, and boots clean")
        func bump() throws {
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.append.append("dormouse.refused=boot")
            let vm = try KeptVM(try Scratch("acpi-vm-bump"), machine)
            #expect(try vm.start("1-hibernate").waitForEnd().exitCode == ExitCode.hibernated)
            #expect(try vm.command("bump") == 0)
            let end = try vm.start("2-clean").waitForEnd()
            #expect(end.guestFailure == nil)
            #expect(end.console.contains("PM: Suspend image hardware signature mismatch"))
            #expect(end.console.contains("dormouse: clean boot, the kernel refused the image"))
            #expect(end.exitCode == ExitCode.poweredOff)
        }
    }
}
