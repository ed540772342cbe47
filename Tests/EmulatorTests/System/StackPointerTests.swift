// The stack pointers: which one is in use, and their alignment. DDI 0487, D1.2.2 and D1.3.10.2.

import Emulator
import Hypervisor
import Testing

@Suite("Stack pointers", .everyEngine)
struct StackPointerTests {
    @Test("EL0 and EL1t use SP_EL0, EL1h uses SP_EL1", arguments: Mode.allCases)
    func banks(mode: Mode) throws {
        let machine = try SystemMachine()
        try machine.set(.spEL0, 0x1110)
        try machine.setStackPointer(0x2220)
        _ = try machine.run([.movFromSP(.x1), .add(.sp, .sp, 0x100), .svc(0)], as: mode)
        #expect(machine.x(1) == (mode == .el1h ? 0x2220 : 0x1110))
        // The exception went to EL1h: SP_EL0 is to be read as a register, SP_EL1 is SP.
        #expect(try machine.get(.spEL0) == (mode == .el1h ? 0x1110 : 0x1210))
        _ = try machine.run([.movFromSP(.x2), .hvc(0)])
        #expect(machine.x(2) == (mode == .el1h ? 0x2320 : 0x2220))
    }

    @Test("SPSel switches between the two, by immediate and by register")
    func spSel() throws {
        let machine = try SystemMachine()
        try machine.set(.spEL0, 0x1110)
        try machine.setStackPointer(0x2220)
        let stop = try machine.run(
            [
                .movFromSP(.x1), .msrSPSel(0), .movFromSP(.x2), .mrs(.x3, .spSel), .add(.sp, .sp, 0x10),
                .msr(.spSel, .x9), .movFromSP(.x4), .mrs(.x5, .spEL0), .hvc(1),
            ], [.x9: 1])
        #expect(stop == .call(1))
        #expect([1, 2, 3, 4, 5].map { machine.x($0) } == [0x2220, 0x1110, 0, 0x2220, 0x1120])
    }

    /// Which bit of SCTLR_EL1 checks SP at `mode`.
    private func check(_ mode: Mode) -> UInt64 { mode == .el0t ? SCTLRBit.sa0 : SCTLRBit.sa }

    /// Accesses by SP, of which none is an unaligned access itself when SP is an odd multiple of 8.
    static let accesses: [A64] = [
        .ldr(.x1, .sp), .str(.x1, .sp, 16), .ldp(.x1, .x2, .sp), .stpPre(.x1, .x2, .sp, -16), .ldtr(.x1, .sp),
        .ldxr(.x1, .sp), .stlr(.x1, .sp), .ldadd(.x1, .x2, .sp), .ldr(q: 0, .sp),
    ]

    @Test("An access by a misaligned SP faults when that is checked, and changes nothing", arguments: Mode.allCases)
    func misaligned(mode: Mode) throws {
        let (machine, _) = try SystemMachine.withMMU()
        try machine.set(.cpacrEL1, 3 << 20)
        // For both exception levels, so that LDTR may read it too.
        let data = SystemMachine.Layout.userData
        let sp = data + 0x108
        for instruction in Self.accesses {
            for isChecked in [true, false] {
                // The other exception level's check must not matter.
                try machine.control(
                    set: isChecked ? check(mode) : SCTLRBit.sa ^ SCTLRBit.sa0 ^ check(mode),
                    clear: SCTLRBit.sa | SCTLRBit.sa0)
                for offset: UInt64 in [0xF0, 0xF8, 0x100, 0x108, 0x110, 0x118] {
                    machine.memory.store(UInt64(0), at: data + offset)
                }
                let stop = try machine.run(
                    [.movToSP(.x3), .nop, instruction, .movFromSP(.x4), .movz(.x3, 0), .movToSP(.x3), .svc(9)],
                    as: mode, [.x1: 0xAB, .x2: 0xCD, .x3: sp, .x4: 0])
                let taken = try #require(stop.exception)
                let isStore = [0xF0, 0xF8, 0x100, 0x108, 0x110, 0x118].contains { machine.word(at: data + $0) != 0 }
                if isChecked {
                    #expect(taken.esr == esr(ExceptionClass.spAlignment), "\(String(instruction.word, radix: 16))")
                    #expect(taken.elr == SystemMachine.codeAddress(mode) + 8)
                    #expect(machine.x(1) == 0xAB)
                    #expect(machine.x(2) == 0xCD)
                    #expect(!isStore)
                } else {
                    #expect(taken.esr == esr(ExceptionClass.svc, 9), "\(String(instruction.word, radix: 16))")
                }
            }
        }
    }

    @Test("A stack pointer that becomes misaligned and aligned again in straight code is checked as it is")
    func changingAlignment() throws {
        let (machine, _) = try SystemMachine.withMMU(sctlr: SCTLRBit.sa)
        let data = SystemMachine.Layout.data
        machine.memory.store(UInt64(0x1234), at: data + 0x108)
        let stop = try machine.run(
            [
                .movToSP(.x3), .ldr(.x1, .sp), .sub(.sp, .sp, 8), .movFromSP(.x4), .ldr(.x5, .x4), .add(.sp, .sp, 8),
                .ldr(.x2, .sp), .sub(.sp, .sp, 8), .ldr(.x1, .sp), .hvc(1),
            ], [.x3: data + 0x110, .x1: 0])
        let taken = try #require(stop.exception)
        #expect(taken.esr == esr(ExceptionClass.spAlignment))
        #expect(taken.elr == SystemMachine.Layout.code + 8 * 4)
        #expect(machine.x(5) == 0x1234)
    }

    @Test("A prefetch by a misaligned SP does not fault")
    func prefetch() throws {
        // C6.2, PRFM (immediate): CheckSPAlignment is not for prefetches.
        let (machine, _) = try SystemMachine.withMMU(sctlr: SCTLRBit.sa)
        let stop = try machine.run(
            [
                .movToSP(.x3),
                .word(0xF980_03E0),  // prfm pldl1keep, [sp]
                .hvc(1),
            ], [.x3: SystemMachine.Layout.data + 8])
        #expect(stop == .call(1))
    }
}
