// The system registers by name: their encodings, and their names for traces.
//
// Follows DDI 0487, chapter D17 (AArch64 System register encoding). A name here says nothing about whether a register
// is implemented: `CPUModel` and the back end decide that. A table, and only that.

// Identification.
extension SystemRegister {
    @inlinable public static var midrEL1: Self { Self(3, 0, 0, 0, 0) }
    @inlinable public static var mpidrEL1: Self { Self(3, 0, 0, 0, 5) }
    @inlinable public static var revidrEL1: Self { Self(3, 0, 0, 0, 6) }
    @inlinable public static var idAA64PFR0EL1: Self { Self(3, 0, 0, 4, 0) }
    @inlinable public static var idAA64PFR1EL1: Self { Self(3, 0, 0, 4, 1) }
    @inlinable public static var idAA64PFR2EL1: Self { Self(3, 0, 0, 4, 2) }
    @inlinable public static var idAA64ZFR0EL1: Self { Self(3, 0, 0, 4, 4) }
    @inlinable public static var idAA64SMFR0EL1: Self { Self(3, 0, 0, 4, 5) }
    @inlinable public static var idAA64FPFR0EL1: Self { Self(3, 0, 0, 4, 7) }
    @inlinable public static var idAA64DFR0EL1: Self { Self(3, 0, 0, 5, 0) }
    @inlinable public static var idAA64DFR1EL1: Self { Self(3, 0, 0, 5, 1) }
    @inlinable public static var idAA64DFR2EL1: Self { Self(3, 0, 0, 5, 2) }
    @inlinable public static var idAA64AFR0EL1: Self { Self(3, 0, 0, 5, 4) }
    @inlinable public static var idAA64AFR1EL1: Self { Self(3, 0, 0, 5, 5) }
    @inlinable public static var idAA64ISAR0EL1: Self { Self(3, 0, 0, 6, 0) }
    @inlinable public static var idAA64ISAR1EL1: Self { Self(3, 0, 0, 6, 1) }
    @inlinable public static var idAA64ISAR2EL1: Self { Self(3, 0, 0, 6, 2) }
    @inlinable public static var idAA64ISAR3EL1: Self { Self(3, 0, 0, 6, 3) }
    @inlinable public static var idAA64MMFR0EL1: Self { Self(3, 0, 0, 7, 0) }
    @inlinable public static var idAA64MMFR1EL1: Self { Self(3, 0, 0, 7, 1) }
    @inlinable public static var idAA64MMFR2EL1: Self { Self(3, 0, 0, 7, 2) }
    @inlinable public static var idAA64MMFR3EL1: Self { Self(3, 0, 0, 7, 3) }
    @inlinable public static var idAA64MMFR4EL1: Self { Self(3, 0, 0, 7, 4) }
    @inlinable public static var ccsidrEL1: Self { Self(3, 1, 0, 0, 0) }
    @inlinable public static var clidrEL1: Self { Self(3, 1, 0, 0, 1) }
    @inlinable public static var aidrEL1: Self { Self(3, 1, 0, 0, 7) }
    @inlinable public static var csselrEL1: Self { Self(3, 2, 0, 0, 0) }
    @inlinable public static var ctrEL0: Self { Self(3, 3, 0, 0, 1) }
    @inlinable public static var dczidEL0: Self { Self(3, 3, 0, 0, 7) }
}

// Identification of AArch32, which reads as zero without AArch32.
extension SystemRegister {
    @inlinable public static var idPFR0EL1: Self { Self(3, 0, 0, 1, 0) }
    @inlinable public static var idPFR1EL1: Self { Self(3, 0, 0, 1, 1) }
    @inlinable public static var idDFR0EL1: Self { Self(3, 0, 0, 1, 2) }
    @inlinable public static var idAFR0EL1: Self { Self(3, 0, 0, 1, 3) }
    @inlinable public static var idMMFR0EL1: Self { Self(3, 0, 0, 1, 4) }
    @inlinable public static var idMMFR1EL1: Self { Self(3, 0, 0, 1, 5) }
    @inlinable public static var idMMFR2EL1: Self { Self(3, 0, 0, 1, 6) }
    @inlinable public static var idMMFR3EL1: Self { Self(3, 0, 0, 1, 7) }
    @inlinable public static var idISAR0EL1: Self { Self(3, 0, 0, 2, 0) }
    @inlinable public static var idISAR1EL1: Self { Self(3, 0, 0, 2, 1) }
    @inlinable public static var idISAR2EL1: Self { Self(3, 0, 0, 2, 2) }
    @inlinable public static var idISAR3EL1: Self { Self(3, 0, 0, 2, 3) }
    @inlinable public static var idISAR4EL1: Self { Self(3, 0, 0, 2, 4) }
    @inlinable public static var idISAR5EL1: Self { Self(3, 0, 0, 2, 5) }
    @inlinable public static var idMMFR4EL1: Self { Self(3, 0, 0, 2, 6) }
    @inlinable public static var idISAR6EL1: Self { Self(3, 0, 0, 2, 7) }
    @inlinable public static var mvfr0EL1: Self { Self(3, 0, 0, 3, 0) }
    @inlinable public static var mvfr1EL1: Self { Self(3, 0, 0, 3, 1) }
    @inlinable public static var mvfr2EL1: Self { Self(3, 0, 0, 3, 2) }
    @inlinable public static var idPFR2EL1: Self { Self(3, 0, 0, 3, 4) }
    @inlinable public static var idDFR1EL1: Self { Self(3, 0, 0, 3, 5) }
    @inlinable public static var idMMFR5EL1: Self { Self(3, 0, 0, 3, 6) }
}

// System control and memory management.
extension SystemRegister {
    @inlinable public static var sctlrEL1: Self { Self(3, 0, 1, 0, 0) }
    @inlinable public static var actlrEL1: Self { Self(3, 0, 1, 0, 1) }
    @inlinable public static var cpacrEL1: Self { Self(3, 0, 1, 0, 2) }
    @inlinable public static var ttbr0EL1: Self { Self(3, 0, 2, 0, 0) }
    @inlinable public static var ttbr1EL1: Self { Self(3, 0, 2, 0, 1) }
    @inlinable public static var tcrEL1: Self { Self(3, 0, 2, 0, 2) }
    @inlinable public static var parEL1: Self { Self(3, 0, 7, 4, 0) }
    @inlinable public static var mairEL1: Self { Self(3, 0, 10, 2, 0) }
    @inlinable public static var amairEL1: Self { Self(3, 0, 10, 3, 0) }
    @inlinable public static var contextidrEL1: Self { Self(3, 0, 13, 0, 1) }
}

// Exceptions.
extension SystemRegister {
    @inlinable public static var spsrEL1: Self { Self(3, 0, 4, 0, 0) }
    @inlinable public static var elrEL1: Self { Self(3, 0, 4, 0, 1) }
    @inlinable public static var spEL0: Self { Self(3, 0, 4, 1, 0) }
    @inlinable public static var afsr0EL1: Self { Self(3, 0, 5, 1, 0) }
    @inlinable public static var afsr1EL1: Self { Self(3, 0, 5, 1, 1) }
    @inlinable public static var esrEL1: Self { Self(3, 0, 5, 2, 0) }
    @inlinable public static var erridrEL1: Self { Self(3, 0, 5, 3, 0) }
    @inlinable public static var farEL1: Self { Self(3, 0, 6, 0, 0) }
    @inlinable public static var vbarEL1: Self { Self(3, 0, 12, 0, 0) }
    @inlinable public static var rvbarEL1: Self { Self(3, 0, 12, 0, 1) }
    @inlinable public static var rmrEL1: Self { Self(3, 0, 12, 0, 2) }
    @inlinable public static var isrEL1: Self { Self(3, 0, 12, 1, 0) }
    @inlinable public static var disrEL1: Self { Self(3, 0, 12, 1, 1) }
}

// Process state, floating point, thread identifiers and random numbers.
extension SystemRegister {
    @inlinable public static var spSel: Self { Self(3, 0, 4, 2, 0) }
    @inlinable public static var currentEL: Self { Self(3, 0, 4, 2, 2) }
    @inlinable public static var pan: Self { Self(3, 0, 4, 2, 3) }
    @inlinable public static var uao: Self { Self(3, 0, 4, 2, 4) }
    @inlinable public static var nzcv: Self { Self(3, 3, 4, 2, 0) }
    @inlinable public static var daif: Self { Self(3, 3, 4, 2, 1) }
    @inlinable public static var ssbs: Self { Self(3, 3, 4, 2, 6) }
    @inlinable public static var fpcr: Self { Self(3, 3, 4, 4, 0) }
    @inlinable public static var fpsr: Self { Self(3, 3, 4, 4, 1) }
    @inlinable public static var tpidrEL1: Self { Self(3, 0, 13, 0, 4) }
    @inlinable public static var tpidrEL0: Self { Self(3, 3, 13, 0, 2) }
    @inlinable public static var tpidrroEL0: Self { Self(3, 3, 13, 0, 3) }
    @inlinable public static var rndr: Self { Self(3, 3, 2, 4, 0) }
    @inlinable public static var rndrrs: Self { Self(3, 3, 2, 4, 1) }
}

// Generic timer.
extension SystemRegister {
    @inlinable public static var cntkctlEL1: Self { Self(3, 0, 14, 1, 0) }
    @inlinable public static var cntfrqEL0: Self { Self(3, 3, 14, 0, 0) }
    @inlinable public static var cntpctEL0: Self { Self(3, 3, 14, 0, 1) }
    @inlinable public static var cntvctEL0: Self { Self(3, 3, 14, 0, 2) }
    @inlinable public static var cntpTVALEL0: Self { Self(3, 3, 14, 2, 0) }
    @inlinable public static var cntpCTLEL0: Self { Self(3, 3, 14, 2, 1) }
    @inlinable public static var cntpCVALEL0: Self { Self(3, 3, 14, 2, 2) }
    @inlinable public static var cntvTVALEL0: Self { Self(3, 3, 14, 3, 0) }
    @inlinable public static var cntvCTLEL0: Self { Self(3, 3, 14, 3, 1) }
    @inlinable public static var cntvCVALEL0: Self { Self(3, 3, 14, 3, 2) }
}

// Debug.
extension SystemRegister {
    @inlinable public static var osdtrrxEL1: Self { Self(2, 0, 0, 0, 2) }
    @inlinable public static var mdccintEL1: Self { Self(2, 0, 0, 2, 0) }
    @inlinable public static var mdscrEL1: Self { Self(2, 0, 0, 2, 2) }
    @inlinable public static var osdtrtxEL1: Self { Self(2, 0, 0, 3, 2) }
    @inlinable public static var oseccrEL1: Self { Self(2, 0, 0, 6, 2) }
    @inlinable public static var mdrarEL1: Self { Self(2, 0, 1, 0, 0) }
    @inlinable public static var oslarEL1: Self { Self(2, 0, 1, 0, 4) }
    @inlinable public static var oslsrEL1: Self { Self(2, 0, 1, 1, 4) }
    @inlinable public static var osdlrEL1: Self { Self(2, 0, 1, 3, 4) }
    @inlinable public static var dbgprcrEL1: Self { Self(2, 0, 1, 4, 4) }
    @inlinable public static var dbgclaimsetEL1: Self { Self(2, 0, 7, 8, 6) }
    @inlinable public static var dbgclaimclrEL1: Self { Self(2, 0, 7, 9, 6) }
    @inlinable public static var dbgauthstatusEL1: Self { Self(2, 0, 7, 14, 6) }
    @inlinable public static var mdccsrEL0: Self { Self(2, 3, 0, 1, 0) }
    @inlinable public static var dbgdtrEL0: Self { Self(2, 3, 0, 4, 0) }
    @inlinable public static var dbgdtrrxEL0: Self { Self(2, 3, 0, 5, 0) }
}

// CPU interface of the GIC.
extension SystemRegister {
    @inlinable public static var iccPMREL1: Self { Self(3, 0, 4, 6, 0) }
    @inlinable public static var iccIAR0EL1: Self { Self(3, 0, 12, 8, 0) }
    @inlinable public static var iccEOIR0EL1: Self { Self(3, 0, 12, 8, 1) }
    @inlinable public static var iccHPPIR0EL1: Self { Self(3, 0, 12, 8, 2) }
    @inlinable public static var iccBPR0EL1: Self { Self(3, 0, 12, 8, 3) }
    @inlinable public static var iccAP0R0EL1: Self { Self(3, 0, 12, 8, 4) }
    @inlinable public static var iccAP0R1EL1: Self { Self(3, 0, 12, 8, 5) }
    @inlinable public static var iccAP0R2EL1: Self { Self(3, 0, 12, 8, 6) }
    @inlinable public static var iccAP0R3EL1: Self { Self(3, 0, 12, 8, 7) }
    @inlinable public static var iccAP1R0EL1: Self { Self(3, 0, 12, 9, 0) }
    @inlinable public static var iccAP1R1EL1: Self { Self(3, 0, 12, 9, 1) }
    @inlinable public static var iccAP1R2EL1: Self { Self(3, 0, 12, 9, 2) }
    @inlinable public static var iccAP1R3EL1: Self { Self(3, 0, 12, 9, 3) }
    @inlinable public static var iccDIREL1: Self { Self(3, 0, 12, 11, 1) }
    @inlinable public static var iccRPREL1: Self { Self(3, 0, 12, 11, 3) }
    @inlinable public static var iccSGI1REL1: Self { Self(3, 0, 12, 11, 5) }
    @inlinable public static var iccASGI1REL1: Self { Self(3, 0, 12, 11, 6) }
    @inlinable public static var iccSGI0REL1: Self { Self(3, 0, 12, 11, 7) }
    @inlinable public static var iccIAR1EL1: Self { Self(3, 0, 12, 12, 0) }
    @inlinable public static var iccEOIR1EL1: Self { Self(3, 0, 12, 12, 1) }
    @inlinable public static var iccHPPIR1EL1: Self { Self(3, 0, 12, 12, 2) }
    @inlinable public static var iccBPR1EL1: Self { Self(3, 0, 12, 12, 3) }
    @inlinable public static var iccCTLREL1: Self { Self(3, 0, 12, 12, 4) }
    @inlinable public static var iccSREEL1: Self { Self(3, 0, 12, 12, 5) }
    @inlinable public static var iccIGRPEN0EL1: Self { Self(3, 0, 12, 12, 6) }
    @inlinable public static var iccIGRPEN1EL1: Self { Self(3, 0, 12, 12, 7) }
}

// Performance monitors: named for traces, not implemented.
extension SystemRegister {
    @inlinable public static var pmintensetEL1: Self { Self(3, 0, 9, 14, 1) }
    @inlinable public static var pmintenclrEL1: Self { Self(3, 0, 9, 14, 2) }
    @inlinable public static var pmmirEL1: Self { Self(3, 0, 9, 14, 6) }
    @inlinable public static var pmcrEL0: Self { Self(3, 3, 9, 12, 0) }
    @inlinable public static var pmcntensetEL0: Self { Self(3, 3, 9, 12, 1) }
    @inlinable public static var pmcntenclrEL0: Self { Self(3, 3, 9, 12, 2) }
    @inlinable public static var pmovsclrEL0: Self { Self(3, 3, 9, 12, 3) }
    @inlinable public static var pmswincEL0: Self { Self(3, 3, 9, 12, 4) }
    @inlinable public static var pmselrEL0: Self { Self(3, 3, 9, 12, 5) }
    @inlinable public static var pmceid0EL0: Self { Self(3, 3, 9, 12, 6) }
    @inlinable public static var pmceid1EL0: Self { Self(3, 3, 9, 12, 7) }
    @inlinable public static var pmccntrEL0: Self { Self(3, 3, 9, 13, 0) }
    @inlinable public static var pmxevtyperEL0: Self { Self(3, 3, 9, 13, 1) }
    @inlinable public static var pmxevcntrEL0: Self { Self(3, 3, 9, 13, 2) }
    @inlinable public static var pmuserenrEL0: Self { Self(3, 3, 9, 14, 0) }
    @inlinable public static var pmovssetEL0: Self { Self(3, 3, 9, 14, 3) }
    @inlinable public static var pmccfiltrEL0: Self { Self(3, 3, 14, 15, 7) }
}

extension SystemRegister {
    /// Arm's name of each register above.
    static let names: [SystemRegister: String] = [
        .midrEL1: "MIDR_EL1",
        .mpidrEL1: "MPIDR_EL1",
        .revidrEL1: "REVIDR_EL1",
        .idAA64PFR0EL1: "ID_AA64PFR0_EL1",
        .idAA64PFR1EL1: "ID_AA64PFR1_EL1",
        .idAA64PFR2EL1: "ID_AA64PFR2_EL1",
        .idAA64ZFR0EL1: "ID_AA64ZFR0_EL1",
        .idAA64SMFR0EL1: "ID_AA64SMFR0_EL1",
        .idAA64FPFR0EL1: "ID_AA64FPFR0_EL1",
        .idAA64DFR0EL1: "ID_AA64DFR0_EL1",
        .idAA64DFR1EL1: "ID_AA64DFR1_EL1",
        .idAA64DFR2EL1: "ID_AA64DFR2_EL1",
        .idAA64AFR0EL1: "ID_AA64AFR0_EL1",
        .idAA64AFR1EL1: "ID_AA64AFR1_EL1",
        .idAA64ISAR0EL1: "ID_AA64ISAR0_EL1",
        .idAA64ISAR1EL1: "ID_AA64ISAR1_EL1",
        .idAA64ISAR2EL1: "ID_AA64ISAR2_EL1",
        .idAA64ISAR3EL1: "ID_AA64ISAR3_EL1",
        .idAA64MMFR0EL1: "ID_AA64MMFR0_EL1",
        .idAA64MMFR1EL1: "ID_AA64MMFR1_EL1",
        .idAA64MMFR2EL1: "ID_AA64MMFR2_EL1",
        .idAA64MMFR3EL1: "ID_AA64MMFR3_EL1",
        .idAA64MMFR4EL1: "ID_AA64MMFR4_EL1",
        .ccsidrEL1: "CCSIDR_EL1",
        .clidrEL1: "CLIDR_EL1",
        .aidrEL1: "AIDR_EL1",
        .csselrEL1: "CSSELR_EL1",
        .ctrEL0: "CTR_EL0",
        .dczidEL0: "DCZID_EL0",
        .idPFR0EL1: "ID_PFR0_EL1",
        .idPFR1EL1: "ID_PFR1_EL1",
        .idDFR0EL1: "ID_DFR0_EL1",
        .idAFR0EL1: "ID_AFR0_EL1",
        .idMMFR0EL1: "ID_MMFR0_EL1",
        .idMMFR1EL1: "ID_MMFR1_EL1",
        .idMMFR2EL1: "ID_MMFR2_EL1",
        .idMMFR3EL1: "ID_MMFR3_EL1",
        .idISAR0EL1: "ID_ISAR0_EL1",
        .idISAR1EL1: "ID_ISAR1_EL1",
        .idISAR2EL1: "ID_ISAR2_EL1",
        .idISAR3EL1: "ID_ISAR3_EL1",
        .idISAR4EL1: "ID_ISAR4_EL1",
        .idISAR5EL1: "ID_ISAR5_EL1",
        .idMMFR4EL1: "ID_MMFR4_EL1",
        .idISAR6EL1: "ID_ISAR6_EL1",
        .mvfr0EL1: "MVFR0_EL1",
        .mvfr1EL1: "MVFR1_EL1",
        .mvfr2EL1: "MVFR2_EL1",
        .idPFR2EL1: "ID_PFR2_EL1",
        .idDFR1EL1: "ID_DFR1_EL1",
        .idMMFR5EL1: "ID_MMFR5_EL1",
        .sctlrEL1: "SCTLR_EL1",
        .actlrEL1: "ACTLR_EL1",
        .cpacrEL1: "CPACR_EL1",
        .ttbr0EL1: "TTBR0_EL1",
        .ttbr1EL1: "TTBR1_EL1",
        .tcrEL1: "TCR_EL1",
        .parEL1: "PAR_EL1",
        .mairEL1: "MAIR_EL1",
        .amairEL1: "AMAIR_EL1",
        .contextidrEL1: "CONTEXTIDR_EL1",
        .spsrEL1: "SPSR_EL1",
        .elrEL1: "ELR_EL1",
        .spEL0: "SP_EL0",
        .afsr0EL1: "AFSR0_EL1",
        .afsr1EL1: "AFSR1_EL1",
        .esrEL1: "ESR_EL1",
        .erridrEL1: "ERRIDR_EL1",
        .farEL1: "FAR_EL1",
        .vbarEL1: "VBAR_EL1",
        .rvbarEL1: "RVBAR_EL1",
        .rmrEL1: "RMR_EL1",
        .isrEL1: "ISR_EL1",
        .disrEL1: "DISR_EL1",
        .spSel: "SPSel",
        .currentEL: "CurrentEL",
        .pan: "PAN",
        .uao: "UAO",
        .nzcv: "NZCV",
        .daif: "DAIF",
        .ssbs: "SSBS",
        .fpcr: "FPCR",
        .fpsr: "FPSR",
        .tpidrEL1: "TPIDR_EL1",
        .tpidrEL0: "TPIDR_EL0",
        .tpidrroEL0: "TPIDRRO_EL0",
        .rndr: "RNDR",
        .rndrrs: "RNDRRS",
        .cntkctlEL1: "CNTKCTL_EL1",
        .cntfrqEL0: "CNTFRQ_EL0",
        .cntpctEL0: "CNTPCT_EL0",
        .cntvctEL0: "CNTVCT_EL0",
        .cntpTVALEL0: "CNTP_TVAL_EL0",
        .cntpCTLEL0: "CNTP_CTL_EL0",
        .cntpCVALEL0: "CNTP_CVAL_EL0",
        .cntvTVALEL0: "CNTV_TVAL_EL0",
        .cntvCTLEL0: "CNTV_CTL_EL0",
        .cntvCVALEL0: "CNTV_CVAL_EL0",
        .osdtrrxEL1: "OSDTRRX_EL1",
        .mdccintEL1: "MDCCINT_EL1",
        .mdscrEL1: "MDSCR_EL1",
        .osdtrtxEL1: "OSDTRTX_EL1",
        .oseccrEL1: "OSECCR_EL1",
        .mdrarEL1: "MDRAR_EL1",
        .oslarEL1: "OSLAR_EL1",
        .oslsrEL1: "OSLSR_EL1",
        .osdlrEL1: "OSDLR_EL1",
        .dbgprcrEL1: "DBGPRCR_EL1",
        .dbgclaimsetEL1: "DBGCLAIMSET_EL1",
        .dbgclaimclrEL1: "DBGCLAIMCLR_EL1",
        .dbgauthstatusEL1: "DBGAUTHSTATUS_EL1",
        .mdccsrEL0: "MDCCSR_EL0",
        .dbgdtrEL0: "DBGDTR_EL0",
        .dbgdtrrxEL0: "DBGDTRRX_EL0",
        .iccPMREL1: "ICC_PMR_EL1",
        .iccIAR0EL1: "ICC_IAR0_EL1",
        .iccEOIR0EL1: "ICC_EOIR0_EL1",
        .iccHPPIR0EL1: "ICC_HPPIR0_EL1",
        .iccBPR0EL1: "ICC_BPR0_EL1",
        .iccAP0R0EL1: "ICC_AP0R0_EL1",
        .iccAP0R1EL1: "ICC_AP0R1_EL1",
        .iccAP0R2EL1: "ICC_AP0R2_EL1",
        .iccAP0R3EL1: "ICC_AP0R3_EL1",
        .iccAP1R0EL1: "ICC_AP1R0_EL1",
        .iccAP1R1EL1: "ICC_AP1R1_EL1",
        .iccAP1R2EL1: "ICC_AP1R2_EL1",
        .iccAP1R3EL1: "ICC_AP1R3_EL1",
        .iccDIREL1: "ICC_DIR_EL1",
        .iccRPREL1: "ICC_RPR_EL1",
        .iccSGI1REL1: "ICC_SGI1R_EL1",
        .iccASGI1REL1: "ICC_ASGI1R_EL1",
        .iccSGI0REL1: "ICC_SGI0R_EL1",
        .iccIAR1EL1: "ICC_IAR1_EL1",
        .iccEOIR1EL1: "ICC_EOIR1_EL1",
        .iccHPPIR1EL1: "ICC_HPPIR1_EL1",
        .iccBPR1EL1: "ICC_BPR1_EL1",
        .iccCTLREL1: "ICC_CTLR_EL1",
        .iccSREEL1: "ICC_SRE_EL1",
        .iccIGRPEN0EL1: "ICC_IGRPEN0_EL1",
        .iccIGRPEN1EL1: "ICC_IGRPEN1_EL1",
        .pmintensetEL1: "PMINTENSET_EL1",
        .pmintenclrEL1: "PMINTENCLR_EL1",
        .pmmirEL1: "PMMIR_EL1",
        .pmcrEL0: "PMCR_EL0",
        .pmcntensetEL0: "PMCNTENSET_EL0",
        .pmcntenclrEL0: "PMCNTENCLR_EL0",
        .pmovsclrEL0: "PMOVSCLR_EL0",
        .pmswincEL0: "PMSWINC_EL0",
        .pmselrEL0: "PMSELR_EL0",
        .pmceid0EL0: "PMCEID0_EL0",
        .pmceid1EL0: "PMCEID1_EL0",
        .pmccntrEL0: "PMCCNTR_EL0",
        .pmxevtyperEL0: "PMXEVTYPER_EL0",
        .pmxevcntrEL0: "PMXEVCNTR_EL0",
        .pmuserenrEL0: "PMUSERENR_EL0",
        .pmovssetEL0: "PMOVSSET_EL0",
        .pmccfiltrEL0: "PMCCFILTR_EL0",
    ]
}

extension SystemRegister {
    /// The feature that a register needs; those that are not listed are no feature's.
    static let features: [SystemRegister: CPUFeature] = [
        .pan: .pan,
        .uao: .uao,
        .ssbs: .ssbs2,
        .erridrEL1: .ras,
        .disrEL1: .ras,
        .fpcr: .fp,
        .fpsr: .fp,
        .rndr: .rng,
        .rndrrs: .rng,
        .iccPMREL1: .gicv3,
        .iccIAR0EL1: .gicv3,
        .iccEOIR0EL1: .gicv3,
        .iccHPPIR0EL1: .gicv3,
        .iccBPR0EL1: .gicv3,
        .iccAP0R0EL1: .gicv3,
        .iccAP0R1EL1: .gicv3,
        .iccAP0R2EL1: .gicv3,
        .iccAP0R3EL1: .gicv3,
        .iccAP1R0EL1: .gicv3,
        .iccAP1R1EL1: .gicv3,
        .iccAP1R2EL1: .gicv3,
        .iccAP1R3EL1: .gicv3,
        .iccDIREL1: .gicv3,
        .iccRPREL1: .gicv3,
        .iccSGI1REL1: .gicv3,
        .iccASGI1REL1: .gicv3,
        .iccSGI0REL1: .gicv3,
        .iccIAR1EL1: .gicv3,
        .iccEOIR1EL1: .gicv3,
        .iccHPPIR1EL1: .gicv3,
        .iccBPR1EL1: .gicv3,
        .iccCTLREL1: .gicv3,
        .iccSREEL1: .gicv3,
        .iccIGRPEN0EL1: .gicv3,
        .iccIGRPEN1EL1: .gicv3,
    ]
}
