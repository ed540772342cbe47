// Linux on each CPU model: what it finds, and that it hibernates there.

import TestSupport
import Testing

/// A machine with a CPU model.
struct CPUModelCase: CustomTestStringConvertible {
    var model: String
    var cpus: Int

    var testDescription: String { "\(model), \(cpus) CPUs" }

    /// What Linux calls the features of dormouse-1, and those that dormouse-2 has besides
    /// (Documentation/arch/arm64/elf_hwcaps.rst).
    private static let first: Set = [
        "fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "cpuid", "asimdrdm", "lrcpc",
        "dcpop", "asimddp", "rng",
    ]
    private static let second: Set = ["fphp", "asimdhp", "ilrcpc", "flagm", "ssbs", "sb"]

    var features: Set<String> { model == "dormouse-1" ? Self.first : Self.first.union(Self.second) }
}

extension EndToEnd.Running {
    @Suite("CPU models", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct CPUModelTests {
        @Test(
            "Linux finds the features of the CPU model on every CPU, and complains of nothing",
            arguments: [
                CPUModelCase(model: "dormouse-1", cpus: 1), CPUModelCase(model: "dormouse-2", cpus: 1),
                CPUModelCase(model: "dormouse-2", cpus: 4),
            ])
        func features(_ one: CPUModelCase) throws {
            let scratch = try Scratch("cpu-\(one.model)-\(one.cpus)")
            var machine = GuestMachine(.systemOff2, test: "shell")
            machine.cpus = one.cpus
            machine.options = ["--cpu", one.model]
            let run = try scratch.start(machine, "1-boot", input: .pipe)
            try run.waitForConsole("dormouse: shell")
            try run.send(
                "for f in $(sed -n 's/^Features.*: //p' /proc/cpuinfo); do echo has $f.; done; "
                    + "echo features of $(grep -c ^Features /proc/cpuinfo) CPUs; sleep 1; exit\n")
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("\nfeatures of \(one.cpus) CPUs"))
            let found = end.console.matches(of: /\nhas (\w+)\./).map { String($0.1) }
            #expect(Set(found) == one.features)
            #expect(found.count == one.cpus * one.features.count)
            for complaint in ["SANITY CHECK", "Unsupported CPU feature variation", "WARNING"] {
                #expect(!end.console.contains(complaint), "\(complaint)")
            }
            // With E0PD it needs no other page tables for EL0, though its addresses are random.
            #expect(end.console.contains("detected: Kernel page table isolation") == (one.model == "dormouse-1"))
            #expect(end.report?.configuration.cpu == one.model)
        }
    }
}

extension EndToEnd.Hibernating {
    @Suite("CPU models", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct CPUModelTests {
        @Test("A guest on dormouse-2 hibernates, and resumes with its memory intact", arguments: [1, 4])
        func hibernation(cpus: Int) throws {
            let scratch = try Scratch("cpu-dormouse-2-hibernation-\(cpus)")
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.cpus = cpus
            machine.disks = [try scratch.makeDisk()]
            machine.options = ["--cpu", "dormouse-2"]
            let first = try scratch.run(machine, "1-boot")
            #expect(first.guestFailure == nil)
            #expect(first.exitCode == ExitCode.hibernated)
            let checksum = try #require(first.checksums.first).checksum

            let second = try scratch.run(machine, "2-resume")
            #expect(second.guestFailure == nil)
            #expect(second.exitCode == ExitCode.poweredOff)
            #expect(second.checksums == [ChecksumLine(step: "resumed", checksum: checksum, cycle: "cycle 1 of 1")])
        }
    }
}
