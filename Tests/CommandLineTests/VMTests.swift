import FoundationEssentials
import Glibc
import Hibernation
import HostSupport
import Machine
import TestSupport
import Testing

@Suite("Kept VMs", .needs(Guest.areBuilt, Guest.missing))
struct VMTests {
    // MARK: Resuming

    @Test("A guest that hibernated is resumed in an equal environment, again and again")
    func resumes() async throws {
        let vm = try await TestVM()
        var start = try await vm.start()
        #expect(start.exitCode == 40 && start.kind == "boot")
        let fingerprint = start.report?.vm.environmentFingerprint
        for _ in 0..<3 {
            start = try await vm.start()
            #expect(start.exitCode == 40 && start.kind == "resume")
            #expect(start.report?.vm.environmentFingerprint == fingerprint && start.report?.vm.generation == 1)
        }
        #expect(start.finished.errorLines.last == "dormouse: hibernated")
    }

    @Test("A guest that checks its machine finds all of it as it left it, with its counter gone on")
    func sleeper() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=3", disks: 1)
        var checksums: [Substring] = []
        for kind in ["boot", "resume", "resume"] {
            let start = try await vm.start()
            #expect(start.exitCode == 40 && start.kind == kind)
            #expect(!start.finished.output.contains("not ok"), "\(start.finished.output)")
            checksums += start.finished.output.matches(of: /(?:hibernating|resumed), checksum (0x[0-9a-f]+)/).map(\.1)
        }
        let last = try await vm.start()
        #expect(last.exitCode == 0 && last.kind == "resume")
        #expect(last.finished.output.contains("ok 10 - the counter has not gone back"))
        #expect(!last.finished.output.contains("not ok"), "\(last.finished.output)")
        #expect(checksums.count == 5 && Set(checksums).count == 1)
    }

    @Test("A guest that resets after it was resumed is booted again, warm or cold", arguments: ["reset", "reset2"])
    func reset(end: String) async throws {
        let vm = try await TestVM()
        #expect(try await vm.start().exitCode == 40)
        try vm.edit("append = 'end=off2'", "append = 'end=\(end)'")
        let path = "\(vm.directory.path)/report.json"
        let result = try await Command.run(["start", TestVM.name, "--store", vm.store, "--report", path]) { running in
            let isReset = try await running.waits(for: "PSCI_VERSION is", times: 3)
            #expect(isReset)
            running.send(SIGTERM)
        }
        #expect(result.exitCode == 143)
        let report = try JSONDecoder().decode(RunReport.self, from: Data(contentsOf: URL(filePath: path)))
        #expect(report.boots >= 3)
        // A cold reset is a full boot, and no resume any more.
        #expect(report.vm?.start == (end == "reset" ? "boot" : "resume"))
    }

    @Test("A clean boot by device tree has noresume, and an image that was given up is not resumed later either")
    func givenUp() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=9", disks: 1)
        #expect(try await vm.start().exitCode == 40)
        for _ in 0..<2 {
            let start = try await vm.start("--fresh")
            #expect(start.exitCode == 0 && start.kind == "clean")
            #expect(start.finished.output.contains("the image is left alone"))
        }
        // Nor if nobody knows how that boot ended.
        #expect(try await vm.start("--fresh", "--lab", "record=kill:begun").exitCode == nil)
        let later = try await vm.start()
        #expect(later.report?.vm.isUnknown == true)
        #expect(later.kind == "clean" && later.finished.output.contains("the image is left alone"))
        #expect(try await vm.run("discard").exitCode == 0)
        #expect(try await vm.start().kind == "boot")
    }

    @Test("What a guest that powered off left is not resumed")
    func poweredOff() async throws {
        let vm = try await TestVM(append: "end=off")
        #expect(try await vm.start().exitCode == 0)
        #expect(try await vm.start().kind == "boot")
    }

    @Test("A core that the laboratory withheld from a guest with PSCI 1.1 is missed at the next start")
    func withheldCore() async throws {
        let vm = try await TestVM(
            append: "end=off", disks: 1, options: ["--cpus", "2", "--psci-version", "1.1"])
        // Nobody knows how the run ended, and there is an image: the guest may be in it.
        let disk = try #require(fopen(vm.disks[0], "r+"))
        fseek(disk, 4076, SEEK_SET)
        fputs("SWAPSPACE2S1SUSPEND", disk)
        fclose(disk)
        #expect(try await vm.start("--lab", "withhold=1", "--lab", "record=kill:begun").exitCode == nil)
        let start = try await vm.start()
        #expect(start.exitCode == 50 && start.paths == ["cpu.withheld"], "\(start.finished.error)")
        #expect(try await vm.start("--lab", "withhold=1").kind == "resume")
    }

    // MARK: Another environment

    /// A change of a VM while its guest sleeps.
    struct Change: CustomTestStringConvertible, Sendable {
        /// The path of the fact that has to be named.
        var path: String
        var change: @Sendable (TestVM) throws -> Void
        var testDescription: String { path }
    }

    private static let changes: [Change] = [
        Change(path: "memory.size") { try $0.edit("memory = '64M'", "memory = '128M'") },
        Change(path: "cpu.count") { try $0.edit("cpus = 1", "cpus = 2") },
        Change(path: "psci.version") {
            try $0.edit("version = '1.3'", "version = '1.2'")
            try $0.edit("'SYSTEM_OFF2',\n", "")
        },
        Change(path: "psci.conduit") { try $0.edit("conduit = 'hvc'", "conduit = 'smc'") },
        // Added, removed, moved, of another size, read-only.
        Change(path: "virtio.2") { vm in
            let path = try vm.directory.file("more.img", [UInt8](repeating: 0, count: 4096))
            try vm.edit("[hibernation]", "[[disk]]\npath = '\(path)'\nreadonly = false\n\n[hibernation]")
        },
        Change(path: "virtio.1") { try $0.edit("[[disk]]\npath = '\($0.disks[1])'\nreadonly = false\n", "") },
        Change(path: "virtio.0.sectors") { vm in
            try vm.edit("'\(vm.disks[0])'", "'X'")
            try vm.edit("'\(vm.disks[1])'", "'\(vm.disks[0])'")
            try vm.edit("'X'", "'\(vm.disks[1])'")
        },
        Change(path: "virtio.1.sectors") { truncate($0.disks[1], 3 << 20) },
        Change(path: "virtio.1.features") {
            try $0.edit("path = '\($0.disks[1])'\nreadonly = false", "path = '\($0.disks[1])'\nreadonly = true")
        },
        Change(path: "kernel.sha256") { vm in
            let file = try #require(fopen(vm.kernel, "a"))
            fputc(0, file)
            fclose(file)
        },
        // What only another version of Dormouse can have recorded.
        Change(path: "cpu.model") {
            try $0.editState("\"cpu.model\" : \"dormouse-1\"", "\"cpu.model\" : \"dormouse-0\"")
        },
        Change(path: "cpu.MIDR_EL1") { try $0.editState("\"cpu.MIDR_EL1\" : \"0x", "\"cpu.MIDR_EL1\" : \"0x1") },
        Change(path: "model") { try $0.editState("\"model\" : \"virt-2\",\n", "\"model\" : \"virt-0\",\n") },
        Change(path: "counter.frequency") {
            try $0.editState("\"counter.frequency\" : \"1000000000\"", "\"counter.frequency\" : \"62500000\"")
        },
    ]

    @Test("A start in another environment is refused, names the fact, and boots clean when told so", arguments: changes)
    func environment(change: Change) async throws {
        let vm = try await TestVM()
        #expect(try await vm.start().exitCode == 40)
        try change.change(vm)
        var start = try await vm.start()
        #expect(start.exitCode == 50, "\(start.finished.error)")
        #expect(start.kind == "refused-environment")
        #expect(start.paths.contains(change.path), "\(start.paths)")
        #expect(start.finished.errorLines.last?.contains(change.path) == true)
        #expect(start.finished.output == "")
        // A refusal changes nothing.
        start = try await vm.start()
        #expect(start.exitCode == 50)
        start = try await vm.start("--on-change", "clean")
        #expect(start.exitCode == (change.path == "psci.version" ? 0 : 40), "\(start.finished.error)")
        #expect(start.kind == "clean" && start.report?.vm.generation == 2)
    }

    @Test("A network that is gone, which would hang Linux for ever, or has another address, is refused", .needsPasst)
    func network() async throws {
        let vm = try await TestVM(disks: 1, options: ["--net", "user"])
        #expect(try await vm.start().exitCode == 40)
        try vm.edit("mac = '52:54:00:00:00:1d'", "mac = '52:54:00:00:00:1e'")
        var start = try await vm.start()
        #expect(start.exitCode == 50 && start.paths == ["virtio.29.mac"], "\(start.finished.error)")
        try vm.edit("52:54:00:00:00:1e", "52:54:00:00:00:1d")
        let text = String(decoding: try Data(contentsOf: URL(filePath: vm.configurationPath)), as: UTF8.self)
        let section = try #require(text.firstRange(of: /\[\[network\]\]\n([^\[\n]+\n)+/))
        try vm.edit(String(text[section]), "")
        start = try await vm.start()
        #expect(start.exitCode == 50 && start.paths == ["virtio.29"], "\(start.finished.error)")
        #expect(try await vm.start("--on-change", "clean").exitCode == 40)
    }

    @Test("A change that means nothing to a resumed guest is said, and does not keep it from resuming")
    func mayChange() async throws {
        let vm = try await TestVM()
        #expect(try await vm.start().exitCode == 40)
        try vm.edit("append = 'end=off2'", "append = 'end=off2 width=32'")
        let start = try await vm.start()
        #expect(start.exitCode == 40 && start.kind == "resume" && start.paths == ["boot.arguments"])
    }

    @Test("The recorded environment is kept once more, kernel included, and the configured one follows")
    func keep() async throws {
        let vm = try await TestVM(options: ["--on-change", "keep"])
        #expect(try await vm.start().exitCode == 40)
        try vm.edit("cpus = 1", "cpus = 3")
        // Not even a kernel any more.
        try Data("gone".utf8).write(to: URL(filePath: vm.kernel))
        try vm.edit("kernel-format = 'auto'", "kernel-format = 'flat'")
        var start = try await vm.start()
        #expect(start.exitCode == 40, "\(start.finished.error)")
        #expect(start.kind == "keep" && start.paths.contains("cpu.count") && start.paths.contains("kernel.sha256"))
        start = try await vm.start("--on-change", "refuse")
        #expect(start.exitCode == 50)
    }

    // MARK: Disks

    @Test("A disk that was written while its guest slept is refused, and booted over only if the user says so")
    func disks() async throws {
        let vm = try await TestVM()
        #expect(try await vm.start().exitCode == 40)
        let file = try #require(fopen(vm.disks[1], "r+"))
        fputc(0x55, file)
        fclose(file)
        var start = try await vm.start()
        #expect(start.exitCode == 51 && start.kind == "refused-disks")
        #expect(start.report?.vm.diskChanges.map(\.disk) == [1])
        #expect(try await vm.start("--on-change", "keep").exitCode == 51)
        #expect(try await vm.start("--fresh").exitCode == 51)
        let usage = try await vm.start("--accept-disk-change")
        #expect(usage.exitCode == 64 && usage.finished.errorLines.count == 1)
        start = try await vm.start("--fresh", "--accept-disk-change")
        #expect(start.exitCode == 40 && start.kind == "clean")
    }

    @Test("With full digests, a copy of a disk is as good as the disk")
    func copies() async throws {
        let vm = try await TestVM(options: ["--disk-hash", "full"])
        #expect(try await vm.start().exitCode == 40)
        let content = try Data(contentsOf: URL(filePath: vm.disks[0]))
        unlink(vm.disks[0])
        try content.write(to: URL(filePath: vm.disks[0]))
        #expect(try await vm.start().kind == "resume")
        var changed = content
        changed[changed.count / 2 + 1] ^= 1
        try changed.write(to: URL(filePath: vm.disks[0]))
        let start = try await vm.start()
        #expect(start.exitCode == 51 && start.report?.vm.diskChanges.map(\.evidence) == [["content"]])
    }

    // MARK: Verbs

    @Test("After bump the next start is clean, and the one after resumes")
    func bump() async throws {
        let vm = try await TestVM()
        #expect(try await vm.start().exitCode == 40)
        #expect(try await vm.run("bump").exitCode == 0)
        var start = try await vm.start()
        #expect(start.kind == "clean" && start.report?.vm.generation == 2)
        start = try await vm.start()
        #expect(start.kind == "resume" && start.report?.vm.generation == 2)
    }

    @Test("A hibernation that lasted too long is refused, and resumed if the policy says so")
    func expiry() async throws {
        let vm = try await TestVM(options: ["--hibernate-for", "1s"])
        #expect(try await vm.start().exitCode == 40)
        try await Task.sleep(for: .milliseconds(2100))
        let start = try await vm.start()
        #expect(start.exitCode == 52 && start.kind == "refused-expired")
        try vm.edit("on-expiry = 'refuse'", "on-expiry = 'resume'")
        #expect(try await vm.start().kind == "resume")
    }

    @Test("A VM that runs is not started again, is listed as running, and says that it has no buttons")
    func running() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        let store = vm.store
        let result = try await Command.run(["start", TestVM.name, "--store", store]) { running in
            #expect(try await running.waits(for: "idle"))
            let second = try await vm.run("start")
            #expect(second.exitCode == 64 && second.errorLines.count == 1)
            #expect(second.error.contains("process \(running.process)"), "\(second.error)")
            #expect(try await Command.run(["list", "--store", store]).output.contains("running"))
            let stopped = try await vm.run("stop", ["--timeout", "1"])
            #expect(stopped.exitCode == 53 && stopped.error.contains("power button"), "\(stopped.error)")
            running.send(SIGTERM)
        }
        #expect(result.exitCode == 143)
        let stopped = try await vm.run("stop")
        #expect(stopped.exitCode == 64 && stopped.error.contains("not running"))
    }

    @Test(
        "A process that dies while it writes the record leaves what was true before or what is true after",
        arguments: DurableFile.Step.allCases)
    func crash(step: DurableFile.Step) async throws {
        let vm = try await TestVM()
        let start = try await vm.start("--lab", "record=kill:\(step.rawValue)")
        #expect(start.exitCode == nil)
        // It has not been said to be hibernated before it is.
        #expect(!start.finished.error.contains("hibernated"))
        let isWritten = step == .renamed || step == .finished
        #expect(try await Command.run(["list", "--store", vm.store]).output.contains("unknown") == !isWritten)
        let next = try await vm.start()
        #expect(next.kind == (isWritten ? "resume" : "boot"))
        #expect(next.report?.vm.isUnknown == !isWritten)
        #expect(next.exitCode == 40)
    }

    @Test("What is to be discarded or restored has to be there")
    func nothing() async throws {
        let vm = try await TestVM()
        #expect(try await vm.run("discard").exitCode == 64)
        #expect(try await vm.run("restore-image").exitCode == 64)
    }

    @Test("inspect says what the next start would do, in words and as JSON")
    func inspect() async throws {
        let vm = try await TestVM()
        #expect(try await vm.start().exitCode == 40)
        try vm.edit("cpus = 1", "cpus = 2")
        let words = try await vm.run("inspect")
        #expect(words.exitCode == 0)
        #expect(words.output.contains("Hibernated by SYSTEM_OFF2 on core 0"))
        #expect(words.output.contains("The next start: refused-environment"))
        struct Inspection: Decodable {
            var phase: String
            var nextStart: RunReport.VM
        }
        let json = try JSONDecoder().decode(Inspection.self, from: Data(try await vm.inspect().utf8))
        #expect(json.phase == "hibernated" && json.nextStart.differences.map(\.path).contains("cpu.count"))
    }

    @Test(
        "What cannot become a VM is said in one line",
        arguments: [
            (["create", "a/b", "--kernel", "KERNEL"], "no name"),
            (["create", "x", "--kernel", "/missing"], "/missing"),
            (["create", "x", "--kernel", "KERNEL", "--hibernate-for", "soon"], "60d"),
            (["create", "x", "--kernel", "KERNEL", "--cpus", "65"], "--cpus"),
            (["start", "nobody"], "no VM nobody"), (["inspect", "nobody"], "no VM nobody"),
            (["hibernate", "nobody"], "no VM nobody"), (["stop", "nobody", "--timeout", "-1"], "--timeout"),
        ])
    func errors(arguments: [String], words: String) async throws {
        let directory = try TemporaryDirectory()
        let arguments = arguments.map { $0 == "KERNEL" ? Guest.idle.path : $0 }
        let result = try await Command.run(arguments + ["--store", directory.path])
        #expect(result.exitCode == 64)
        #expect(result.errorLines.count == 1 && result.error.contains(words), "\(result.error)")
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where there is no passt.
    static var needsPasst: Self {
        .needs(access("/usr/bin/passt", X_OK) == 0, "passt is missing; install passt")
    }
}
