import FoundationEssentials
import Glibc
import Hibernation
import Machine
import TestSupport
import Testing

/// VMs whose files are damaged, gone, or there twice.
@Suite("The store", .needs(Guest.areBuilt, Guest.missing))
struct StoreTests {
    private func list(_ vm: TestVM) async throws -> Finished {
        try await Command.run(["list", "--store", vm.store])
    }

    private func create(_ name: String, _ vm: TestVM) async throws {
        let created = try await Command.run(["create", name, "--store", vm.store, "--kernel", vm.kernel])
        #expect(created.exitCode == 0, "\(created.error)")
    }

    @Test(
        "One broken VM is listed as that, with the others, and the exit code says so",
        arguments: ["state.json", "vm.toml"], [nil, "{}", ""])
    func listsBroken(file: String, content: String?) async throws {
        let vm = try await TestVM(disks: 1)
        try await create("good", vm)
        try await create("zoo", vm)
        let whole = try await list(vm)
        #expect(whole.exitCode == 0)
        #expect(try await Command.run(["list", "--all", "--store", vm.store]).output == whole.output)
        let path = "\(vm.store)/good/\(file)"
        unlink(path)
        if let content { try Data(content.utf8).write(to: URL(filePath: path)) }
        let listed = try await list(vm)
        #expect(listed.exitCode == 64)
        let lines = listed.output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0].hasPrefix("good\tbroken: ") && lines[0].contains(path), "\(listed.output)")
        #expect(lines.dropFirst().allSatisfy { $0.hasSuffix("\tnever started") }, "\(listed.output)")
        // Every other verb says what is wrong, and what helps.
        for verb in ["start", "inspect", "discard"] + (file == "state.json" ? ["bump"] : []) {
            let said = try await Command.run([verb, "good", "--store", vm.store])
            #expect(said.exitCode == 64 && said.errorLines.count == 1 && said.error.contains(path), "\(said.error)")
        }
        if file == "state.json" {
            #expect(try await Command.run(["repair", "good", "--store", vm.store]).exitCode == 0)
            #expect(try await list(vm).exitCode == 0)
        }
    }

    @Test("A VM whose state is lost is repaired: its image is resumed, in the environment that is configured")
    func lostState() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1)
        #expect(try await vm.start().exitCode == 40)
        try Data("broken".utf8).write(to: URL(filePath: vm.statePath))
        #expect(try await vm.start().exitCode == 64)
        let repaired = try await vm.run("repair")
        #expect(repaired.exitCode == 0 && repaired.error.contains("resumes it"), "\(repaired.error)")
        #expect(FileManager.default.contents(atPath: "\(vm.statePath).broken-1") == Data("broken".utf8))
        try vm.edit("cpus = 1", "cpus = 2")
        #expect(try await vm.start().exitCode == 50)
        try vm.edit("cpus = 2", "cpus = 1")
        let start = try await vm.start()
        #expect(start.exitCode == 0 && start.kind == "resume" && start.report?.vm.isUnknown == true)
        #expect(!start.finished.output.contains("not ok"), "\(start.finished.output)")
        let nothing = try await vm.run("repair")
        #expect(nothing.exitCode == 0 && nothing.error.contains("nothing to repair"))
    }

    @Test("A configuration that is lost is made again from the one that ran")
    func lostConfiguration() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1)
        #expect(try await vm.start().exitCode == 40)
        try vm.edit("cpus = 1", "cpsu = 1")
        #expect(try await vm.start().exitCode == 64)
        #expect(try await vm.run("repair").exitCode == 0)
        let start = try await vm.start()
        #expect(start.exitCode == 0 && start.kind == "resume", "\(start.finished.error)")
    }

    @Test("A copy of a directory is not resumed beside its original, and bump makes it a machine of its own")
    func directoryCopy() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1)
        #expect(try await vm.start().exitCode == 40)
        let copied = try await Command.shell("cp -a \"$1/vm\" \"$1/copy\"", vm.store)
        #expect(copied.exitCode == 0)
        func start(_ name: String) async throws -> Finished {
            try await Command.run(["start", name, "--store", vm.store])
        }
        let refused = try await start("copy")
        #expect(refused.exitCode == 50 && refused.output == "", "\(refused.error)")
        #expect(refused.error.contains("\(vm.store)/vm") && refused.error.contains("bump"), "\(refused.error)")
        #expect(try await Command.run(["bump", "copy", "--store", vm.store]).exitCode == 0)
        let toml = String(decoding: try Data(contentsOf: URL(filePath: "\(vm.store)/copy/vm.toml")), as: UTF8.self)
        let id = try #require(toml.firstMatch(of: /generation-id = ['"]([0-9a-f]{32})['"]/)?.1)
        #expect(
            try !String(decoding: Data(contentsOf: URL(filePath: vm.configurationPath)), as: UTF8.self).contains(id))
        // The original has lost nothing.
        let resumed = try await start("vm")
        #expect(resumed.exitCode == 0 && resumed.output.contains("# resumed, checksum"), "\(resumed.error)")
        let own = try await start("copy")
        #expect(!own.error.contains("is a copy"), "\(own.error)")
    }

    @Test("A copy that has nothing to resume is told of, and one that was moved is not one")
    func harmlessCopy() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1)
        let copied = try await Command.shell("cp -a \"$1/vm\" \"$1/copy\"", vm.store)
        #expect(copied.exitCode == 0)
        let start = try await Command.run(["start", "copy", "--store", vm.store])
        #expect(
            start.exitCode == 40 && start.error.contains("is a copy of the one in \(vm.store)/vm"), "\(start.error)")
        let moved = try await Command.shell("rm -r \"$1/vm\" && mv \"$1/copy\" \"$1/moved\"", vm.store)
        #expect(moved.exitCode == 0)
        let resumed = try await Command.run(["start", "moved", "--store", vm.store])
        #expect(resumed.exitCode == 0 && resumed.output.contains("# resumed, checksum"), "\(resumed.error)")
        #expect(!resumed.error.contains("copy"))
    }

    @Test("copy makes a machine of its own, which boots clean from copies of the disks")
    func copy() async throws {
        let vm = try await TestVM(
            .sleeper, append: "cycles=1", disks: 1,
            options: ["--net", "tap=tap0", "--uuid", "00112233-4455-4677-8899-aabbccddeeff"])
        let text = try Data(contentsOf: URL(filePath: vm.configurationPath))
        let disk = "\(vm.directory.path)/copy.img"
        func copy(_ options: [String]) async throws -> Finished {
            try await Command.run(["copy", TestVM.name, "other", "--store", vm.store] + options)
        }
        // No network here; the cards' addresses are what matters.
        #expect(try await copy([]).error.contains("--disk"))
        #expect(try await copy(["--disk", vm.disks[0]]).exitCode == 64)
        try Data(contentsOf: URL(filePath: vm.disks[0])).write(to: URL(filePath: disk))
        #expect(try await copy(["--disk", disk]).exitCode == 0)
        let other = try Data(contentsOf: URL(filePath: "\(vm.store)/other/vm.toml"))
        for key in [/generation-id = '[^']*'/, /uuid = '[^']*'/, /mac = '[^']*'/] {
            let one = try #require(String(decoding: text, as: UTF8.self).firstMatch(of: key)?.0)
            let two = try #require(String(decoding: other, as: UTF8.self).firstMatch(of: key)?.0)
            #expect(one != two)
        }
    }

    @Test("A copy of a VM that hibernated leaves its image alone")
    func copyOfHibernated() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1)
        #expect(try await vm.start().exitCode == 40)
        let disk = "\(vm.directory.path)/copy.img"
        try Data(contentsOf: URL(filePath: vm.disks[0])).write(to: URL(filePath: disk))
        #expect(
            try await Command.run(["copy", TestVM.name, "other", "--store", vm.store, "--disk", disk]).exitCode == 0)
        let start = try await Command.run(["start", "other", "--store", vm.store])
        #expect(start.exitCode == 0 && start.output.contains("the image is left alone"), "\(start.error)")
        #expect(try await vm.start().kind == "resume")
    }

    @Test("After callers took every descriptor, the control socket answers again", .timeLimit(.minutes(30)))
    func descriptors() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        // Fewer than the silent callers that are heard at once.
        let script = """
            (ulimit -n 40; exec "$0" start vm --store "$1") </dev/null >"$2" 2>&1 & vm=$!
            until grep -q idle "$2"; do sleep 0.05; done
            python3 -c 'import socket, sys, time
            callers = []
            for _ in range(48):
                caller = socket.socket(socket.AF_UNIX)
                caller.settimeout(20)
                while True:
                    try: caller.connect(sys.argv[1]); break
                    # The queue of those who wait to be taken is full.
                    except BlockingIOError: time.sleep(0.01)
                callers.append(caller)
            for caller in callers[:20]: caller.recv(1)
            ' "$1/vm/control" || exit 99
            "$0" stop vm --store "$1" --timeout 1
            code=$?
            kill -TERM "$vm"
            wait "$vm"
            exit $code
            """
        let result = try await Command.shell(script, vm.store, "\(vm.directory.path)/console")
        #expect(result.exitCode == 53 && result.error.contains("power button"), "\(result.error)")
    }
}
