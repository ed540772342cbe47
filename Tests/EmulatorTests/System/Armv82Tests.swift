// What a CPU of Armv8.2 has besides instructions: UAO, SSBS, RAS, hierarchical permission disables, CnP, AT with PAN.
// Expected values are from DDI 0487: PSTATE (D1.4), D8.4.2, DISR_EL1, PAR_EL1.

import Arm64
import Emulator
import Hypervisor
import Testing

@Suite("Armv8.2 at EL1", .everyEngine)
struct Armv82Tests {
    private typealias Layout = SystemMachine.Layout

    private static let uao: UInt64 = 1 << 23
    private static let ssbs: UInt64 = 1 << 12
    /// ldtr x2, [x1]; sttr x3, [x1]
    private static let (ldtr, sttr): (A64, A64) = (.word(0xF840_0822), .word(0xF800_0823))
    /// msr uao, #1; msr uao, #0; mrs x0, uao
    private static let (setUAO, clearUAO, readUAO): (A64, A64, A64) =
        (.word(0xD500_417F), .word(0xD500_407F), .word(0xD538_4280))

    private func machine(_ model: CPUModel = .dormouse2, tcr: UInt64 = 0) throws -> (SystemMachine, PageTables) {
        let machine = try SystemMachine(model: model)
        let tables = machine.makeTables()
        try machine.enableMMU(tables, tcr: tcr)
        return (machine, tables)
    }

    @Test("With PSTATE.UAO, LDTR and STTR of EL1 are allowed what LDR and STR are")
    func userAccessOverride() throws {
        let (machine, _) = try machine()
        machine.memory.store(UInt64(7), at: Layout.data)
        let page: [Register: UInt64] = [.x1: Layout.data, .x3: 8]
        let refused = esr(ExceptionClass.dataAbort, FaultCode.permission(3))
        #expect(try machine.run([Self.ldtr, .hvc(1)], page).exception?.esr == refused)
        // By an exception return, and by MSR, many times: with one block made for both.
        for _ in 0..<20 {
            let stop = try machine.run([Self.ldtr, Self.sttr, .hvc(1)], flags: PSTATEBit.daif | Self.uao, page)
            #expect(stop == .call(1))
            #expect(try machine.run([Self.setUAO, Self.ldtr, Self.readUAO, .hvc(1)], page) == .call(1))
            #expect(machine.x(2) == 8)
            #expect(machine.x(0) == Self.uao)
            let again = try machine.run([Self.setUAO, Self.ldtr, Self.clearUAO, Self.ldtr, .hvc(1)], page)
            #expect(again.exception?.esr == refused)
            #expect(try machine.run([Self.ldtr, .hvc(1)], page).exception?.esr == refused)
        }
    }

    @Test("With PSTATE.UAO, PAN keeps LDTR from what EL0 may read, as it keeps LDR")
    func overrideWithPAN() throws {
        let (machine, _) = try machine()
        let page: [Register: UInt64] = [.x1: Layout.userData]
        let refused = esr(ExceptionClass.dataAbort, FaultCode.permission(3))
        // msr pan, #1; msr pan, #0
        let (setPAN, clearPAN): (A64, A64) = (.word(0xD500_419F), .word(0xD500_409F))
        for _ in 0..<20 {
            #expect(try machine.run([setPAN, Self.ldtr, .hvc(1)], page) == .call(1))
            let stop = try machine.run([Self.setUAO, setPAN, Self.ldtr, .hvc(1)], page)
            #expect(stop.exception?.esr == refused)
            let allowed = try machine.run([Self.setUAO, setPAN, clearPAN, Self.ldtr, .hvc(1)], page)
            #expect(allowed == .call(1))
        }
    }

    @Test("An exception saves UAO and clears it; at EL0 it allows nothing")
    func overrideAndExceptions() throws {
        let (machine, _) = try machine()
        let stop = try machine.run([.brk(0)], flags: PSTATEBit.daif | Self.uao)
        #expect(try #require(stop.exception).spsr & Self.uao == Self.uao)
        #expect(machine.cpu.processorState & Self.uao == 0)
        let user = try machine.run([Self.ldtr, .svc(0)], as: .el0t, flags: Self.uao, [.x1: Layout.data])
        #expect(user.exception?.esr == esr(ExceptionClass.dataAbortFromEL0, FaultCode.permission(3)))
    }

    @Test("An exception makes SSBS what SCTLR_EL1.DSSBS says, and EL0 may set it")
    func speculativeStoreBypass() throws {
        let (machine, _) = try machine()
        for isSet in [true, false] {
            try machine.control(set: isSet ? 1 << 44 : 0, clear: isSet ? 0 : 1 << 44)
            let stop = try machine.run([.brk(0)], flags: PSTATEBit.daif | (isSet ? 0 : Self.ssbs))
            #expect(try #require(stop.exception).spsr & Self.ssbs == (isSet ? 0 : Self.ssbs))
            #expect(machine.cpu.processorState & Self.ssbs == (isSet ? Self.ssbs : 0))
        }
        // msr ssbs, #1; mrs x0, ssbs; msr ssbs, xzr; mrs x1, ssbs
        let code: [A64] = [.word(0xD503_413F), .word(0xD53B_42C0), .word(0xD51B_42DF), .word(0xD53B_42C1), .svc(0)]
        #expect(try machine.run(code, as: .el0t).exception?.esr == esr(ExceptionClass.svc))
        #expect(machine.x(0) == Self.ssbs && machine.x(1) == 0)
    }

    @Test("dormouse-1 has neither UAO nor SSBS in SPSR_EL1, and no DSSBS")
    func absentFields() throws {
        let (machine, _) = try machine(.dormouse1)
        try machine.control(set: 1 << 44 | 1 << 21)
        #expect(try machine.get(.sctlrEL1) & (1 << 44 | 1 << 21) == 0)
        let stop = try machine.run([.brk(0)], flags: PSTATEBit.daif | Self.uao | Self.ssbs)
        #expect(try #require(stop.exception).spsr & (Self.uao | Self.ssbs) == 0)
        #expect(machine.cpu.processorState & (Self.uao | Self.ssbs) == 0)
    }

    @Test("DISR_EL1 holds A, IDS and ISS, ESB defers nothing, and there are no error records")
    func errorSynchronization() throws {
        let machine = try SystemMachine(model: .dormouse2)
        // msr disr_el1, x0; esb; mrs x1, disr_el1; mrs x2, erridr_el1
        let stop = try machine.run(
            [.word(0xD518_C120), .word(0xD503_221F), .word(0xD538_C121), .word(0xD538_5302), .hvc(1)],
            [.x0: .max, .x2: 1])
        #expect(stop == .call(1))
        #expect(machine.x(1) == 0x81FF_FFFF)
        #expect(machine.x(2) == 0)
    }

    @Test("With TCR_EL1.HPD0, what table descriptors forbid is allowed; dormouse-1 has no such bit")
    func hierarchicalPermissions() throws {
        for (model, hpd0, isAllowed) in [
            (CPUModel.dormouse2, UInt64(0), false), (.dormouse2, 1 << 41, true), (.dormouse2, 1 << 42, false),
            (.dormouse1, 1 << 41, false),
        ] {
            let (machine, tables) = try machine(model, tcr: hpd0)
            tables.map(Layout.free, to: Layout.free, .data)
            let place = tables.descriptorAddress(of: Layout.free, level: 1)
            let descriptor = machine.word(at: place)
            // APTable[1]: nothing below is writable. It is the table of everything else, too, which is only read.
            machine.memory.store(descriptor | 1 << 62, at: place)
            let stop = try machine.run([.ldr(.x0, .x1), .str(.x0, .x1), .hvc(1)], [.x1: Layout.free])
            let fault = esr(ExceptionClass.dataAbort, FaultCode.permission(3) | FaultCode.write)
            #expect((stop == .call(1)) == isAllowed, "\(model)")
            #expect((stop.exception?.esr == fault) != isAllowed, "\(model)")
        }
    }

    @Test("With TCR_EL1.E0PD1 EL0 finds nothing in the upper half, nor LDTR; dormouse-1 has no such bit")
    func unprivilegedUpperHalf() throws {
        let address: UInt64 = 0xFFFF_8000_0000_0000
        for (model, e0pd, isAllowed) in [
            (CPUModel.dormouse2, UInt64(0), true), (.dormouse2, 1 << 56, false), (.dormouse2, 1 << 55, true),
            (.dormouse1, 1 << 56, true),
        ] {
            let machine = try SystemMachine(model: model)
            let upper = machine.makeTables(at: Layout.tables + 0x10_0000)
            upper.map(address, to: Layout.free, .userData)
            // E0PD0 would keep EL0 from its code as well.
            let isLower = e0pd == 1 << 55
            try machine.enableMMU(machine.makeTables(), upper: upper, tcr: e0pd)
            let fault = FaultCode.translation(0)
            if !isLower {
                let user = try machine.run([.ldr(.x0, .x1), .svc(0)], as: .el0t, [.x1: address])
                let expected = isAllowed ? esr(ExceptionClass.svc) : esr(ExceptionClass.dataAbortFromEL0, fault)
                #expect(user.exception?.esr == expected, "\(model)")
            } else {
                let user = try machine.run([.svc(0)], as: .el0t)
                #expect(user.exception?.esr == esr(ExceptionClass.instructionAbortFromEL0, fault))
            }
            let unprivileged = try machine.run([Self.ldtr, .hvc(1)], [.x1: address])
            #expect((unprivileged == .call(1)) == isAllowed, "\(model)")
            #expect((unprivileged.exception?.esr == esr(ExceptionClass.dataAbort, fault)) != isAllowed, "\(model)")
            #expect(try machine.run([.ldr(.x0, .x1), .hvc(1)], [.x1: address]) == .call(1))
        }
    }

    @Test("CnP in a TTBR is no part of its address")
    func commonTranslations() throws {
        let (machine, tables) = try machine()
        try machine.set(.ttbr0EL1, tables.root | 1)
        #expect(try machine.get(.ttbr0EL1) == tables.root | 1)
        #expect(try machine.run([.ldr(.x0, .x1), .hvc(1)], [.x1: Layout.data]) == .call(1))
    }

    @Test("AT S1E1RP and S1E1WP heed PAN, and AT S1E1R and S1E1W do not")
    func addressTranslation() throws {
        let (machine, _) = try machine()
        // at s1e1rp, x1; s1e1wp; s1e1r; s1e1w, and whether they heed PAN.
        let operations: [(UInt32, Bool)] = [
            (0xD508_7901, true), (0xD508_7921, true), (0xD508_7801, false), (0xD508_7821, false),
        ]
        for (word, heeds) in operations {
            for pan in [0, PSTATEBit.pan] {
                let stop = try machine.run(
                    [.word(word), .isb, .hvc(1)], flags: PSTATEBit.daif | pan, [.x1: Layout.userData])
                #expect(stop == .call(1))
                let par = try machine.get(.parEL1)
                // F, and FST in 6:1.
                #expect(par & 1 == (heeds && pan != 0 ? 1 : 0), "\(String(word, radix: 16))")
                if par & 1 != 0 { #expect(par >> 1 & 0x3F == FaultCode.permission(3)) }
            }
        }
    }
}
