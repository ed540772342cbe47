// A disk belongs to one machine at a time.

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Disks", .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
    struct DiskTests {
        @Test("A second machine on a disk that is in use is refused, in one line, and the first goes on")
        func secondIsRefused() throws {
            let scratch = try Scratch("disk-in-use")
            let disk = try scratch.makeDisk(mebibytes: 1)
            var machine = GuestMachine(.idle, "seconds=3600")
            machine.disks = [disk]
            let first = try scratch.start(machine, "1-first")
            try first.waitForConsole("idle")

            let second = try scratch.run(machine, "2-second")
            #expect(second.exitCode == ExitCode.usage)
            #expect(second.words.contains(disk.path))
            #expect(second.console == "")
            #expect(second.report == nil)

            #expect(first.isRunning)
            first.signal(SIGTERM)
            #expect(try first.waitForEnd().exitCode == ExitCode.terminated)
        }
    }
}
