// A guest that hibernates, and what its next start finds: the main job.

import Foundation
import TestSupport
import Testing

/// One chain of a boot and two resumes. A guest does not see the engine, so each run may have another.
struct HibernationChain: CustomTestStringConvertible {
    var cpus: Int
    /// Of the three runs.
    var engines: [Engine]

    var testDescription: String { "\(cpus) CPUs, \(engines.map(\.rawValue).joined(separator: ", "))" }
    /// What the chain's files are called.
    var name: String { "hibernation-cpus-\(cpus)-" + engines.map(\.rawValue).joined(separator: "-") }

    static let all: [HibernationChain] =
        if let engine = Engine.fromEnvironment {
            [1, 4].map { HibernationChain(cpus: $0, engines: [engine, engine, engine]) }
        } else {
            [
                HibernationChain(cpus: 1, engines: [.interpreter, .translator, .interpreter]),
                HibernationChain(cpus: 4, engines: [.translator, .auto, .auto]),
            ]
        }
}

extension EndToEnd.Hibernating {
    @Suite("Hibernation", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct HibernationTests {
        @Test(
            "A guest that hibernates with SYSTEM_OFF2 resumes with its memory intact, twice, whatever the engines",
            arguments: HibernationChain.all)
        func chain(_ chain: HibernationChain) throws {
            let scratch = try Scratch(chain.name)
            var machine = GuestMachine(.systemOff2, test: "hibernate2")
            machine.disks = [try scratch.makeDisk()]
            machine.cpus = chain.cpus

            machine.engine = chain.engines[0]
            let first = try scratch.run(machine, "1-boot")
            try expectHibernated(first)
            let checksum = try #require(first.checksums.first).checksum
            #expect(first.checksums == [ChecksumLine(step: "hibernating", checksum: checksum, cycle: "cycle 1 of 2")])

            machine.engine = chain.engines[1]
            let second = try scratch.run(machine, "2-resume")
            try expectHibernated(second)
            #expect(
                second.checksums == [
                    ChecksumLine(step: "resumed", checksum: checksum, cycle: "cycle 1 of 2"),
                    ChecksumLine(step: "hibernating", checksum: checksum, cycle: "cycle 2 of 2"),
                ])

            machine.engine = chain.engines[2]
            let third = try scratch.run(machine, "3-resume")
            try expectPoweredOff(third, withImage: false)
            #expect(third.checksums == [ChecksumLine(step: "resumed", checksum: checksum, cycle: "cycle 2 of 2")])
        }

        @Test(
            "A guest hibernates into an overlay in qcow2 over a raw disk, and resumes from it",
            .needs(Qcow2.isThere, Qcow2.whyNot))
        func qcow2() throws {
            let scratch = try Scratch("hibernation-qcow2")
            let base = try scratch.makeDisk()
            let overlay = scratch.file("overlay.qcow2")
            defer { try? FileManager.default.removeItem(at: overlay) }
            var machine = GuestMachine(.systemOff2, test: "hibernate2")
            machine.cpus = 2
            machine.options = ["--disk", "\(base.path),overlay=\(overlay.path)"]
            let first = try scratch.run(machine, "1-boot")
            try expectHibernated(first)
            try Command.tool("qemu-img", ["check", "-q", overlay.path])
            let checksum = try #require(first.checksums.first).checksum

            // The same disk without its base and in other clusters is the same to the guest.
            let copy = scratch.file("copy.qcow2")
            defer { try? FileManager.default.removeItem(at: copy) }
            try Command.tool(
                "qemu-img",
                ["convert", "-f", "qcow2", "-O", "qcow2", "-c", "-o", "cluster_size=4096", overlay.path, copy.path])
            machine.options = ["--disk", copy.path]
            let second = try scratch.run(machine, "2-resume")
            try expectHibernated(second)
            #expect(second.checksums.first == ChecksumLine(step: "resumed", checksum: checksum, cycle: "cycle 1 of 2"))
            try Command.tool("qemu-img", ["check", "-q", copy.path])

            machine.options = ["--disk", "\(overlay.path),format=qcow2"]
            let again = try scratch.run(machine, "3-resume-overlay")
            try expectHibernated(again)
            #expect(again.checksums.first == ChecksumLine(step: "resumed", checksum: checksum, cycle: "cycle 1 of 2"))
            try Command.tool("qemu-img", ["check", "-q", overlay.path])
            // Nothing of it is in the base.
            #expect(try Data(contentsOf: base, options: .alwaysMapped).prefix(1 << 20).allSatisfy { $0 == 0 })
        }

        @Test("A kernel without SYSTEM_OFF2 powers off, and the report says that an image is on the disk; it resumes")
        func systemOff() throws {
            let scratch = try Scratch("hibernation-system-off")
            var machine = GuestMachine(.systemOff, test: "hibernate")
            machine.disks = [try scratch.makeDisk()]

            let first = try scratch.run(machine, "1-boot")
            try expectPoweredOff(first, withImage: true)
            let checksum = try #require(first.checksums.first).checksum

            let second = try scratch.run(machine, "2-resume")
            try expectPoweredOff(second, withImage: false)
            #expect(second.checksums == [ChecksumLine(step: "resumed", checksum: checksum, cycle: "cycle 1 of 1")])
        }

        @Test("A guest that just powers off is not taken for one that hibernated", arguments: LinuxGuest.allCases)
        func powerOff(guest: LinuxGuest) throws {
            let scratch = try Scratch("power-off-\(guest.rawValue)")
            var machine = GuestMachine(guest, test: "poweroff")
            machine.disks = [try scratch.makeDisk()]
            try expectPoweredOff(try scratch.run(machine, "1-boot"), withImage: false)
        }

        private func expectHibernated(_ end: DormouseRun.End, sourceLocation: SourceLocation = #_sourceLocation) throws
        {
            #expect(end.guestFailure == nil, sourceLocation: sourceLocation)
            #expect(end.exitCode == ExitCode.hibernated, sourceLocation: sourceLocation)
            #expect(end.words == "hibernated", sourceLocation: sourceLocation)
            let report = try #require(end.report, sourceLocation: sourceLocation)
            #expect(report.end.kind == "hibernated", sourceLocation: sourceLocation)
            #expect(report.end.exitCode == ExitCode.hibernated, sourceLocation: sourceLocation)
            #expect(report.hibernationImages.map(\.found) == [true], sourceLocation: sourceLocation)
            // DEN0022 F.b §5.1.10: the SMC64 id, which is the one that Linux knows.
            #expect(report.psci.lastSystemCall?.name == "SYSTEM_OFF2", sourceLocation: sourceLocation)
            #expect(report.psci.lastSystemCall?.functionID == "0xc4000015", sourceLocation: sourceLocation)
            #expect(report.psci.refusedSystemOff2 == false, sourceLocation: sourceLocation)
        }

        private func expectPoweredOff(
            _ end: DormouseRun.End, withImage: Bool, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            #expect(end.guestFailure == nil, sourceLocation: sourceLocation)
            #expect(end.exitCode == ExitCode.poweredOff, sourceLocation: sourceLocation)
            #expect(end.words.hasPrefix("powered off"), sourceLocation: sourceLocation)
            #expect(end.words.contains("hibernation image") == withImage, sourceLocation: sourceLocation)
            let report = try #require(end.report, sourceLocation: sourceLocation)
            #expect(report.end.kind == "powered-off", sourceLocation: sourceLocation)
            #expect(report.hibernationImages.map(\.found) == [withImage], sourceLocation: sourceLocation)
            #expect(report.psci.lastSystemCall?.name == "SYSTEM_OFF", sourceLocation: sourceLocation)
        }
    }
}

/// QEMU's tool for disk images.
enum Qcow2 {
    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/qemu-img") }
    static let whyNot: Comment = "qemu-img: apt-get install qemu-utils"
}
