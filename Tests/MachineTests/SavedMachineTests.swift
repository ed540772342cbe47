// The state of a machine: everything in its list is in it, and another machine goes on from it.

import Devices
import Foundation
import Hypervisor
import PSCI
import TestSupport
import Testing

@testable import Machine

@Suite("The state of a machine")
struct SavedMachineTests {
    private let disk: TemporaryFile

    init() throws {
        disk = try TemporaryFile([UInt8](repeating: 0, count: 1 << 16))
    }

    /// A machine with everything that needs no network of the host's. Each takes the disk for reading, so that there
    /// can be two.
    private func makeMachine(cpuCount: Int = 2) throws -> VirtualMachine {
        var configuration = MachineConfiguration(kernel: "Image")
        configuration.memoryByteCount = 64 << 20
        configuration.cpuCount = cpuCount
        configuration.hardwareDescription = .acpi
        configuration.generationID = Array(0..<16)
        configuration.disks = [DiskConfiguration(path: disk.path, isReadOnly: true)]
        configuration.console = .virtio
        configuration.clock = .instructions
        return try VirtualMachine(configuration, events: MachineEvents())
    }

    /// SplitMix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    /// Gives every part of the machine another state than it has after it was made, mostly as a guest would.
    private func use(_ machine: VirtualMachine, seed: UInt64) {
        var random = Generator(state: seed)
        for made in machine.components {
            for device in made.devices {
                // A driver that is up, where that means anything: VERSION_1 and DRIVER_OK.
                for (offset, value) in [(0x70, 3), (0x24, 1), (0x20, 1), (0x70, 11), (0x70, 15)] as [(UInt64, UInt64)] {
                    device.write(offset: offset, size: 4, value: value, cpu: 0)
                }
                for _ in 0..<200 {
                    let offset = random.next() % 0x40 * 4
                    // Not the register that tells a virtio device to begin: its queues are anywhere.
                    guard offset != 0x70, offset != 0x44 else { continue }
                    device.write(offset: offset, size: 4, value: random.next() & 0xFFFF, cpu: 0)
                    _ = device.read(offset: offset, size: 4, cpu: 0)
                }
            }
        }
        _ = machine.press(.sleep)
        _ = machine.changeGenerationID(to: (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        machine.power.boot(entry: machine.configuration.ram.lowerBound, contextID: 1, isCold: true)
        _ = machine.cores[0].move(.woke)
        machine.firmware.coreStarted(0)
        for call in [
            CallRegisters(
                .cpuOn, .smc64, machine.power.topology.affinities[1].rawValue, machine.configuration.ram.lowerBound, 7),
            CallRegisters(.memProtect, .smc32, 1, 0, 0),
        ] { _ = machine.firmware.call(call, caller: 0) }
        for cpu in machine.cores.map(\.cpu) {
            for register in 0..<31 { cpu.setRegister(register, random.next()) }
            cpu.programCounter = random.next()
        }
    }

    /// What a guest reads of all devices, in one order.
    private func registers(_ machine: VirtualMachine) -> [UInt64] {
        machine.components.flatMap(\.devices).flatMap { device in
            stride(from: 0, to: 0x1000, by: 4).map { device.read(offset: $0, size: 4, cpu: 0) }
        }
    }

    @Test("Every component with registers has a state, and so have the firmware, each core and each CPU")
    func completeness() throws {
        let machine = try makeMachine()
        for (component, made) in zip(machine.configuration.components.all, machine.components) {
            #expect((made.state != nil) == !made.devices.isEmpty, "\(component.name)")
        }
        let names = machine.statefulParts.map(\.name)
        #expect(names.first == "gic", "the others interrupt it")
        #expect(Set(names).count == names.count)
        #expect(names.suffix(5) == ["psci", "core.0", "cpu.0", "core.1", "cpu.1"])
    }

    @Test(
        "A state is the same when it is taken twice, and as another machine has it that took it over", arguments: 1...3)
    func moved(seed: UInt64) throws {
        let machine = try makeMachine()
        use(machine, seed: seed)
        let saved = try machine.saveState()
        #expect(try machine.saveState() == saved)
        let other = try makeMachine()
        use(other, seed: seed + 100)
        let old = try other.saveState()
        for name in ["gic", "uart", "rtc", "cpu.0"] { #expect(old.parts[name] != saved.parts[name], "\(name)") }
        #expect(old.generationID != saved.generationID)
        try other.restoreState(saved)
        #expect(try other.saveState() == saved)
        #expect(registers(other) == registers(machine))
        #expect(other.dump() == machine.dump())
    }

    @Test("It is written down and read back without a difference")
    func written() throws {
        let machine = try makeMachine()
        use(machine, seed: 9)
        let saved = try machine.saveState()
        let bytes = try JSONEncoder().encode(saved)
        #expect(try JSONDecoder().decode(SavedMachine.self, from: bytes) == saved)
    }

    @Test("A core that was asked to start is asked in the other machine")
    func starts() throws {
        let machine = try makeMachine()
        use(machine, seed: 4)
        let other = try makeMachine()
        try other.restoreState(machine.saveState())
        let start = CoreStart(entry: machine.configuration.ram.lowerBound, contextID: 7)
        #expect(other.coreActivities == [.running, .starting(start)])
        let answer = other.firmware.call(
            CallRegisters(
                .cpuOn, .smc64, other.power.topology.affinities[1].rawValue, other.configuration.ram.lowerBound, 7),
            caller: 0)
        // ON_PENDING.
        #expect(Int64(bitPattern: answer.registers.x0) == -5)
    }

    @Test("One that lacks a part, has another one, or is of another configuration is refused")
    func otherParts() throws {
        let machine = try makeMachine()
        let saved = try machine.saveState()
        for name in saved.parts.keys {
            var state = saved
            state.parts[name] = nil
            #expect(throws: DeviceStateError.missing(name)) { try machine.restoreState(state) }
        }
        #expect(throws: DeviceStateError.unexpected("core.2")) {
            try machine.restoreState(makeMachine(cpuCount: 3).saveState())
        }
        var state = saved
        state.generationID = [1]
        #expect(throws: DeviceStateError.impossible("generationID")) { try machine.restoreState(state) }
    }

    @Test("One with nonsense in any part is refused, and no part has changed")
    func nonsense() throws {
        let machine = try makeMachine()
        use(machine, seed: 5)
        let before = try machine.saveState()
        let other = try makeMachine()
        use(other, seed: 6)
        let saved = try other.saveState()
        for (name, part) in machine.statefulParts {
            var kinds = saved
            kinds.parts[name]?.kind.name = "toaster"
            #expect(throws: DeviceStateError.kind("toaster", expected: try part.save().kind.name)) {
                try machine.restoreState(kinds)
            }
            var state = saved
            state.parts[name]?.fields.append(" ")
            #expect(throws: DeviceStateError.malformed(try part.save().kind.name)) { try machine.restoreState(state) }
            let fields = try #require(saved.parts[name]).fields
            let changes = StateText.changes(of: fields)
            var refused = 0
            // The first, the last, and a few in between.
            for change in stride(from: 0, to: changes.count, by: max(1, changes.count / 20)) {
                state.parts[name]?.fields = changes[change]
                do throws(DeviceStateError) {
                    try machine.restoreState(state)
                    try machine.restoreState(before)
                } catch { refused += 1 }
                #expect(try machine.saveState() == before, "\(name)")
            }
            #expect(changes.isEmpty || refused > 0, "\(name)")
        }
    }

    @Test(
        "What the firmware cannot have been asked is refused, with the field's name",
        arguments: [
            ("\"state\":2", "\"state\":1", "psci.coreNodes[1].state"),
            ("\"trustedOSCore\":0", "\"trustedOSCore\":2", "psci.trustedOSCore"),
        ])
    func firmware(old: String, new: String, field: String) throws {
        let machine = try makeMachine()
        use(machine, seed: 5)
        var saved = try machine.saveState()
        let fields = try #require(saved.parts["psci"]).fields
        saved.parts["psci"]?.fields = try #require(
            StateText.replacing(old, in: fields, by: new), "\(old) is not in \(fields)")
        #expect(throws: DeviceStateError.impossible(field)) { try machine.restoreState(saved) }
    }

    @Test("A core that would start outside of RAM, or is paused twice, is refused")
    func impossibleCore() throws {
        let machine = try makeMachine()
        let core = machine.cores[1]
        let kind = try core.save().kind
        let outside = CoreStart(entry: 0x1000, contextID: 0)
        for life in [
            CoreLife(activity: .starting(outside)), CoreLife(activity: .paused(.poweredDown(outside))),
            CoreLife(pendingStart: outside),
        ] {
            #expect(throws: DeviceStateError.impossible("start")) { try core.restore(DeviceState(kind, life)) }
        }
        #expect(throws: DeviceStateError.impossible("activity")) {
            try core.restore(DeviceState(kind, CoreLife(activity: .paused(.paused(.off)))))
        }
        #expect(core.activity == .off)
    }
}
