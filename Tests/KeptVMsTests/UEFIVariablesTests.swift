// What UEFI remembers of a kept VM, and the firmware that a hibernated guest is to find again.

import FoundationEssentials
import Glibc
import Hibernation
import Machine
import TestSupport
import Testing

@testable import KeptVMs

@Suite("A kept VM's UEFI")
struct UEFIVariablesTests {
    /// 8 KiB that look like firmware, with a byte to tell one from another.
    private static func volume(_ offset: Int, _ byte: UInt8 = 0x11) -> [UInt8] {
        var bytes = [UInt8](repeating: byte, count: 0x2000)
        bytes.replaceSubrange(offset..<offset + 4, with: Array("_FVH".utf8))
        return bytes
    }

    private static func configuration(_ code: String) -> VMConfiguration {
        var machine = MachineConfiguration(kernel: nil, model: .virt2)
        machine.uefi = UEFIConfiguration(code: code)
        machine.hardwareDescription = .acpi
        return VMConfiguration(machine, hibernation: .init())
    }

    @Test("It has variables of its own from its making on, and a copy gets a copy of them")
    func variables() throws {
        let test = try TestStore()
        let code = try TemporaryFile(Self.volume(0x28))
        let template = try TemporaryFile(Self.volume(0x28, 0x22))
        let vm = try test.store.create("vm", Self.configuration(code.path), variables: template.path)
        let made = try #require(FileManager.default.contents(atPath: vm.variablesPath))
        #expect(made.count == 64 << 20 && Array(made.prefix(0x2000)) == Self.volume(0x28, 0x22))
        #expect(made[0x2000] == 0)
        let plan = try StartPlan(vm, request: StartRequest(), now: 1)
        #expect(plan.machine.uefi?.variables == vm.variablesPath)

        let handle = try #require(fopen(vm.variablesPath, "r+"))
        fseek(handle, 0x100, SEEK_SET)
        fputc(0x77, handle)
        fclose(handle)
        let copy = try test.store.copy(vm, to: "copy", disks: .made([])).vm
        #expect(copy.variablesPath != vm.variablesPath)
        #expect(FileManager.default.contents(atPath: copy.variablesPath)?[0x100] == 0x77)
    }

    @Test("What has no variables to begin with is refused, and no VM is made")
    func refused() throws {
        let test = try TestStore()
        let code = try TemporaryFile(Self.volume(0x28))
        let other = try TemporaryFile([1, 2, 3])
        #expect(throws: HostError.self) {
            try test.store.create("vm", Self.configuration(code.path), variables: other.path)
        }
        #expect(try test.store.names() == [])
    }

    @Test("The firmware that a guest hibernated with is kept, and loaded from its copy")
    func kept() throws {
        let test = try TestStore()
        let code = try TemporaryFile(Self.volume(0x28))
        let vm = try test.store.create("vm", Self.configuration(code.path))
        let plan = try StartPlan(vm, request: StartRequest(), now: 1, keepsFiles: true)
        let digest = Fingerprint(of: Self.volume(0x28))
        #expect(plan.environment["uefi.sha256"] == "\(digest)")
        let copy = try #require(plan.machine.uefi?.codeCopy)
        #expect(copy == KeptFiles(vm).path(digest))
        #expect(FileManager.default.contents(atPath: copy).map(Array.init) == Self.volume(0x28))
        // Another one is put in its place, and the record asks for the first.
        var state = try vm.state()
        state.hibernation = VMState.Slept(
            record: HibernationRecord(
                dormouse: "0", time: 1, call: .init(function: "F", functionID: "0x1", type: nil, core: 0),
                environment: plan.environment, generation: 1, counter: 1, disks: []),
            configuration: try vm.configuration())
        #expect(state.neededFiles == [digest])
        try vm.write(state)
        try Data(Self.volume(0x28, 0x33)).write(to: URL(filePath: code.path))
        var request = StartRequest()
        request.onChange = .keep
        let again = try StartPlan(vm, request: request, now: 2, keepsFiles: true)
        #expect(again.decision.resumes, "\(again.decision)")
        #expect(again.machine.uefi?.code == copy && again.machine.uefi?.variables == vm.variablesPath)
        #expect(again.environment == plan.environment)
    }
}
