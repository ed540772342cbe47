// What EL1 can keep EL0 from: SCTLR_EL1, CNTKCTL_EL1 and CPACR_EL1 (DDI 0487, D1.3.7 and ESR_EL1).

import Emulator
import Hypervisor
import Testing

@Suite("Traps of EL0", .everyEngine)
struct EL0TrapTests {
    /// ISS of exception class 0x18: the fields of the instruction itself.
    private func iss(of instruction: A64) -> UInt64 {
        let word = UInt64(instruction.word)
        func bits(_ high: UInt64, _ low: UInt64) -> UInt64 { word >> low & (1 << (high - low + 1) - 1) }
        let operation = bits(20, 19) << 20 | bits(7, 5) << 17 | bits(18, 16) << 14 | bits(15, 12) << 10
        return operation | bits(4, 0) << 5 | bits(11, 8) << 1 | bits(21, 21)
    }

    private func expect(_ instruction: A64, isTrapped: Bool, _ machine: SystemMachine, x3: UInt64 = 0) throws {
        let stop = try machine.run([.nop, instruction, .svc(5)], as: .el0t, flags: 0, [.x3: x3])
        let taken = try #require(stop.exception)
        let text = "\(String(instruction.word, radix: 16))"
        #expect(taken.vector == Mode.el0t.synchronousVector)
        if isTrapped {
            #expect(taken.esr == esr(ExceptionClass.systemRegister, iss(of: instruction)), "\(text)")
            #expect(taken.elr == SystemMachine.Layout.userCode + 4, "\(text)")
        } else {
            #expect(taken.esr == esr(ExceptionClass.svc, 5), "\(text)")
        }
    }

    static let controls: [(A64, UInt64)] = [
        (.mrs(.x3, .ctrEL0), SCTLRBit.uct),
        (.mrs(.x3, .daif), SCTLRBit.uma),
        (.msr(.daif, .x3), SCTLRBit.uma),
        (.msrDAIFSet(0b0010), SCTLRBit.uma),
        (.msrDAIFClr(0b1101), SCTLRBit.uma),
        (.sys(.dcZVA, .x3), SCTLRBit.dze),
        (.sys(.dcCVAU, .x3), SCTLRBit.uci),
        (.sys(.dcCIVAC, .x3), SCTLRBit.uci),
        (.sys(.icIVAU, .x3), SCTLRBit.uci),
    ]

    @Test(
        "A bit of SCTLR_EL1 that is clear traps EL0, with the instruction in the syndrome",
        arguments: 0..<controls.count)
    func systemControl(index: Int) throws {
        let (instruction, bit) = Self.controls[index]
        let (machine, _) = try SystemMachine.withMMU()
        let all = SCTLRBit.uct | SCTLRBit.uma | SCTLRBit.dze | SCTLRBit.uci
        try machine.control(set: all & ~bit, clear: all)
        try expect(instruction, isTrapped: true, machine, x3: SystemMachine.Layout.userData)
        try machine.control(set: bit, clear: all)
        try expect(instruction, isTrapped: false, machine, x3: SystemMachine.Layout.userData)
    }

    @Test("With UMA set EL0 changes its own interrupt masks")
    func userMasks() throws {
        let machine = try SystemMachine()
        try machine.control(set: SCTLRBit.uma)
        let taken = try #require(
            try machine.run([.msrDAIFSet(0b1011), .msrDAIFClr(0b1000), .mrs(.x1, .daif), .svc(0)], as: .el0t, flags: 0)
                .exception)
        #expect(taken.spsr == PSTATEBit.i | PSTATEBit.f)
        #expect(machine.x(1) == PSTATEBit.i | PSTATEBit.f)
    }

    static let counters: [(A64, UInt64)] = [
        (.mrs(.x3, .cntpctEL0), 1 << 0),
        (.mrs(.x3, .cntvctEL0), 1 << 1),
        (.mrs(.x3, .cntvCTLEL0), 1 << 8),
        (.msr(.cntvCTLEL0, .x3), 1 << 8),
        (.mrs(.x3, .cntvCVALEL0), 1 << 8),
        (.msr(.cntvTVALEL0, .x3), 1 << 8),
        (.mrs(.x3, .cntpCTLEL0), 1 << 9),
        (.msr(.cntpCVALEL0, .x3), 1 << 9),
    ]

    @Test("CNTKCTL_EL1 lets EL0 use each counter and timer, or traps it", arguments: 0..<counters.count)
    func counterControl(index: Int) throws {
        let (instruction, bit) = Self.counters[index]
        let machine = try SystemMachine()
        let all: UInt64 = 1 << 0 | 1 << 1 | 1 << 8 | 1 << 9
        try machine.set(.cntkctlEL1, all & ~bit)
        try expect(instruction, isTrapped: true, machine)
        try machine.set(.cntkctlEL1, bit)
        try expect(instruction, isTrapped: false, machine)
    }

    @Test("CNTFRQ_EL0 is trapped only when both counters are")
    func frequency() throws {
        let machine = try SystemMachine()
        for bits: UInt64 in 0...3 {
            try machine.set(.cntkctlEL1, bits)
            try expect(.mrs(.x3, .cntfrqEL0), isTrapped: bits == 0, machine)
        }
    }

    @Test("DCZID_EL0 tells EL0 whether it may use DC ZVA")
    func zeroingProhibited() throws {
        let machine = try SystemMachine()
        try machine.control(clear: SCTLRBit.dze)
        _ = try machine.run([.mrs(.x1, .dczidEL0), .svc(0)], as: .el0t)
        #expect(machine.x(1) >> 4 & 1 == 1)
        // At EL1 the control means nothing.
        _ = try machine.run([.mrs(.x1, .dczidEL0), .hvc(0)])
        #expect(machine.x(1) >> 4 & 1 == 0)
        try machine.control(set: SCTLRBit.dze)
        _ = try machine.run([.mrs(.x1, .dczidEL0), .svc(0)], as: .el0t)
        #expect(machine.x(1) >> 4 & 1 == 0)
    }

    @Test("WFI and WFE of EL0 trap when nTWI and nTWE are clear, if they would wait")
    func waits() throws {
        // ISS: CV set, COND 0b1110, TI 0 for WFI and 1 for WFE.
        let machine = try SystemMachine()
        for (instruction, bit, isWFE) in [(A64.wfi, SCTLRBit.nTWI, UInt64(0)), (.wfe, SCTLRBit.nTWE, 1)] {
            try machine.control(set: SCTLRBit.nTWI | SCTLRBit.nTWE, clear: bit)
            try machine.control(clear: bit)
            // The exception return to EL0 was an event, which the first WFE takes without waiting.
            let first = isWFE == 1 ? instruction : A64.nop
            let taken = try #require(try machine.run([first, instruction, .svc(0)], as: .el0t).exception)
            #expect(taken.esr == esr(ExceptionClass.wait, 1 << 24 | 0b1110 << 20 | isWFE))
            #expect(taken.elr == SystemMachine.Layout.userCode + 4)
        }
        try machine.control(set: SCTLRBit.nTWI)
        #expect(try machine.run([.wfi], as: .el0t) == .exit(.waitForInterrupt(deadline: nil)))
    }

    @Test(
        "CPACR_EL1.FPEN traps floating point at EL0, at both exception levels, or not at all", arguments: 0..<UInt64(4))
    func floatingPoint(fpen: UInt64) throws {
        let machine = try SystemMachine()
        try machine.set(.cpacrEL1, fpen << 20)
        machine.memory.store(UInt64(0), at: SystemMachine.Layout.data)
        for mode in [Mode.el0t, .el1h] {
            for instruction in [A64.fmov(d: 1, .x3), .ldr(q: 1, .x3), .mrs(.x4, .fpcr), .msr(.fpcr, .zr)] {
                let stop = try machine.run([.nop, instruction, .svc(5)], as: mode, [.x3: SystemMachine.Layout.data])
                let taken = try #require(stop.exception)
                let isTrapped = fpen == 0b00 || fpen == 0b10 || fpen == 0b01 && mode == .el0t
                if isTrapped {
                    // CV set, COND 0b1110, as for every A64 instruction.
                    #expect(taken.esr == esr(ExceptionClass.floatingPoint, 1 << 24 | 0b1110 << 20))
                    #expect(taken.elr == SystemMachine.codeAddress(mode) + 4)
                    #expect(taken.vector == mode.synchronousVector)
                } else {
                    #expect(taken.esr == esr(ExceptionClass.svc, 5))
                }
            }
        }
    }

    @Test("A trap that is taken, allowed and returned from executes the instruction after all")
    func lazyFloatingPoint() throws {
        let machine = try SystemMachine()
        let vectors = SystemMachine.Layout.vectors
        // As kernels do: allow floating point at the first use, and return to it. SVC ends the test.
        machine.load(
            [
                .cbnz(.x9, 5), .movz(.x9, 3, lsl: 0), .movz(.x10, 0x30, lsl: 16), .msr(.cpacrEL1, .x10), .eret, .hvc(1),
            ], at: vectors + 0x400)
        try machine.set(.vbarEL1, vectors)
        let stop = try machine.run(
            [
                .nop, .fmov(d: 1, .x3),
                .word(0x9E66_0024),  // fmov x4, d1
                .svc(0),
            ], as: .el0t, [.x3: 0x1234_5678, .x4: 0, .x9: 0])
        #expect(stop == .call(1))
        #expect(machine.x(4) == 0x1234_5678)
    }
}
