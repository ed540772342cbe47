// Syndromes and process state against values worked out by hand from the field tables of ESR_EL1 and SPSR_EL1; those
// that are widely seen in kernel logs (SVC, FP access, aborts) are well known.

import Arm64
import Testing

@Suite struct SyndromeTests {
    @Test("Instructions that generate exceptions report class, length and immediate")
    func instructions() {
        #expect(Syndrome.svc(0).rawValue == 0x5600_0000)
        #expect(Syndrome.svc(0xFFFF).rawValue == 0x5600_FFFF)
        #expect(Syndrome.hvc(1).rawValue == 0x5A00_0001)
        #expect(Syndrome.smc(2).rawValue == 0x5E00_0002)
        #expect(Syndrome.brk(0x800).rawValue == 0xF200_0800)
        #expect(Syndrome.undefined.rawValue == 0x0200_0000)
        #expect(Syndrome.illegalExecutionState.rawValue == 0x3A00_0000)
    }

    @Test("Trapped instructions report what was trapped")
    func traps() {
        #expect(Syndrome.floatingPointAccess.rawValue == 0x1FE0_0000)
        #expect(Syndrome.waitTrapped(isWFE: false).rawValue == 0x07E0_0000)
        #expect(Syndrome.waitTrapped(isWFE: true).rawValue == 0x07E0_0001)
        #expect(Syndrome.systemRegisterTrapped(.ctrEL0, rt: 0, isRead: true).rawValue == 0x6232_C001)
        #expect(Syndrome.systemRegisterTrapped(.tpidrEL0, rt: 31, isRead: false).rawValue == 0x6234_F7E0)
        #expect(Syndrome.systemInstructionTrapped(.dcCVAU, rt: 5).rawValue == 0x6212_DCB6)
    }

    @Test("Aborts report level of origin, direction and status")
    func aborts() {
        let write = Syndrome.dataAbort(.translation(level: 3), fromEL0: true, isWrite: true)
        #expect(write.rawValue == 0x9200_0047)
        #expect(write.exceptionClass == .dataAbort)
        #expect(write.iss == 0x47)
        #expect(Syndrome.dataAbort(.translation(level: 0), fromEL0: false, isWrite: false).rawValue == 0x9600_0004)
        #expect(Syndrome.dataAbort(.alignment, fromEL0: false, isWrite: false).rawValue == 0x9600_0021)
        #expect(Syndrome.dataAbort(.externalAbort, fromEL0: true, isWrite: false).rawValue == 0x9200_0010)
        let maintenance = Syndrome.dataAbort(
            .translation(level: 2), fromEL0: true, isWrite: false, isCacheMaintenance: true)
        #expect(maintenance.rawValue == 0x9200_0146)
        #expect(Syndrome.instructionAbort(.permission(level: 3), fromEL0: true).rawValue == 0x8200_000F)
        #expect(Syndrome.instructionAbort(.accessFlag(level: 1), fromEL0: false).rawValue == 0x8600_0009)
        #expect(Syndrome.pcAlignment.rawValue == 0x8A00_0000)
        #expect(Syndrome.spAlignment.rawValue == 0x9A00_0000)
    }

    @Test("Fault status codes are those of the DFSC table")
    func faultStatus() {
        #expect(FaultStatus.addressSize(level: 0).rawValue == 0b000000)
        #expect(FaultStatus.addressSize(level: 3).rawValue == 0b000011)
        #expect(FaultStatus.translation(level: 1).rawValue == 0b000101)
        #expect(FaultStatus.accessFlag(level: 2).rawValue == 0b001010)
        #expect(FaultStatus.permission(level: 1).rawValue == 0b001101)
        #expect(FaultStatus.externalAbortOnWalk(level: 3).rawValue == 0b010111)
        #expect(FaultStatus.externalAbort.rawValue == 0b010000)
        #expect(FaultStatus.alignment.rawValue == 0b100001)
        #expect(FaultStatus.unsupportedAtomicUpdate.rawValue == 0b110001)
        #expect(FaultStatus.unsupportedExclusive.rawValue == 0b110101)
    }

    @Test("Debug exceptions report the debug status code")
    func debug() {
        #expect(Syndrome.softwareStep(fromEL0: true, wasExclusiveLoad: nil).rawValue == 0xCA00_0022)
        #expect(Syndrome.softwareStep(fromEL0: false, wasExclusiveLoad: false).rawValue == 0xCF00_0022)
        #expect(Syndrome.softwareStep(fromEL0: false, wasExclusiveLoad: true).rawValue == 0xCF00_0062)
        #expect(Syndrome.breakpoint(fromEL0: true).rawValue == 0xC200_0022)
        #expect(Syndrome.watchpoint(fromEL0: false, isWrite: true).rawValue == 0xD600_0062)
    }
}

@Suite struct PSTATETests {
    @Test("Reset is EL1h with everything masked")
    func reset() {
        #expect(PSTATE.reset.rawValue == 0x3C5)
        #expect(PSTATE.reset.mode == .el1h)
    }

    @Test("Fields that do not exist read as zero")
    func implementedFields() {
        #expect(PSTATE(rawValue: .max).rawValue == 0xF0F0_13DF)
        var state = PSTATE(rawValue: 0)
        state.set(.max)
        #expect(state.rawValue == 0xF0F0_13DF)
    }

    @Test("An exception masks, clears SS and IL, keeps the flags, and sets PAN unless SPAN is set")
    func exception() {
        let before = PSTATE(rawValue: PSTATE.n | PSTATE.c | PSTATE.ss | PSTATE.il)
        #expect(before.mode == .el0t)
        #expect(before.takingException(span: true).rawValue == 0xA000_03C5)
        #expect(before.takingException(span: false).rawValue == 0xA040_03C5)
    }

    @Test("A return takes the state from SPSR_EL1")
    func legalReturn() {
        let state = PSTATE.reset.returning(spsr: 0x8040_0000)
        #expect(state.rawValue == 0x8040_0000)
        #expect(state.mode == .el0t)
        #expect(state.mode?.exceptionLevel == 0)
    }

    @Test(
        "A return to AArch32, EL2, EL3 or a reserved mode is illegal: the mode stays and IL is set",
        arguments: [0x10, 0x1F, 0x08, 0x09, 0x0C, 0x0D, 0x01, 0x02, 0x06, 0x07] as [UInt64])
    func illegalReturn(mode: UInt64) {
        let state = PSTATE.reset.returning(spsr: 0x6000_0040 | mode)
        #expect(state.rawValue == 0x6010_0045)
    }
}
