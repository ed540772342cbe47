// PSCI as Debian's kernel uses it: idle states, CPU hotplug, suspend to RAM, warm reset, and what it does when a call
// fails.

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Linux and PSCI", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct LinuxPSCITests {
        @Test(
            "The kernel finds what is offered, powers CPUs down while they are idle, and PSCI_STAT_COUNT agrees with it",
            arguments: Nightly.pairs(["1.3", "1.0"], ["extended", "original"]))
        func idle(version: String, format: String) throws {
            let scratch = try Scratch("psci-idle-\(version)-\(format)")
            var machine = GuestMachine(.systemOff2, test: "psci")
            machine.cpus = 4
            machine.options = ["--psci-version", version, "--psci", "format=\(format)"]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == ExitCode.poweredOff)
            let facts = end.console.matches(of: /dormouse: psci, (.*) \(uptime/).map { String($0.1) }
            #expect(facts.first == "PSCIv\(version)")
            #expect(facts.contains("OSI is supported"))
            #expect(facts.contains("\(format == "original" ? "Original" : "Extended") StateID format is used"))
            #expect(facts.contains("Trusted OS migration not required"))
            // The optional functions, as the kernel calls them.
            let since1_0 = [
                "MIGRATE_INFO_TYPE", "CPU_FREEZE", "CPU_DEFAULT_SUSPEND", "NODE_HW_STATE", "SYSTEM_SUSPEND",
                "SET_SUSPEND_MODE", "STAT_RESIDENCY", "STAT_COUNT",
            ]
            let since1_1 = ["SYSTEM_RESET2", "MEM_PROTECT", "MEM_PROTECT_CHECK_RANGE"]
            for name in since1_0 { #expect(facts.contains("\(name) is supported")) }
            for name in since1_1 { #expect(facts.contains("\(name) is supported") == (version == "1.3")) }
            #expect(!facts.contains("MIGRATE is supported"))

            let usages = end.console.matches(of: /dormouse: idle, cpu (\d+), (\S+), usage (\d+)/)
            #expect(usages.count == 4)
            let counts = try #require(end.report?.psci.powerDowns)
            for usage in usages {
                let core = try #require(Int(usage.1))
                #expect(usage.2 == "core-power-down")
                let used = try #require(UInt64(usage.3))
                #expect(used > 0)
                #expect(counts[core].count == used)
                #expect(counts[core].microseconds > 0)
            }
        }

        @Test("Every CPU but the first goes off and on through sysfs, a hundred times")
        func hotplug() throws {
            let scratch = try Scratch("psci-hotplug")
            var machine = GuestMachine(.systemOff2, test: "hotplug")
            machine.cpus = 4
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(end.console.contains("dormouse: hotplug, 100 cycles, cpus 0-3"))
            #expect(end.exitCode == ExitCode.poweredOff)
        }

        @Test("The guest suspends to RAM and its clock wakes it, three times", arguments: LinuxGuest.allCases)
        func suspend(guest: LinuxGuest) throws {
            let scratch = try Scratch("psci-suspend-\(guest.rawValue)")
            var machine = GuestMachine(guest, test: "suspend3")
            machine.cpus = 4
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(end.console.ranges(of: "dormouse: woken").count == 3)
            #expect(end.exitCode == ExitCode.poweredOff)
        }

        @Test("A suspended guest uses no CPU, and is woken by a key or by the host", arguments: ["a key", "SIGUSR1"])
        func wake(by cause: String) throws {
            let scratch = try Scratch("psci-wake-\(cause == "a key" ? "key" : "signal")")
            var machine = GuestMachine(.systemOff2, test: "nap")
            machine.cpus = 4
            machine.options = ["--log", "notice"]
            let run = try scratch.start(machine, "1-boot", input: .pipe)
            try run.waitForConsole("dormouse: suspending")
            try run.waitForMessage("suspended to RAM")
            #expect(try run.coreUse(seconds: 2) < 0.05)
            #expect(!run.console.contains("dormouse: woken"))
            if cause == "a key" { try run.send("\n") } else { run.signal(SIGUSR1) }
            try run.waitForConsole("dormouse: woken")
            try run.closeInput()
            let end = try run.waitForEnd()
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == ExitCode.poweredOff)
        }

        @Test("reboot=warm is a SYSTEM_RESET2, and the next boot works")
        func warmReset() throws {
            let scratch = try Scratch("psci-warm-reset")
            var machine = GuestMachine(.systemOff2, test: "reboot")
            machine.append.append("reboot=warm")
            let run = try scratch.start(machine, "1-boot")
            try run.waitForConsole("dormouse: init", count: 2)
            run.signal(SIGTERM)
            let end = try run.waitForEnd()
            let last = try #require(end.report?.psci.lastSystemCall)
            #expect(last.functionID == "0xc4000012")
            #expect(last.type == 0)
        }

        // MARK: The laboratory

        @Test(
            "A kernel whose SYSTEM_OFF2 fails ends hibernation with SYSTEM_OFF, and the report has both",
            arguments: ["NOT_SUPPORTED", "resume"])
        func refusedSystemOff2(action: String) throws {
            let scratch = try Scratch("psci-refused-\(action)")
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.disks = [try scratch.makeDisk()]
            machine.options = ["--lab", "SYSTEM_OFF2=\(action)"]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.words.contains("hibernation image"))
            let report = try #require(end.report)
            #expect(report.psci.refusedSystemOff2)
            #expect(report.psci.lastSystemCall?.name == "SYSTEM_OFF")
            #expect(report.hibernationImages.map(\.found) == [true])
        }

        @Test(
            "A core that is withheld is DENIED since PSCI 1.2 and hidden before; the kernel runs on the others",
            arguments: ["1.3", "1.2", "1.1", "0.2"])
        func withheldCore(version: String) throws {
            let scratch = try Scratch("psci-withheld-\(version)")
            var machine = GuestMachine(.systemOff2, test: "poweroff")
            machine.cpus = 4
            machine.options = ["--lab", "withhold=3", "--psci-version", version, "--psci-trace"]
            let run = try scratch.start(machine, "1-boot")
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("cpus 0-2 "))
            let denials = run.messages.split(separator: "\n").filter { $0.contains("CPU_ON(target_cpu 0x3") }
            if version >= "1.2" {
                #expect(!denials.isEmpty && denials.allSatisfy { $0.hasSuffix("= DENIED") })
            } else {
                #expect(denials.isEmpty)
            }
        }

        @Test("A CPU_ON that fails once leaves the kernel with the other CPUs, and works when it is tried again")
        func failedCPUOn() throws {
            let scratch = try Scratch("psci-failed-cpu-on")
            var machine = GuestMachine(.systemOff2, test: "shell")
            machine.cpus = 4
            machine.options = ["--lab", "CPU_ON#2=INTERNAL_FAILURE"]
            let run = try scratch.start(machine, "1-boot", input: .pipe)
            try run.waitForConsole("dormouse: shell")
            try run.send(
                "echo 1 >/sys/devices/system/cpu/cpu2/online; echo now $(cat /sys/devices/system/cpu/online).\n")
            try run.waitForConsole("now 0-3.")
            try run.send("exit\n")
            let end = try run.waitForEnd()
            #expect(end.console.contains("cpus 0-1,3 "))
            #expect(end.exitCode == ExitCode.poweredOff)
        }
    }
}
