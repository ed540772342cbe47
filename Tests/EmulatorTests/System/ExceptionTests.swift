// Taking exceptions to EL1 and returning from them: DDI 0487, D1.3 and D1.4.

import Emulator
import Hypervisor
import Testing

@Suite("Exceptions", .everyEngine)
struct ExceptionTests {
    private static let flags = PSTATEBit.n | PSTATEBit.c | PSTATEBit.f

    @Test(
        "SVC goes to the vector of its source, with its immediate, the next address and the old PSTATE",
        arguments: Mode.allCases)
    func svc(mode: Mode) throws {
        let machine = try SystemMachine()
        let stop = try machine.run([.nop, .svc(0x1234)], as: mode, flags: Self.flags)
        let taken = try #require(stop.exception)
        #expect(taken.vector == mode.synchronousVector)
        #expect(taken.esr == esr(ExceptionClass.svc, 0x1234))
        #expect(taken.elr == SystemMachine.codeAddress(mode) + 8)
        #expect(taken.spsr == mode.rawValue | Self.flags)
        // D1.3.2: EL1h, D, A, I and F masked; the flags stay.
        #expect(try machine.get(.currentEL) == 1 << 2)
        #expect(try machine.get(.spSel) == 1)
        #expect(try machine.get(.daif) == PSTATEBit.daif)
        #expect(try machine.get(.nzcv) == PSTATEBit.n | PSTATEBit.c)
    }

    @Test("BRK returns to itself and reports its comment", arguments: Mode.allCases)
    func brk(mode: Mode) throws {
        let machine = try SystemMachine()
        let taken = try #require(try machine.run([.nop, .brk(0xF00D)], as: mode).exception)
        #expect(taken.vector == mode.synchronousVector)
        #expect(taken.esr == esr(ExceptionClass.brk, 0xF00D))
        #expect(taken.elr == SystemMachine.codeAddress(mode) + 4)
    }

    @Test("What EL0 may not execute is undefined there, with ELR at the instruction")
    func undefinedAtEL0() throws {
        let machine = try SystemMachine()
        let undefined: [A64] = [
            .udf(0), .hlt(1), .hvc(0), .smc(0), .eret, .mrs(.x1, .esrEL1), .mrs(.x1, .midrEL1),
            .mrs(.x1, .idAA64PFR0EL1), .mrs(.x1, .currentEL), .mrs(.x1, .spSel), .mrs(.x1, .pan), .mrs(.x1, .spEL0),
            .msr(.tpidrroEL0, .x1), .msr(.ttbr0EL1, .x1), .msr(.ctrEL0, .x1), .msrSPSel(1), .msrPAN(1),
            .sys(.tlbiVMALLE1), .sys(.atS1E0R, .x1), .sys(.dcIVAC, .x1), .sys(.icIALLU),
        ]
        for instruction in undefined {
            let stop = try machine.run([.nop, .nop, instruction, .svc(0)], as: .el0t)
            let taken = try #require(stop.exception, "\(String(instruction.word, radix: 16))")
            #expect(taken.esr == esr(ExceptionClass.unknown), "\(String(instruction.word, radix: 16))")
            #expect(taken.elr == SystemMachine.codeAddress(.el0t) + 8)
            #expect(taken.vector == Mode.el0t.synchronousVector)
        }
    }

    @Test("Writes to read-only registers, and reads of ones that do not exist, are undefined at EL1")
    func undefinedAtEL1() throws {
        let machine = try SystemMachine()
        let undefined: [A64] = [
            .udf(1), .hlt(0), .msr(.midrEL1, .x1), .msr(.currentEL, .x1), .msr(.isrEL1, .x1), .msr(.cntvctEL0, .x1),
            .word(0xD53C_1100),  // mrs x0, hcr_el2
            .word(0xD51E_1100),  // msr scr_el3, x0
            .word(0xD53C_4100),  // mrs x0, sp_el1
            .word(0xD538_2100),  // mrs x0, apiakeylo_el1: no pointer authentication
        ]
        for instruction in undefined {
            let taken = try #require(try machine.run([instruction, .hvc(0)]).exception)
            #expect(taken.esr == esr(ExceptionClass.unknown), "\(String(instruction.word, radix: 16))")
            #expect(taken.elr == SystemMachine.codeAddress(.el1h))
        }
    }

    @Test("HVC and SMC leave the CPU with their immediate and the PC after them")
    func calls() throws {
        let machine = try SystemMachine()
        #expect(try machine.run([.nop, .hvc(0xA5), .hvc(0xA6)]) == .call(0xA5))
        #expect(machine.cpu.programCounter == SystemMachine.codeAddress(.el1h) + 8)
        #expect(try machine.resume() == .call(0xA6))
        #expect(try machine.run([.smc(0xBEEF)]) == .exit(.secureMonitorCall(immediate: 0xBEEF)))
        #expect(machine.cpu.programCounter == SystemMachine.codeAddress(.el1h) + 4)
    }

    @Test("An injected undefined instruction is one of the call just made")
    func injectedUndefined() throws {
        let machine = try SystemMachine()
        #expect(try machine.run([.nop, .smc(1)]) == .exit(.secureMonitorCall(immediate: 1)))
        machine.cpu.injectUndefinedInstruction()
        let taken = try #require(try machine.resume().exception)
        #expect(taken.esr == esr(ExceptionClass.unknown))
        #expect(taken.elr == SystemMachine.codeAddress(.el1h) + 4)
    }

    @Test("An exception sets PAN when SPAN is clear, and leaves it when SPAN is set; SPSR has the old one")
    func span() throws {
        for span in [false, true] {
            for pan in [false, true] {
                let machine = try SystemMachine()
                try machine.control(set: span ? SCTLRBit.span : 0, clear: SCTLRBit.span)
                let stop = try machine.run([.svc(0)], as: .el0t, flags: pan ? PSTATEBit.pan : 0)
                let taken = try #require(stop.exception)
                #expect(taken.spsr == Mode.el0t.rawValue | (pan ? PSTATEBit.pan : 0))
                #expect(try machine.get(.pan) == (pan || !span ? PSTATEBit.pan : 0))
            }
        }
    }

    @Test("An exception return restores flags, masks, PAN and mode from SPSR")
    func exceptionReturn() throws {
        let machine = try SystemMachine()
        for mode in Mode.allCases {
            for flags in [
                0, PSTATEBit.z | PSTATEBit.v, PSTATEBit.pan, PSTATEBit.i, PSTATEBit.daif | PSTATEBit.n | PSTATEBit.pan,
            ] {
                let taken = try #require(try machine.run([.svc(1)], as: mode, flags: flags).exception)
                #expect(taken.spsr == mode.rawValue | flags)
            }
        }
    }

    @Test("PSTATE.SS is not restored while software step is disabled")
    func softwareStepDisabled() throws {
        // D2.12.4: with MDSCR_EL1.SS clear an exception return sets PSTATE.SS to 0.
        let machine = try SystemMachine()
        let taken = try #require(try machine.run([.svc(1)], as: .el0t, flags: PSTATEBit.ss).exception)
        #expect(taken.spsr == Mode.el0t.rawValue)
    }

    /// SPSR.M values that name no mode here: EL2h, EL3t, EL0 with its own SP, EL1 with a reserved bit, AArch32.
    static let illegalModes: [UInt64] = [0b01001, 0b01100, 0b00001, 0b00110, 0b10000, 0b10011]

    @Test("A return to a mode that does not exist sets IL: the next instruction faults", arguments: illegalModes)
    func illegalReturn(mode: UInt64) throws {
        // D1.3.4.2: EL and SP stay; flags and masks come from SPSR; the target is ELR.
        let machine = try SystemMachine()
        machine.load([.svc(1)], at: SystemMachine.Layout.code)
        for (from, bits) in [(Mode.el1h, PSTATEBit.n), (.el1t, PSTATEBit.z | PSTATEBit.i)] {
            // ELR keeps only the address for AArch64 modes: for AArch32 ones its upper half is UNKNOWN, here it is 0.
            let code: [A64] = [
                .msrSPSel(from == .el1h ? 1 : 0), .msr(.elrEL1, .x1), .msr(.spsrEL1, .x2), .eret,
            ]
            machine.load(code, at: SystemMachine.Layout.data)
            let stop = try machine.run(
                at: SystemMachine.Layout.data, [.x1: SystemMachine.Layout.code, .x2: mode | bits])
            let taken = try #require(stop.exception)
            #expect(taken.vector == from.synchronousVector)
            #expect(taken.esr == esr(ExceptionClass.illegalState))
            #expect(taken.elr == SystemMachine.Layout.code)
            #expect(taken.spsr == from.rawValue | bits | PSTATEBit.il)
            // The exception clears IL: the monitor could run.
        }
    }

    @Test("A legal return with SPSR.IL set takes the Illegal Execution state exception where it returns to")
    func illegalStateAtEL0() throws {
        let machine = try SystemMachine()
        let taken = try #require(try machine.run([.svc(1)], as: .el0t, flags: PSTATEBit.il).exception)
        #expect(taken.vector == Mode.el0t.synchronousVector)
        #expect(taken.esr == esr(ExceptionClass.illegalState))
        #expect(taken.elr == SystemMachine.Layout.userCode)
        #expect(taken.spsr == Mode.el0t.rawValue | PSTATEBit.il)
    }

    @Test("A misaligned PC comes before the Illegal Execution state")
    func illegalStatePriority() throws {
        // D1.3.5.5, prioritisation of synchronous exceptions.
        let machine = try SystemMachine()
        let stop = try machine.run(at: SystemMachine.Layout.code + 2, as: .el1h, flags: PSTATEBit.il)
        #expect(try #require(stop.exception).esr == esr(ExceptionClass.pcAlignment))
    }

    @Test("A PC that is not a multiple of 4 faults, with the address in ELR and FAR", arguments: Mode.allCases)
    func pcAlignment(mode: Mode) throws {
        let machine = try SystemMachine()
        for offset: UInt64 in 1...3 {
            let target = SystemMachine.Layout.code + 0x100 + offset
            let taken = try #require(try machine.run([.br(.x1)], as: mode, [.x1: target]).exception)
            #expect(taken.vector == mode.synchronousVector)
            #expect(taken.esr == esr(ExceptionClass.pcAlignment))
            #expect(taken.elr == target)
            #expect(taken.far == target)
        }
    }

    @Test("A handler that takes an exception itself, and puts ELR and SPSR back, returns to where it came from")
    func nested() throws {
        let machine = try SystemMachine()
        let vectors = SystemMachine.Layout.vectors
        // From EL1h: keep the syndrome, and go back.
        machine.load([.mrs(.x12, .esrEL1), .mrs(.x13, .spsrEL1), .eret], at: vectors + 0x200)
        // From EL0: at the second SVC call out, else take an exception in the handler.
        machine.load(
            [
                .cbnz(.x9, 8), .movz(.x9, 1), .mrs(.x10, .elrEL1), .mrs(.x11, .spsrEL1), .svc(2),
                .msr(.elrEL1, .x10), .msr(.spsrEL1, .x11), .eret, .hvc(7),
            ], at: vectors + 0x400)
        try machine.set(.vbarEL1, vectors)
        let stop = try machine.run(
            [.svc(1), .movz(.x14, 0x77), .svc(3)], as: .el0t, flags: PSTATEBit.c, [.x9: 0, .x14: 0])
        #expect(stop == .call(7))
        #expect(machine.x(12) == esr(ExceptionClass.svc, 2))
        #expect(machine.x(13) == Mode.el1h.rawValue | PSTATEBit.daif | PSTATEBit.c)
        #expect(machine.x(14) == 0x77)
        #expect(try machine.get(.esrEL1) == esr(ExceptionClass.svc, 3))
        #expect(try machine.get(.spsrEL1) == Mode.el0t.rawValue | PSTATEBit.c)
    }

    @Test("A guest whose vectors fault too uses up its budget")
    func endlessExceptions() throws {
        let machine = try SystemMachine()
        // The vectors are where no memory is: each exception's vector takes the next exception.
        try machine.set(.vbarEL1, 0x1_0000)
        try machine.prepare(at: SystemMachine.Layout.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        machine.load([.svc(0)], at: SystemMachine.Layout.code)
        let watchdog = Watchdog(machine.cpu, seconds: 600)
        #expect(machine.cpu.run(budget: 10_000) == .budgetExhausted)
        watchdog.stop()
        // The same where the vector's own first instruction is undefined.
        try machine.reset()
        machine.load([.udf(0)], at: SystemMachine.Layout.vectors + 0x200)
        try machine.set(.vbarEL1, SystemMachine.Layout.vectors)
        try machine.prepare(at: SystemMachine.Layout.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        let another = Watchdog(machine.cpu, seconds: 600)
        #expect(machine.cpu.run(budget: 10_000) == .budgetExhausted)
        another.stop()
    }
}
