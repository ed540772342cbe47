// The conformance guest, here and elsewhere, and the fuzzing guest.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("PSCI from the inside", .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
    struct ConformanceTests {
        /// What a command wrote, and how it ended.
        private func run(_ executable: URL, _ arguments: [String], _ scratch: Scratch) throws -> (Int32, String) {
            let output = scratch.file("output")
            _ = FileManager.default.createFile(atPath: output.path, contents: nil)
            let process = Process()
            process.executableURL = executable
            process.arguments = arguments
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = try FileHandle(forWritingTo: output)
            process.standardError = process.standardOutput
            try process.run()
            process.waitUntilExit()
            return (process.terminationStatus, String(decoding: try Data(contentsOf: output), as: UTF8.self))
        }

        private func conformance(_ arguments: [String], _ scratch: Scratch) throws -> (Int32, String) {
            let image = BareMetalGuest.conformance.image.path
            return try run(Dormouse.executable, ["conformance", "--image", image] + arguments, scratch)
        }

        @Test("Every check of every function holds at every version and width", arguments: [1, 4, 8])
        func everything(cpus: Int) throws {
            let (code, output) = try conformance(["--cpus", String(cpus)], try Scratch("conformance-\(cpus)"))
            #expect(code == 0)
            #expect(output.contains(", 0 failed"))
            #expect(!output.contains("not checked"))
            #expect(output.contains("SYSTEM_OFF2"))
        }

        @Test(
            "Other machines pass too",
            arguments: [
                "format=extended", "disable=SYSTEM_SUSPEND,PSCI_SET_SUSPEND_MODE,MEM_PROTECT", "states=none",
                "trusted-os=fixed", "trusted-os=migratable", "cores-per-cluster=2",
                "states=core-retention,core-power-down,cluster-retention,cluster-power-down,system-power-down",
            ])
        func otherMachines(settings: String) throws {
            let name = settings.prefix { $0 != "," }.replacing("=", with: "-")
            let scratch = try Scratch("conformance-\(name)")
            let (code, output) = try conformance(["--psci", settings, "--cpus", "4", "--psci-version", "1.3"], scratch)
            #expect(code == 0)
            #expect(output.contains(", 0 failed"))
        }

        @Test("The same image runs to its end under QEMU, whose firmware fails some checks", .needsQEMU)
        func elsewhere() throws {
            let scratch = try Scratch("conformance-qemu")
            let image = scratch.file("conformance.bin")
            #expect(try conformance(["--image-out", image.path], scratch).0 == 0)
            let qemu = try #require(QEMU.path)
            let (code, output) = try run(
                qemu,
                [
                    "-machine", "virt,gic-version=3", "-cpu", "cortex-a57", "-smp", "4", "-m", "128", "-nographic",
                    "-nic", "none",
                    "-kernel", image.path,
                ], scratch)
            #expect(code == 0)
            let lines = output.split(whereSeparator: \.isNewline)
            let plan = lines.compactMap { $0.hasPrefix("1..") ? Int($0.dropFirst(3)) : nil }
            let checks = lines.count { $0.hasPrefix("ok ") || $0.hasPrefix("not ok ") }
            #expect(plan == [checks] && checks > 100)
            #expect(output.contains("# PSCI 1.1 by HVC, 4 cores") || output.contains("# PSCI 1.3"))
        }

        @Test(
            "Random calls from random cores never get what the version does not allow, and never hang the machine",
            arguments: ["1.3", "1.2", "1.1", "1.0", "0.2"])
        func fuzz(version: String) throws {
            let scratch = try Scratch("psci-fuzz-\(version)")
            var machine = GuestMachine(
                .fuzz, "version=\(version)", "seed=\(version.utf8.reduce(0) { $0 * 7 + Int($1) })")
            machine.cpus = 4
            machine.options = [
                "--psci-version", version, "--psci",
                "cores-per-cluster=2,trusted-os=migratable,states=core-retention,core-power-down,cluster-retention,"
                    + "cluster-power-down,system-power-down",
            ]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("# done"))
            #expect(!end.console.contains("not ok"))
        }
    }
}

enum QEMU {
    static let path = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        .map { URL(filePath: $0 + "/qemu-system-aarch64") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where there is no QEMU.
    static var needsQEMU: Self {
        .needs(QEMU.path != nil, "qemu-system-aarch64 is missing; install qemu-system-arm")
    }
}
