// Which disk UEFI starts: Debian's AAVMF, with disks that say who they are.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("The order in which UEFI starts devices", .needs(UEFI.isThere, UEFI.whyNot))
    struct BootOrderTests {
        private static func machine(_ scratch: Scratch, _ options: [String]) throws -> GuestMachine {
            var machine = GuestMachine(.systemOff2, test: "none")
            machine.kernel = nil
            machine.initrd = nil
            machine.append = []
            for name in ["first", "second"] {
                let disk = scratch.file("\(name).img")
                try BootableDisk.make(disk, saying: "this is the \(name) disk")
                machine.disks.append(disk)
            }
            machine.options = UEFI.options + options
            return machine
        }

        /// What a run was started from.
        private static func started(_ scratch: Scratch, _ name: String, _ options: [String]) throws -> String {
            let end = try scratch.run(try machine(scratch, options), name)
            #expect(end.exitCode == ExitCode.poweredOff, "\(name)")
            let match = end.console.firstMatch(of: /this is the ([a-z]+) disk/)
            return match.map { String($0.1) } ?? "nothing"
        }

        @Test("The first disk is started, unless another order is asked for, whatever the variables have")
        func order() throws {
            let scratch = try Scratch("boot-order")
            #expect(try Self.started(scratch, "1-plain", []) == "first")
            #expect(try Self.started(scratch, "2-second", ["--boot", "disk1,disk0"]) == "second")
            let variables = scratch.file("variables.fd")
            try FileManager.default.copyItem(at: UEFI.template, to: variables)
            let kept = ["--uefi-vars", variables.path]
            #expect(try Self.started(scratch, "3-kept", kept) == "first")
            #expect(try Self.started(scratch, "4-kept-second", kept + ["--boot", "disk1"]) == "second")
            #expect(try Self.started(scratch, "5-kept-first", kept + ["--boot", "disk0"]) == "first")
        }
    }
}
