// Copies of VMs whose disks Dormouse makes: overlays and full ones.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Copying a VM with its disks", .needs(Guest.areBuilt, Guest.missing))
struct CopyTests {
    private func copy(_ vm: TestVM, _ options: String...) async throws -> Finished {
        try await vm.run("copy", ["new"] + options)
    }

    private func start(_ vm: TestVM, _ name: String) async throws -> Finished {
        try await Command.run(["start", name, "--store", vm.store])
    }

    /// The names of the disks beside that of the VM.
    private func disks(_ vm: TestVM) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: vm.directory.path).filter { $0.hasPrefix("disk0") }.sorted()
    }

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

    @Test("A VM and its copy hibernate and resume on overlays of their own, over a disk that stays as it was")
    func overlays() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1)
        let before = try bytes(vm.disks[0])
        let copied = try await copy(vm, "--overlay")
        #expect(copied.exitCode == 0, "\(copied.error)")
        #expect(copied.error.contains("\(vm.disks[0]) is shared and must stay"), "\(copied.error)")
        #expect(try disks(vm) == ["disk0.img", "disk0.new.qcow2", "disk0.vm.qcow2"])
        for name in ["vm", "new"] {
            let toml = String(decoding: try bytes("\(vm.store)/\(name)/vm.toml"), as: UTF8.self)
            #expect(toml.contains("/disk0.\(name).qcow2") && !toml.contains("/disk0.img"), "\(toml)")
        }
        // A second copy has its place in the chain.
        #expect(try await vm.run("copy", ["third", "--overlay"]).exitCode == 0)
        #expect(try disks(vm).suffix(2) == ["disk0.vm.third.qcow2", "disk0.vm.vm.qcow2"])
        // Each writes an image of its own, and finds it again.
        for code in [Int32(40), 0, 40, 0] {
            for name in ["vm", "new", "third"] {
                let run = try await start(vm, name)
                #expect(run.exitCode == code && !run.output.contains("not ok"), "\(name): \(run.output) \(run.error)")
            }
        }
        #expect(try bytes(vm.disks[0]) == before)
    }

    @Test("A copy whose disk would lie on too many others is refused, and all that were made start")
    func chain() async throws {
        let vm = try await TestVM(.idle, append: "seconds=0", disks: 1)
        var count = 0
        var last = try await vm.run("copy", ["copy0", "--overlay"])
        while last.exitCode == 0 && count < 40 {
            count += 1
            last = try await vm.run("copy", ["copy\(count)", "--overlay"])
        }
        #expect((8..<40).contains(count) && last.errorLines.count == 1, "\(count): \(last.error)")
        for name in [TestVM.name, "copy\(count - 1)"] {
            let start = try await Command.run(["start", name, "--store", vm.store])
            #expect(start.exitCode == 0, "\(start.error)")
        }
        #expect(try await !Command.run(["list", "--store", vm.store]).output.contains("copy\(count)"))
    }

    @Test("Nobody writes to the disk below an overlay: while one of the VMs runs not even who may write it")
    func protected() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        #expect(try await copy(vm, "--overlay").exitCode == 0)
        var status = stat()
        #expect(stat(vm.disks[0], &status) == 0 && status.st_mode & 0o222 == 0)
        #expect(chmod(vm.disks[0], 0o600) == 0)
        let ran = try await Command.run(["start", "new", "--store", vm.store]) { running in
            #expect(try await running.waits(for: "idle"))
            let other = try await Command.run(["run", "--kernel", vm.kernel, "--disk", vm.disks[0]])
            #expect(other.exitCode == 64 && other.error.contains(vm.disks[0]), "\(other.error)")
            running.send(SIGTERM)
        }
        #expect(ran.exitCode == 143)
    }

    @Test("A hibernated VM is copied in full only: it resumes, and the copy boots clean")
    func hibernated() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1)
        #expect(try await vm.start().exitCode == 40)
        let refused = try await copy(vm, "--overlay")
        #expect(refused.exitCode == 64 && refused.error.contains("--full"), "\(refused.error)")
        #expect(try disks(vm) == ["disk0.img"])

        let copied = try await copy(vm, "--full")
        #expect(copied.exitCode == 0 && copied.error.contains("a copy of \(vm.disks[0])"), "\(copied.error)")
        #expect(try bytes("\(vm.directory.path)/disk0.new.img") == bytes(vm.disks[0]))
        let inspected = try await Command.run(["inspect", "new", "--store", vm.store])
        #expect(inspected.output.contains("The next start: clean"))
        let resumed = try await vm.start()
        #expect(resumed.exitCode == 0 && resumed.kind == "resume", "\(resumed.finished.error)")
        #expect(!resumed.finished.output.contains("not ok"), "\(resumed.finished.output)")
    }

    @Test("Nothing that is there is replaced, and nothing is left where no VM comes of it")
    func names() async throws {
        let vm = try await TestVM(disks: 1)
        let taken = try await vm.run("copy", ["vm", "--full"])
        #expect(taken.exitCode == 64 && taken.error.contains("there is a VM vm already"), "\(taken.error)")
        #expect(try disks(vm) == ["disk0.img"])
        for name in ["disk0.new.img", "disk0.new.2.img"] {
            #expect(try await copy(vm, "--full").exitCode == 0)
            #expect(try disks(vm).contains(name))
            #expect(try await Command.run(["rm", "new", "--store", vm.store]).exitCode == 0)
        }
        let elsewhere = "\(vm.directory.path)/elsewhere"
        #expect(try await copy(vm, "--overlay", "--directory", elsewhere).exitCode == 64)
        try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: false)
        #expect(try await copy(vm, "--overlay", "--directory", elsewhere).exitCode == 0)
        let made = try FileManager.default.contentsOfDirectory(atPath: elsewhere).sorted()
        #expect(made == ["disk0.new.qcow2", "disk0.vm.qcow2"])
        #expect(try await copy(vm, "--overlay", "--full").exitCode == 64)
    }
}
