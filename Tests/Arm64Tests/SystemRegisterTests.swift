// Encodings and names of system registers and system instructions. The expected encodings are LLVM's: each line was
// assembled as MRS, MSR or by its own mnemonic, and bits 20 to 5 of the word taken.

import Arm64
import Testing

@Suite struct SystemRegisterTests {
    static let registers: [(name: String, encoding: UInt16)] = [
        ("MIDR_EL1", 0xC000),
        ("MPIDR_EL1", 0xC005),
        ("REVIDR_EL1", 0xC006),
        ("ID_AA64PFR0_EL1", 0xC020),
        ("ID_AA64PFR1_EL1", 0xC021),
        ("ID_AA64PFR2_EL1", 0xC022),
        ("ID_AA64ZFR0_EL1", 0xC024),
        ("ID_AA64SMFR0_EL1", 0xC025),
        ("ID_AA64FPFR0_EL1", 0xC027),
        ("ID_AA64DFR0_EL1", 0xC028),
        ("ID_AA64DFR1_EL1", 0xC029),
        ("ID_AA64DFR2_EL1", 0xC02A),
        ("ID_AA64AFR0_EL1", 0xC02C),
        ("ID_AA64AFR1_EL1", 0xC02D),
        ("ID_AA64ISAR0_EL1", 0xC030),
        ("ID_AA64ISAR1_EL1", 0xC031),
        ("ID_AA64ISAR2_EL1", 0xC032),
        ("ID_AA64ISAR3_EL1", 0xC033),
        ("ID_AA64MMFR0_EL1", 0xC038),
        ("ID_AA64MMFR1_EL1", 0xC039),
        ("ID_AA64MMFR2_EL1", 0xC03A),
        ("ID_AA64MMFR3_EL1", 0xC03B),
        ("ID_AA64MMFR4_EL1", 0xC03C),
        ("CCSIDR_EL1", 0xC800),
        ("CLIDR_EL1", 0xC801),
        ("AIDR_EL1", 0xC807),
        ("CSSELR_EL1", 0xD000),
        ("CTR_EL0", 0xD801),
        ("DCZID_EL0", 0xD807),
        ("ID_PFR0_EL1", 0xC008),
        ("ID_PFR1_EL1", 0xC009),
        ("ID_DFR0_EL1", 0xC00A),
        ("ID_AFR0_EL1", 0xC00B),
        ("ID_MMFR0_EL1", 0xC00C),
        ("ID_MMFR1_EL1", 0xC00D),
        ("ID_MMFR2_EL1", 0xC00E),
        ("ID_MMFR3_EL1", 0xC00F),
        ("ID_ISAR0_EL1", 0xC010),
        ("ID_ISAR1_EL1", 0xC011),
        ("ID_ISAR2_EL1", 0xC012),
        ("ID_ISAR3_EL1", 0xC013),
        ("ID_ISAR4_EL1", 0xC014),
        ("ID_ISAR5_EL1", 0xC015),
        ("ID_MMFR4_EL1", 0xC016),
        ("ID_ISAR6_EL1", 0xC017),
        ("MVFR0_EL1", 0xC018),
        ("MVFR1_EL1", 0xC019),
        ("MVFR2_EL1", 0xC01A),
        ("ID_PFR2_EL1", 0xC01C),
        ("ID_DFR1_EL1", 0xC01D),
        ("ID_MMFR5_EL1", 0xC01E),
        ("SCTLR_EL1", 0xC080),
        ("ACTLR_EL1", 0xC081),
        ("CPACR_EL1", 0xC082),
        ("TTBR0_EL1", 0xC100),
        ("TTBR1_EL1", 0xC101),
        ("TCR_EL1", 0xC102),
        ("PAR_EL1", 0xC3A0),
        ("MAIR_EL1", 0xC510),
        ("AMAIR_EL1", 0xC518),
        ("CONTEXTIDR_EL1", 0xC681),
        ("SPSR_EL1", 0xC200),
        ("ELR_EL1", 0xC201),
        ("SP_EL0", 0xC208),
        ("AFSR0_EL1", 0xC288),
        ("AFSR1_EL1", 0xC289),
        ("ESR_EL1", 0xC290),
        ("FAR_EL1", 0xC300),
        ("VBAR_EL1", 0xC600),
        ("RVBAR_EL1", 0xC601),
        ("RMR_EL1", 0xC602),
        ("ISR_EL1", 0xC608),
        ("SPSel", 0xC210),
        ("CurrentEL", 0xC212),
        ("PAN", 0xC213),
        ("NZCV", 0xDA10),
        ("DAIF", 0xDA11),
        ("FPCR", 0xDA20),
        ("FPSR", 0xDA21),
        ("TPIDR_EL1", 0xC684),
        ("TPIDR_EL0", 0xDE82),
        ("TPIDRRO_EL0", 0xDE83),
        ("RNDR", 0xD920),
        ("RNDRRS", 0xD921),
        ("CNTKCTL_EL1", 0xC708),
        ("CNTFRQ_EL0", 0xDF00),
        ("CNTPCT_EL0", 0xDF01),
        ("CNTVCT_EL0", 0xDF02),
        ("CNTP_TVAL_EL0", 0xDF10),
        ("CNTP_CTL_EL0", 0xDF11),
        ("CNTP_CVAL_EL0", 0xDF12),
        ("CNTV_TVAL_EL0", 0xDF18),
        ("CNTV_CTL_EL0", 0xDF19),
        ("CNTV_CVAL_EL0", 0xDF1A),
        ("OSDTRRX_EL1", 0x8002),
        ("MDCCINT_EL1", 0x8010),
        ("MDSCR_EL1", 0x8012),
        ("OSDTRTX_EL1", 0x801A),
        ("OSECCR_EL1", 0x8032),
        ("MDRAR_EL1", 0x8080),
        ("OSLAR_EL1", 0x8084),
        ("OSLSR_EL1", 0x808C),
        ("OSDLR_EL1", 0x809C),
        ("DBGPRCR_EL1", 0x80A4),
        ("DBGCLAIMSET_EL1", 0x83C6),
        ("DBGCLAIMCLR_EL1", 0x83CE),
        ("DBGAUTHSTATUS_EL1", 0x83F6),
        ("MDCCSR_EL0", 0x9808),
        ("DBGDTR_EL0", 0x9820),
        ("DBGDTRRX_EL0", 0x9828),
        ("ICC_PMR_EL1", 0xC230),
        ("ICC_IAR0_EL1", 0xC640),
        ("ICC_EOIR0_EL1", 0xC641),
        ("ICC_HPPIR0_EL1", 0xC642),
        ("ICC_BPR0_EL1", 0xC643),
        ("ICC_AP0R0_EL1", 0xC644),
        ("ICC_AP0R1_EL1", 0xC645),
        ("ICC_AP0R2_EL1", 0xC646),
        ("ICC_AP0R3_EL1", 0xC647),
        ("ICC_AP1R0_EL1", 0xC648),
        ("ICC_AP1R1_EL1", 0xC649),
        ("ICC_AP1R2_EL1", 0xC64A),
        ("ICC_AP1R3_EL1", 0xC64B),
        ("ICC_DIR_EL1", 0xC659),
        ("ICC_RPR_EL1", 0xC65B),
        ("ICC_SGI1R_EL1", 0xC65D),
        ("ICC_ASGI1R_EL1", 0xC65E),
        ("ICC_SGI0R_EL1", 0xC65F),
        ("ICC_IAR1_EL1", 0xC660),
        ("ICC_EOIR1_EL1", 0xC661),
        ("ICC_HPPIR1_EL1", 0xC662),
        ("ICC_BPR1_EL1", 0xC663),
        ("ICC_CTLR_EL1", 0xC664),
        ("ICC_SRE_EL1", 0xC665),
        ("ICC_IGRPEN0_EL1", 0xC666),
        ("ICC_IGRPEN1_EL1", 0xC667),
        ("PMINTENSET_EL1", 0xC4F1),
        ("PMINTENCLR_EL1", 0xC4F2),
        ("PMMIR_EL1", 0xC4F6),
        ("PMCR_EL0", 0xDCE0),
        ("PMCNTENSET_EL0", 0xDCE1),
        ("PMCNTENCLR_EL0", 0xDCE2),
        ("PMOVSCLR_EL0", 0xDCE3),
        ("PMSWINC_EL0", 0xDCE4),
        ("PMSELR_EL0", 0xDCE5),
        ("PMCEID0_EL0", 0xDCE6),
        ("PMCEID1_EL0", 0xDCE7),
        ("PMCCNTR_EL0", 0xDCE8),
        ("PMXEVTYPER_EL0", 0xDCE9),
        ("PMXEVCNTR_EL0", 0xDCEA),
        ("PMUSERENR_EL0", 0xDCF0),
        ("PMOVSSET_EL0", 0xDCF3),
        ("PMCCFILTR_EL0", 0xDF7F),
    ]

    static let instructions: [(name: String, encoding: UInt16)] = [
        ("DC IVAC", 0x43B1),
        ("DC ISW", 0x43B2),
        ("DC CSW", 0x43D2),
        ("DC CISW", 0x43F2),
        ("DC ZVA", 0x5BA1),
        ("DC CVAC", 0x5BD1),
        ("DC CVAU", 0x5BD9),
        ("DC CVAP", 0x5BE1),
        ("DC CIVAC", 0x5BF1),
        ("IC IALLUIS", 0x4388),
        ("IC IALLU", 0x43A8),
        ("IC IVAU", 0x5BA9),
        ("AT S1E1R", 0x43C0),
        ("AT S1E1W", 0x43C1),
        ("AT S1E0R", 0x43C2),
        ("AT S1E0W", 0x43C3),
        ("TLBI VMALLE1", 0x4438),
        ("TLBI VAE1", 0x4439),
        ("TLBI ASIDE1", 0x443A),
        ("TLBI VAAE1", 0x443B),
        ("TLBI VALE1", 0x443D),
        ("TLBI VAALE1", 0x443F),
        ("TLBI VMALLE1IS", 0x4418),
        ("TLBI VAE1IS", 0x4419),
        ("TLBI ASIDE1IS", 0x441A),
        ("TLBI VAAE1IS", 0x441B),
        ("TLBI VALE1IS", 0x441D),
        ("TLBI VAALE1IS", 0x441F),
        ("TLBI VMALLE1OS", 0x4408),
        ("TLBI VAE1OS", 0x4409),
        ("TLBI ASIDE1OS", 0x440A),
        ("TLBI VAAE1OS", 0x440B),
        ("TLBI VALE1OS", 0x440D),
        ("TLBI VAALE1OS", 0x440F),
        ("TLBI RVAE1", 0x4431),
        ("TLBI RVAAE1", 0x4433),
        ("TLBI RVALE1", 0x4435),
        ("TLBI RVAALE1", 0x4437),
        ("TLBI RVAE1IS", 0x4411),
        ("TLBI RVAAE1IS", 0x4413),
        ("TLBI RVALE1IS", 0x4415),
        ("TLBI RVAALE1IS", 0x4417),
        ("TLBI RVAE1OS", 0x4429),
        ("TLBI RVAAE1OS", 0x442B),
        ("TLBI RVALE1OS", 0x442D),
        ("TLBI RVAALE1OS", 0x442F),
    ]

    @Test("Every named register has the encoding that an assembler gives it")
    func registerEncodings() {
        for (name, encoding) in Self.registers {
            #expect(SystemRegister(rawValue: encoding).name == name)
        }
    }

    @Test("Every named system instruction has the encoding that an assembler gives it")
    func instructionEncodings() {
        for (name, encoding) in Self.instructions {
            #expect(SystemInstruction(rawValue: encoding).name == name)
        }
    }

    @Test("No two encodings share a name")
    func namesAreUnique() {
        let names = (0...UInt16.max).map { SystemRegister(rawValue: $0).name }
        #expect(Set(names).count == names.count)
        let operations = (0x4000...UInt16(0x7FFF)).map { SystemInstruction(rawValue: $0).name }
        #expect(Set(operations).count == operations.count)
    }

    @Test("The register of an instruction word is the one that it names")
    func instructionWords() {
        // Assembled by LLVM: mrs x0, sctlr_el1; msr tpidr_el0, x3; dc zva, x7; tlbi vmalle1is.
        #expect(SystemRegister(instruction: 0xD538_1000) == .sctlrEL1)
        #expect(SystemRegister(instruction: 0xD51B_D043) == .tpidrEL0)
        #expect(SystemInstruction(instruction: 0xD50B_7427) == .dcZVA)
        #expect(SystemInstruction(instruction: 0xD508_831F) == .tlbiVMALLE1IS)
    }

    @Test("Fields and raw value say the same")
    func fields() {
        let register = SystemRegister(op0: 3, op1: 3, crn: 13, crm: 0, op2: 2)
        #expect(register == .tpidrEL0)
        #expect([register.op0, register.op1, register.crn, register.crm, register.op2] == [3, 3, 13, 0, 2])
        for rawValue in 0...UInt16.max {
            let register = SystemRegister(rawValue: rawValue)
            let same = SystemRegister(
                op0: register.op0, op1: register.op1, crn: register.crn, crm: register.crm, op2: register.op2)
            #expect(same == register)
        }
    }

    @Test("Numbered registers carry their number")
    func families() {
        #expect(SystemRegister.dbgbvrEL1(15).name == "DBGBVR15_EL1")
        #expect(SystemRegister.dbgwcrEL1(3).name == "DBGWCR3_EL1")
        #expect(SystemRegister.dbgwcrEL1(3).debugRegister?.number == 3)
        #expect(SystemRegister.dbgwcrEL1(3).debugRegister?.kind == .watchpointControl)
        #expect(SystemRegister.mdscrEL1.debugRegister == nil)
        // LLVM: mrs x0, pmevcntr30_el0; mrs x0, pmevtyper9_el0; PMCCFILTR_EL0 is in the place of a 31st type.
        #expect(SystemRegister.pmevcntrEL0(30).rawValue == 0xDF5E)
        #expect(SystemRegister.pmevcntrEL0(30).name == "PMEVCNTR30_EL0")
        #expect(SystemRegister.pmevtyperEL0(9).rawValue == 0xDF69)
        #expect(SystemRegister.pmevtyperEL0(9).name == "PMEVTYPER9_EL0")
        #expect(SystemRegister.pmevtyperEL0(31) == .pmccfiltrEL0)
    }

    @Test("What has no name is called by its encoding")
    func genericNames() {
        #expect(SystemRegister(op0: 3, op1: 7, crn: 15, crm: 2, op2: 1).name == "S3_7_C15_C2_1")
        #expect(SystemInstruction(op1: 3, crn: 7, crm: 3, op2: 4).name == "SYS #3, C7, C3, #4")
    }

    @Test("SCTLR_EL1 keeps what exists and its ones")
    func sctlr() {
        let sctlr = CPUModel.dormouse1.sctlr
        #expect(sctlr.effective(0) == 0x3050_0980)
        #expect(sctlr.effective(.max) == 0x34DD_DB9F)
        #expect(sctlr.effective(SCTLR.reset) == 0x30D5_0980)
    }
}
