// The first CPU model.
//
// A57-class, with the later features that are cheap for software and save the guest work. Sizes are fields of ID
// registers, listed as (Arm's name, lowest bit, value); those that tell of features follow from `features`; all else is
// zero.

extension CPUModel {
    /// AArch64 at EL0 and EL1: Armv8.0-A with CRC32, AES, PMULL, SHA1, SHA256, LSE, RDM, DotProd, LRCPC, DC CVAP and
    /// RNDR; PAN, hardware access flag and dirty state, TLBI by range and in the Outer Shareable domain; 4, 16 and
    /// 64 KiB granules, 48-bit virtual and 40-bit physical addresses, 16-bit ASIDs; GICv3 system registers.
    public static let dormouse1 = CPUModel(
        name: "dormouse-1", isReleased: true,
        // CSV2 and CSV3: nothing is speculated here, so the guest needs neither branch predictor hardening nor page
        // table isolation. Half-precision arithmetic (FEAT_FP16) is not there: see
        // `dormouse2`.
        features: [
            .fp, .advSIMD, .crc32, .aes, .pmull, .sha1, .sha256, .lse, .rdm, .dotProd, .lrcpc, .lor,
            .rng, .pan, .dpb, .tlbios, .tlbirange, .gicv3, .hafdbs, .asid16, .csv2, .csv3,
        ],
        // LDLAR and STLLR were executed, as LDAR and STLR, when the model was released; ID_AA64MMFR1_EL1.LO is 0, for
        // there are no limited ordering regions.
        unadvertised: [.lor],
        sizes: [
            // Implementer 0 is for software, so no list of errata matches. Architecture 0xF: see the ID registers.
            .midrEL1: [
                IDField("Architecture", 16, 0xF), IDField("PartNum", 4, 1),
            ],
            // EL0 and EL1 are AArch64 only.
            .idAA64PFR0EL1: [
                IDField("EL0", 0, 1), IDField("EL1", 4, 1),
            ],
            // Armv8.0 debug. There is no way to say that there are no breakpoints or watchpoints: BRPs and WRPs are
            // the number minus one, and zero is reserved. So this is the least that can be said: two of each, of which
            // (CTX_CMPs, also minus one) one breakpoint is context-aware. No PMU and no trace.
            .idAA64DFR0EL1: [
                IDField("DebugVer", 0, 6), IDField("BRPs", 12, 1), IDField("WRPs", 20, 1),
            ],
            // PARange 2 is 40 bits. TGran4 and TGran64 of 0 mean supported, TGran16 says it with 1. BigEnd is 0:
            // little-endian only.
            .idAA64MMFR0EL1: [
                IDField("PARange", 0, 2), IDField("TGran16", 20, 1),
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
