// The first CPU model.
//
// A57-class, with the later features that are cheap for software and save the guest work. Fields are listed as
// (Arm's name, lowest bit, value); what is not listed is zero, which for most fields means "not implemented".

extension CPUModel {
    /// AArch64 at EL0 and EL1: Armv8.0-A with CRC32, AES, PMULL, SHA1, SHA256, LSE, RDM, DotProd, LRCPC, DC CVAP and
    /// RNDR; PAN, hardware access flag and dirty state, TLBI by range and in the Outer Shareable domain; 4, 16 and
    /// 64 KiB granules, 48-bit virtual and 40-bit physical addresses, 16-bit ASIDs; GICv3 system registers.
    public static let dormouse1 = CPUModel(
        name: "dormouse-1",
        fields: [
            // Implementer 0 is for software, so no list of errata matches. Architecture 0xF: see the ID registers.
            .midrEL1: [
                IDField("Architecture", 16, 0xF), IDField("PartNum", 4, 1),
            ],
            // EL0 and EL1 are AArch64 only. FP and AdvSIMD of 0 mean: there, without half-precision arithmetic.
            // CSV2 and CSV3: nothing is speculated here, so the guest needs neither branch predictor hardening nor
            // page table isolation.
            .idAA64PFR0EL1: [
                IDField("EL0", 0, 1), IDField("EL1", 4, 1), IDField("GIC", 24, 1), IDField("CSV2", 56, 1),
                IDField("CSV3", 60, 1),
            ],
            // Armv8.0 debug. There is no way to say that there are no breakpoints or watchpoints: BRPs and WRPs are
            // the number minus one, and zero is reserved. So this is the least that can be said: two of each, of which
            // (CTX_CMPs, also minus one) one breakpoint is context-aware. No PMU and no trace.
            .idAA64DFR0EL1: [
                IDField("DebugVer", 0, 6), IDField("BRPs", 12, 1), IDField("WRPs", 20, 1),
            ],
            // AES 2 includes PMULL; TLB 2 is Outer Shareable and range; Atomic 2 is all of LSE.
            .idAA64ISAR0EL1: [
                IDField("AES", 4, 2), IDField("SHA1", 8, 1), IDField("SHA2", 12, 1), IDField("CRC32", 16, 1),
                IDField("Atomic", 20, 2), IDField("RDM", 28, 1), IDField("DP", 44, 1), IDField("TLB", 56, 2),
                IDField("RNDR", 60, 1),
            ],
            .idAA64ISAR1EL1: [
                IDField("DPB", 0, 1), IDField("LRCPC", 20, 1),
            ],
            // PARange 2 is 40 bits; ASIDBits 2 is 16 bits. TGran4 and TGran64 of 0 mean supported, TGran16 says it
            // with 1. BigEnd is 0: little-endian only.
            .idAA64MMFR0EL1: [
                IDField("PARange", 0, 2), IDField("ASIDBits", 4, 2), IDField("TGran16", 20, 1),
            ],
            // HAFDBS 2 is access flag and dirty state. PAN 1 is without AT S1E1RP and AT S1E1WP.
            .idAA64MMFR1EL1: [
                IDField("HAFDBS", 0, 2), IDField("PAN", 20, 1),
            ],
            // Lines of 64 bytes: 2^4 words. L1Ip 3 is PIPT. IDC and DIC: instructions are coherent with data without
            // any maintenance, because the back end watches the pages that it has translated. Bit 31 is RES1.
            .ctrEL0: [
                IDField("IminLine", 0, 4), IDField("L1Ip", 14, 3), IDField("DminLine", 16, 4), IDField("ERG", 20, 4),
                IDField("CWG", 24, 4), IDField("IDC", 28, 1), IDField("DIC", 29, 1), IDField("RES1", 31, 1),
            ],
            // DC ZVA clears 64 bytes: 2^4 words. (A read at EL0 has DZP, bit 4, set when SCTLR_EL1.DZE is clear.)
            .dczidEL0: [
                IDField("BS", 0, 4)
            ],
            // One level with separate caches, because guests expect to find one. LoC is 1: coherence is beyond it.
            // LoUU and LoUIS are 0, as IDC says: data and instructions are unified before it.
            .clidrEL1: [
                IDField("Ctype1", 0, 3), IDField("LoC", 24, 1),
            ],
        ],
        caches: [
            // Level 1 data and instruction: 32 KiB each.
            0: Cache(lineShift: 6, associativity: 4, sets: 128),
            1: Cache(lineShift: 6, associativity: 4, sets: 128),
        ])

    /// DCZID_EL0.DZP: set in what EL0 reads while SCTLR_EL1.DZE is clear.
    public static let dataZeroProhibited: UInt64 = 1 << 4
}
