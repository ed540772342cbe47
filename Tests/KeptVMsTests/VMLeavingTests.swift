import Foundation
import Glibc
import Hibernation
import Machine
import Testing

@testable import KeptVMs

@Suite("A VM that gets another name, or goes")
struct VMLeavingTests {
    private func hibernate(_ vm: VM) throws {
        var state = try vm.state()
        state.hibernation = VMState.Slept(
            record: HibernationRecord(
                dormouse: "0", time: 1, call: .init(function: "SYSTEM_OFF2", functionID: "0x1", type: nil, core: 0),
                environment: Environment(["a": "b"]), generation: 1, counter: 1, disks: []),
            configuration: try vm.configuration())
        try vm.write(state)
    }

    @Test("Another name keeps everything, the hibernation too, and no copy is seen in it")
    func rename() throws {
        let test = try TestStore()
        let vm = try test.make("one")
        try hibernate(vm)
        let before = try vm.state()
        let renamed = try vm.rename(to: "two")
        #expect(try test.store.names() == ["two"])
        var after = try renamed.state()
        #expect(after.home == renamed.path && renamed.original(after) == nil)
        after.home = before.home
        #expect(after == before)
    }

    @Test("A name that is taken, or none, is refused, and both VMs stay")
    func taken() throws {
        let test = try TestStore()
        let vm = try test.make("one")
        _ = try test.make("two")
        for name in ["two", "one", "", "../three", ".two"] {
            #expect(throws: HostError.self, "\(name)") { try vm.rename(to: name) }
        }
        #expect(try test.store.names() == ["one", "two"])
    }

    @Test("A VM goes as a whole, but for its disks, and not while it has something that would be lost")
    func remove() throws {
        let test = try TestStore()
        let vm = try test.make("one")
        try hibernate(vm)
        #expect(throws: HostError.self) { try vm.remove(losing: false) }
        var state = try vm.state()
        state.hibernation = nil
        state.run = VMState.Run(
            environment: Environment(), configuration: try vm.configuration(), generation: 1, since: "1", counter: "1",
            resumed: nil)
        try vm.write(state)
        #expect(throws: HostError.self) { try vm.remove(losing: false) }
        #expect(try test.store.names() == ["one"])
        try vm.remove(losing: true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: test.store.path) == [])

        let other = try test.make("two")
        try other.remove(losing: false)
        #expect(try test.store.names() == [])
    }

    @Test("One that somebody has stays; one whose state is damaged goes if that is asked for")
    func heldAndDamaged() throws {
        let test = try TestStore()
        let vm = try test.make("one")
        do {
            let lock = try vm.lock()
            #expect(throws: HostError.self) { try vm.remove(losing: true) }
            #expect(throws: HostError.self) { try vm.rename(to: "two") }
            #expect(!vm.isFree(timeoutSeconds: 0))
            withExtendedLifetime(lock) {}
        }
        try "{".write(toFile: vm.statePath, atomically: true, encoding: .utf8)
        #expect(throws: HostError.self) { try vm.remove(losing: false) }
        try vm.remove(losing: true)
        #expect(try test.store.names() == [])
    }

    @Test("What a process left that was killed while it removed a VM goes when the next one is made")
    func interrupted() throws {
        let test = try TestStore()
        let vm = try test.make("one")
        let left = "\(test.store.path)/.one.1f.draft"
        #expect(Glibc.rename(vm.path, left) == 0)
        _ = try test.make("two")
        #expect(try FileManager.default.contentsOfDirectory(atPath: test.store.path) == ["two"])
    }
}
