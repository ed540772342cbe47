// The model virt-2 as Linux finds it: what is another thing than on virt-1.

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("The model virt-2", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct Virt2Tests {
        private static let options = ["--model", "virt-2", "--firmware", "acpi"]

        @Test(
            "With ACPI every kernel finds its clock and the time of day, and complains of nothing that is missing",
            arguments: [LinuxGuest.systemOff2, .systemOff, .bookworm])
        func clock(guest: LinuxGuest) throws {
            let scratch = try Scratch("virt-2-clock-\(guest.rawValue)")
            var machine = GuestMachine(guest, test: "firmware")
            machine.cpus = 2
            machine.options = Self.options
            machine.append.removeFirst()
            let run = try scratch.start(machine, "1-boot")
            _ = try run.expectRightClock(count: 1)
            let end = try run.waitForEnd()
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("dormouse: firmware, clock rtc-pl031 DRMS0002:00"))
            // Linux 6.1 does not show the FACS.
            let facs = guest == .bookworm ? "" : " FACS"
            #expect(end.console.contains("dormouse: firmware, tables APIC DSDT FACP\(facs) GTDT PPTT SPCR"))
            for complaint in ["PMU IRQ", "PPTT table", "ACPI Error", "ACPI Warning", "WARNING", "Unable to parse"] {
                #expect(!end.console.contains(complaint), "\(complaint)")
            }
        }

        @Test("With ACPI the clock's alarm wakes a guest that is suspended to RAM")
        func alarm() throws {
            let scratch = try Scratch("virt-2-alarm")
            var machine = GuestMachine(.systemOff, test: "suspend2")
            machine.options = Self.options
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(!end.console.contains("no alarm"))
            #expect(end.console.ranges(of: "dormouse: woken").count == 2)
            #expect(end.exitCode == ExitCode.poweredOff)
        }

        @Test("What Linux discards or trims needs no room on the host any more, and the rest is what it was")
        func discard() throws {
            let scratch = try Scratch("virt-2-discard")
            let (disk, store) = (try scratch.makeDisk(mebibytes: 16), try scratch.makeDisk("store.img", mebibytes: 32))
            for (disk, mebibytes) in [(disk, 16), (store, 32)] {
                try Data(repeating: 0xA5, count: mebibytes << 20).write(to: disk)
            }
            var machine = GuestMachine(.systemOff2, test: "discard")
            machine.options = ["--model", "virt-2"]
            machine.disks = [disk, store]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(end.console.contains("dormouse: trimmed, what was kept is what it was"))
            #expect(end.exitCode == ExitCode.poweredOff)

            let bytes = try Data(contentsOf: disk)
            #expect(bytes[..<(4 << 20)].allSatisfy { $0 == 0xA5 } && bytes[(8 << 20)...].allSatisfy { $0 == 0xA5 })
            #expect(bytes[(4 << 20)..<(8 << 20)].allSatisfy { $0 == 0 })
            #expect(try allocatedByteCount(disk) == 12 << 20)
            // 2 MiB of a file, and what the file system says of itself.
            #expect((2 << 20..<8 << 20).contains(try allocatedByteCount(store)))
        }

        /// What a file takes on the host's disk.
        private func allocatedByteCount(_ file: URL) throws -> Int {
            var status = stat()
            try #require(stat(file.path, &status) == 0)
            return Int(status.st_blocks) * 512
        }

        @Test("Linux sees clusters and caches as the machine has them, and one console")
        func topology() throws {
            let scratch = try Scratch("virt-2-topology")
            var machine = GuestMachine(.systemOff2, test: "shell")
            machine.cpus = 3
            machine.options = Self.options + ["--psci", "cores-per-cluster=2"]
            let run = try scratch.start(machine, "1-boot", input: .pipe)
            try run.waitForConsole("dormouse: shell")
            try run.send(
                "cd /sys/devices/system/cpu; echo clusters $(cat cpu*/topology/cluster_cpus_list) packages "
                    + "$(cat cpu*/topology/package_cpus_list) caches $(cat cpu2/cache/index*/size) consoles "
                    + "$(cd /dev; echo ttyAMA* hvc*); sleep 1; exit\n")
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(
                end.console.contains(
                    "\nclusters 0-1 0-1 2 packages 0-2 0-2 0-2 caches 32K 32K consoles ttyAMA0 hvc*\n"))
        }
    }
}
