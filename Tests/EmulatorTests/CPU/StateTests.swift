// A CPU's state is taken, and another CPU goes on with it.

import Hypervisor
import TestSupport
import Testing

@testable import Arm64
@testable import Emulator

@Suite("A CPU's state", EveryEngine())
struct StateTests {
    private typealias Layout = SystemMachine.Layout

    // MARK: System registers

    /// MRS x0, `register` and MSR `register`, x0.
    private func mrs(_ register: SystemRegister) -> A64 { .word(0xD520_0000 | UInt32(register.rawValue) << 5) }
    private func msr(_ register: SystemRegister) -> A64 { .word(0xD500_0000 | UInt32(register.rawValue) << 5) }

    private static let candidates: [SystemRegister] =
        SystemRegister.names.keys.sorted { $0.rawValue < $1.rawValue }
        + (0..<16).flatMap { [.dbgbvrEL1($0), .dbgbcrEL1($0), .dbgwvrEL1($0), .dbgwcrEL1($0)] }

    /// Registers that say what time it is, or another thing each time.
    private static let changing: Set<SystemRegister> = [
        .cntpctEL0, .cntvctEL0, .cntpTVALEL0, .cntvTVALEL0, .rndr, .rndrrs,
    ]

    /// Those of `candidates` that `access` can be made to at EL1.
    private func accessible(_ access: (SystemRegister) -> A64, on model: CPUModel) throws -> [SystemRegister] {
        let machine = try SystemMachine(model: model)
        return try Self.candidates.filter {
            try machine.reset()
            return try machine.run([access($0), .hvc(1)], [.x0: 0]) == .call(1)
        }
    }

    /// What a test may write to a register without losing the ground under its feet.
    private func harmless(_ value: UInt64, for register: SystemRegister) -> UInt64 {
        switch register {
        // Neither MMU, nor steps, nor FPCR and SP_EL0 out of reach.
        case .sctlrEL1: value & ~SCTLRBit.m
        case .mdscrEL1: value & ~1
        case .cpacrEL1: value | 3 << 20
        case .spSel: 1
        default: value
        }
    }

    /// Runs `code` at EL1h as it is, without a detour that would change a register.
    private func execute(_ code: [A64], on machine: SystemMachine) throws {
        machine.load(code + [.hvc(1)], at: Layout.code)
        machine.cpu.programCounter = Layout.code
        var exit = Exit.budgetExhausted
        while exit == .budgetExhausted { exit = machine.cpu.run(budget: 10_000) }
        try #require(exit == .hypercall(immediate: 1))
    }

    /// The values of `registers`, in their order. Changes x0 and x26.
    private func read(_ registers: [SystemRegister], on machine: SystemMachine) throws -> [UInt64] {
        machine.cpu.setRegister(26, Layout.data)
        try execute(registers.flatMap { [mrs($0), .strPost(.x0, .x26, 8)] }, on: machine)
        return registers.indices.map { machine.word(at: Layout.data + UInt64($0) * 8) }
    }

    @Test(
        "Every register that can be written has its value in the CPU that takes the state over", arguments: 1...3,
        CPUModel.all.map(\.name))
    func everyRegister(seed: UInt64, name: String) throws {
        let model = try #require(CPUModel.named(name))
        let writable = try accessible(msr, on: model)
        let readable = try accessible(mrs, on: model).filter { !Self.changing.contains($0) }
        #expect(writable.count > 60)
        var random = SeededGenerator(seed: seed)
        let machine = try SystemMachine(model: model)
        let fresh = try read(readable, on: machine)
        for register in writable {
            machine.cpu.setRegister(0, harmless(random.next(), for: register))
            try execute([msr(register)], on: machine)
        }
        let state = try machine.cpu.save()
        let expected = try read(readable, on: machine)
        // Or there would be nothing to see: all that is kept has another value than after reset.
        let changed = zip(fresh, expected).filter { $0 != $1 }.count
        #expect(changed > 20)

        let other = try SystemMachine(model: model)
        other.clock.skip(to: machine.clock.counter)
        try other.cpu.restore(state)
        #expect(try other.cpu.save() == state)
        let found = try read(readable, on: other)
        for (register, values) in zip(readable, zip(found, expected)) where values.0 != values.1 {
            Issue.record("\(register): \(values.0) instead of \(values.1)")
        }
    }

    @Test("Every field of the system state is in the list of what is saved, or is saved in another way")
    func completeness() {
        // The stack pointers, PSTATE and the monitor have fields of their own in a state.
        let others: Set = [
            "pstate", "spEL0", "spEL1", "exclusiveAddress", "exclusiveSize", "exclusiveLow", "exclusiveHigh",
        ]
        let labels = Mirror(reflecting: SystemState()).children.compactMap(\.label)
        let offsets = labels.enumerated().filter { !others.contains($0.element) }
            .map { CPUState.Offset.system + 8 * $0.offset }
        #expect(KeptRegister.all.map(\.offset).sorted() == offsets)
        #expect(Set(KeptRegister.all.map(\.register.name)).count == offsets.count)
    }

    @Test("The state of a CPU has no register that its model lacks")
    func lackingRegisters() throws {
        #expect(KeptRegister.all(of: .dormouse1).map(\.register).contains(.disrEL1) == false)
        #expect(KeptRegister.all(of: .dormouse2).count == KeptRegister.all.count)
        let state = try SystemMachine(model: .dormouse2).cpu.save()
        #expect(throws: DeviceStateError.self) { try SystemMachine().cpu.restore(state) }
    }

    // MARK: The rest

    @Test(
        "General and vector registers, stack pointers, flags and PC are taken over",
        arguments: [Mode.el0t, .el1t, .el1h])
    func registers(mode: Mode) throws {
        var random = SeededGenerator(seed: 5)
        let machine = try SystemMachine()
        let cpu = machine.cpu
        for register in 0..<31 { cpu.setRegister(register, random.next()) }
        for register in UInt8(0)..<32 { cpu.state.setQ(register, SIMD2(random.next(), random.next())) }
        cpu.programCounter = random.next()
        cpu.pstate = PSTATE(rawValue: mode.rawValue | PSTATEBit.n | PSTATEBit.c | PSTATEBit.pan | PSTATEBit.i)
        cpu.state.x[31] = 0x1111_1110
        cpu.state.system.pointee.spEL0 = mode == .el1h ? 0x2222_2220 : 0
        cpu.state.system.pointee.spEL1 = mode == .el1h ? 0 : 0x3333_3330
        let state = try cpu.save()
        let other = try SystemMachine().cpu
        // It is not what it was made as.
        other.pstate = PSTATE(rawValue: Mode.el1t.rawValue)
        try other.restore(state)
        for register in 0..<31 { #expect(other.register(register) == cpu.register(register)) }
        for register in UInt8(0)..<32 { #expect(other.state.q(register) == cpu.state.q(register)) }
        #expect(other.programCounter == cpu.programCounter)
        #expect(other.pstate == cpu.pstate)
        #expect(other.state.x[31] == 0x1111_1110)
        // The one that is not in use comes when the mode changes.
        other.pstate = PSTATE(rawValue: mode == .el1h ? Mode.el1t.rawValue : Mode.el1h.rawValue)
        #expect(other.state.x[31] == (mode == .el1h ? 0x2222_2220 : 0x3333_3330))
    }

    @Test("A store-exclusive after the move succeeds as before it, and fails if memory has changed")
    func monitor() throws {
        for isChanged in [false, true] {
            let machine = try SystemMachine()
            // LDXR x1, [x2]
            try execute([.word(0xC85F_7C41)], with: [2: Layout.data], on: machine)
            let state = try machine.cpu.save()
            let other = try SystemMachine()
            if isChanged { other.memory.store(UInt64(1), at: Layout.data) }
            try other.cpu.restore(state)
            // STXR w3, x4, [x2]
            try execute([.word(0xC803_7C44)], with: [4: 77], on: other)
            #expect(other.x(3) == (isChanged ? 1 : 0))
            #expect(other.word(at: Layout.data) == (isChanged ? 1 : 77))
        }
    }

    private func execute(_ code: [A64], with registers: [Int: UInt64], on machine: SystemMachine) throws {
        for (register, value) in registers { machine.cpu.setRegister(register, value) }
        try execute(code, on: machine)
    }

    @Test("An event that was sent is there for the next WFE, and one that was not is not")
    func event() throws {
        for isSent in [false, true] {
            let machine = try SystemMachine()
            // SEVL, or CLREX for something to do.
            try execute([.word(isSent ? 0xD503_20BF : 0xD503_3F5F)], on: machine)
            let other = try SystemMachine()
            try other.cpu.restore(machine.cpu.save())
            other.load([.wfe, .hvc(2)], at: Layout.code)
            other.cpu.programCounter = Layout.code
            let exit = other.cpu.run(budget: 100)
            #expect(exit == (isSent ? .hypercall(immediate: 2) : .waitForEvent(deadline: nil)))
        }
    }

    @Test("A timer that is due asserts its wire at the new CPU, and one that is not does so when it is")
    func timers() throws {
        let machine = try SystemMachine(timersInterrupt: true)
        try machine.set(.cntvCVALEL0, 1_000_000)
        try machine.set(.cntvCTLEL0, 1)
        let state = try machine.cpu.save()
        for (counter, isDue) in [(1_000_000, true), (500_000, false)] as [(UInt64, Bool)] {
            let other = try SystemMachine(timersInterrupt: true)
            other.clock.skip(to: counter)
            #expect(!other.cpu.hasPendingInterrupt)
            try other.cpu.restore(state)
            #expect(other.cpu.hasPendingInterrupt == isDue)
            #expect(other.cpu.nextTimerDeadline == (isDue ? nil : 1_000_000))
        }
    }

    @Test("A CPU that has cached a translation looks it up again after it took a state over")
    func translations() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Layout.free, to: Layout.data, .data)
        machine.memory.store(UInt64(1), at: Layout.data)
        machine.memory.store(UInt64(2), at: Layout.userData)
        let load: [A64] = [.ldr(.x1, .x2)]
        try execute(load, with: [2: Layout.free], on: machine)
        #expect(machine.x(1) == 1)
        let state = try machine.cpu.save()
        // As RAM would be put back: no TLBI of the guest's.
        tables.map(Layout.free, to: Layout.userData, .data)
        try machine.cpu.restore(state)
        try execute(load, on: machine)
        #expect(machine.x(1) == 2)
    }

    // MARK: What is refused

    @Test(
        "What no guest can bring a CPU to is refused, with the field's name",
        arguments: [
            ("\"pstate\":965", "\"pstate\":969", "pstate"),
            ("\"pstate\":965", "\"pstate\":2147484617", "pstate"),
            ("\"pstate\":965", "\"pstate\":17180869189", "pstate"),
            ("\"fpcr\":0", "\"fpcr\":1", "fpcr"),
            ("\"fpsr\":0", "\"fpsr\":32", "fpsr"),
            ("\"model\":\"dormouse-1\"", "\"model\":\"dormouse-2\"", "model"),
            ("\"x\":[0,", "\"x\":[", "x"),
            ("\"v\":[0,", "\"v\":[", "v"),
            ("\"sp\":[0,", "\"sp\":[0,0,", "sp"),
            ("\"VBAR_EL1\":1073741824", "\"VBAR_EL1\":1073741825", "system.VBAR_EL1"),
            (",\"VBAR_EL1\":1073741824", "", "system.VBAR_EL1"),
            ("\"ACTLR_EL1\":0", "\"ACTLR_EL1\":1", "system.ACTLR_EL1"),
            ("\"CNTV_CTL_EL0\":0", "\"CNTV_CTL_EL0\":4", "system.CNTV_CTL_EL0"),
            ("\"OSLAR_EL1\":0", "\"OSLAR_EL1\":2", "system.OSLAR_EL1"),
            ("\"VBAR_EL1\":", "\"VBAR_EL9\":0,\"VBAR_EL1\":", "system"),
            ("\"monitor\":{\"address\":1073938432", "\"monitor\":{\"address\":1073938433", "monitor"),
            ("\"monitor\":{\"address\":1073938432", "\"monitor\":{\"address\":0", "monitor"),
            ("\"byteCount\":8", "\"byteCount\":3", "monitor"),
        ])
    func nonsense(old: String, new: String, field: String) throws {
        let machine = try SystemMachine()
        try execute([.word(0xC85F_7C41)], with: [2: Layout.data], on: machine)
        for register in [1, 2, 0, 26] { machine.cpu.setRegister(register, 0) }
        let before = try machine.cpu.save()
        var state = before
        state.fields = try #require(
            StateText.replacing(old, in: state.fields, by: new), "\(old) is not in \(state.fields)")
        // Another order of names would not be canonical, which is an error of its own.
        let error = #expect(throws: DeviceStateError.self) { try machine.cpu.restore(state) }
        #expect(error == .impossible(field) || error == .malformed("arm64-cpu") && field == "system")
        #expect(try machine.cpu.save() == before)
    }

    @Test("A state with any number changed is refused and changes nothing, or is taken as it is")
    func changed() throws {
        let machine = try SystemMachine()
        let before = try machine.cpu.save()
        var refused = 0
        for fields in StateText.changes(of: before.fields) {
            var state = before
            state.fields = fields
            do throws(DeviceStateError) {
                try machine.cpu.restore(state)
            } catch {
                refused += 1
                #expect(try machine.cpu.save() == before, "\(error)")
                continue
            }
            #expect(try machine.cpu.save().fields == fields)
            try machine.cpu.restore(before)
        }
        #expect(refused > 100)
    }
}
