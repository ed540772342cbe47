import Foundation
import Hibernation
import HostSupport
import Machine
import Synchronization
import Testing

@testable import KeptVMs

@Suite("VM store")
struct VMStoreTests {
    @Test("A VM that was made is found, with its configuration and a state of its own")
    func create() throws {
        let test = try TestStore()
        let vm = try test.make("demo-1")
        #expect(try test.store.names() == ["demo-1"])
        #expect(try test.store.vm("demo-1").configuration() == vm.configuration())
        let state = try vm.state()
        #expect(state.identity.count == 32)
        #expect(try test.make("demo-2").state().identity != state.identity)
    }

    @Test("Where VMs are follows the XDG base directory specification, and without HOME the user database")
    func place() throws {
        let home: @Sendable () -> String? = { "/users/7" }
        for (environment, path) in [
            (["DORMOUSE_STORE": "/s", "XDG_DATA_HOME": "/x", "HOME": "/h"], "/s"),
            (["XDG_DATA_HOME": "/x", "HOME": "/h"], "/x/dormouse/vms"),
            // Paths that are not absolute are to be ignored, and so are empty ones.
            (["XDG_DATA_HOME": "x", "HOME": "/h"], "/h/.local/share/dormouse/vms"),
            (["XDG_DATA_HOME": "", "HOME": "/h"], "/h/.local/share/dormouse/vms"),
            (["HOME": ""], "/users/7/.local/share/dormouse/vms"), ([:], "/users/7/.local/share/dormouse/vms"),
        ] as [([String: String], String)] {
            #expect(try VMStore.named(by: { environment[$0] }, homeOfUser: home).path == path, "\(environment)")
        }
        let error = #expect(throws: HostError.self) { try VMStore.named(by: { _ in nil }, homeOfUser: { nil }) }
        #expect(error?.isHosts == false)
    }

    @Test(
        "Storage that is full, and a process without descriptors, are the host's fault, and a wrong path is the user's")
    func faults() {
        for (code, isHosts) in [
            (ENOSPC, true), (EDQUOT, true), (EIO, true), (EMFILE, true), (ENOENT, false), (EACCES, false),
            (ENOTDIR, false),
        ] {
            #expect(HostError.file(path: "a", operation: "write", reason: String(errno: code)).isHosts == isHosts)
        }
    }

    @Test("A name is taken once")
    func twice() throws {
        let test = try TestStore()
        _ = try test.make()
        #expect(throws: HostError.self) { try test.make() }
    }

    @Test("A name that could be another file is none", arguments: ["", "..", ".a", "a/b", "-a", "a b", "ä", "a\n"])
    func names(name: String) throws {
        let test = try TestStore()
        #expect(throws: HostError.self) { try test.make(name) }
        #expect(throws: HostError.self) { try test.store.vm(name) }
    }

    /// The rights of what is at `path`.
    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test("A VM is its owner's alone, and one that was not becomes so when it is used")
    func privacy() throws {
        let test = try TestStore()
        let vm = try VMStore(path: "\(test.store.path)/a/b").create(
            "vm", VMConfiguration(MachineConfiguration(kernel: "/k"), hibernation: .init()))
        for path in [vm.path, "\(test.store.path)/a/b", "\(test.store.path)/a"] { #expect(mode(path) == 0o700) }
        for path in [vm.statePath, vm.configurationPath] { #expect(mode(path) == 0o600) }
        // As an earlier version made it, or a copy.
        let kept = KeptFiles(vm).directory
        mkdir(kept, 0o755)
        try DurableFile.write([1], to: "\(kept)/file")
        try DurableFile.write([1], to: "\(test.store.path)/elsewhere")
        symlink("\(test.store.path)/elsewhere", "\(vm.path)/link")
        for path in [vm.path, kept] { chmod(path, 0o755) }
        for path in [vm.statePath, vm.configurationPath, "\(kept)/file", "\(test.store.path)/elsewhere"] {
            chmod(path, 0o644)
        }
        withExtendedLifetime(try vm.lock()) {}
        for path in [vm.path, kept] { #expect(mode(path) == 0o700) }
        for path in [vm.statePath, vm.configurationPath, "\(kept)/file"] { #expect(mode(path) == 0o600) }
        #expect(mode("\(test.store.path)/elsewhere") == 0o644)
    }

    @Test("What killed processes left is removed by whoever has the lock, and nothing else is")
    func leftovers() throws {
        let test = try TestStore()
        let vm = try test.make()
        let kept = KeptFiles(vm).directory
        mkdir(kept, 0o700)
        let left = [
            "\(vm.path)/state.json.123.tmp", "\(vm.path)/.dormouse-abc.tmp", "\(kept)/0123.99.tmp",
            "\(kept)/.dormouse-1.tmp",
        ]
        let own = ["\(vm.path)/notes.tmp", "\(vm.path)/vm.toml.bak"]
        for path in left + own { try DurableFile.write([1], to: path) }
        // No process has this number: it is larger than Linux gives any.
        let drafts = [".other.4194305", ".other.abc.draft"].map { "\(test.store.path)/\($0)" }
        let others = [".git", ".other.\(getpid())"].map { "\(test.store.path)/\($0)" }
        for path in drafts + others { mkdir(path, 0o700) }
        let held = try VMDraft(of: "held", in: test.store.path)
        withExtendedLifetime(try vm.lock()) {}
        _ = try test.make("another")
        for path in left + drafts { #expect(access(path, F_OK) != 0, "\(path)") }
        for path in own + others + [held.vm.path] { #expect(access(path, F_OK) == 0, "\(path)") }
    }

    @Test("Two cannot have a VM at once")
    func lock() throws {
        let test = try TestStore()
        let vm = try test.make()
        var first: VMLock? = try vm.lock()
        let error = #expect(throws: HostError.self) { try vm.lock() }
        #expect(error?.description.contains("process \(getpid())") == true)
        #expect(vm.user == "\(getpid())")
        withExtendedLifetime(first) {}
        first = nil
        #expect(vm.user == nil)
        _ = try vm.lock()
    }

    @Test("Whoever looks whether a VM runs takes no lock and makes no file: a start beside it is not refused")
    func looking() throws {
        let test = try TestStore()
        let vm = try test.make()
        #expect(vm.user == nil)
        #expect(access(vm.lockPath, F_OK) != 0)
        let isDone = Atomic(false)
        let looks = Atomic(0)
        let looker = Thread {
            while !isDone.load(ordering: .acquiring) {
                _ = vm.user
                looks.add(1, ordering: .relaxed)
            }
        }
        looker.start()
        defer {
            isDone.store(true, ordering: .releasing)
            while !looker.isFinished { sched_yield() }
        }
        var starts = 0
        while starts < 2000 || looks.load(ordering: .relaxed) < 2000 {
            withExtendedLifetime(try vm.lock()) {}
            starts += 1
        }
    }

    @Test("A VM that an earlier version runs is not started beside it")
    func earlierLock() throws {
        let test = try TestStore()
        let vm = try test.make()
        // The only kind of lock that it knew.
        let descriptor = open(vm.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        #expect(throws: HostError.self) { try vm.lock() }
    }

    @Test("A state that Dormouse did not write is an error", arguments: ["", "{}", "{\"schema\":99}", "\u{0}\u{1}"])
    func damaged(text: String) throws {
        let test = try TestStore()
        let vm = try test.make()
        try DurableFile.write(Array(text.utf8), to: vm.statePath)
        #expect(throws: HostError.self) { try vm.state() }
    }

    @Test("Random damage of a state is an error or another state, and never a trap")
    func fuzz() throws {
        let test = try TestStore()
        let vm = try test.make()
        var state = try vm.state()
        state.run = VMState.Run(
            environment: Environment(["a": "b"]), configuration: try vm.configuration(), generation: 1, since: "1",
            counter: "1", resumed: nil)
        state.hibernation = VMState.Slept(
            record: HibernationRecord(
                dormouse: "0", time: 1, call: .init(function: "F", functionID: "0x1", type: nil, core: 0),
                environment: Environment(["a": "b"]), generation: 1, counter: 1, disks: []),
            configuration: try vm.configuration())
        try vm.write(state)
        let file = try #require(fopen(vm.statePath, "r"))
        var original = [UInt8](repeating: 0, count: 1 << 16)
        original.removeLast(original.count - fread(&original, 1, original.count, file))
        fclose(file)
        var readable = 0
        for seed in 0..<2000 as Range<UInt64> {
            var generator = SplitMix(state: seed)
            var bytes = original
            for _ in 0..<Int.random(in: 1...8, using: &generator) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes = Array(bytes.prefix(index + 1))
                }
            }
            try DurableFile.write(bytes, to: vm.statePath)
            if let state = try? vm.state(), let record = state.hibernation?.record {
                readable += 1
                _ = StartDecision(
                    record: record, generation: state.generation, environment: Environment(), disks: nil,
                    policy: StartPolicy(), now: 1)
                var machine = MachineConfiguration(kernel: "/kernel")
                machine.initialCounter = record.counterValue
                machine.initialCounterTime = record.timeNanoseconds
                _ = machine.counter(at: .max)
            }
        }
        #expect(readable > 0)
    }
}

/// A generator that can be started again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
