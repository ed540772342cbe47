// The second CPU model: Armv8.2-A, near to a Neoverse N1.
//
// Sizes are fields of ID registers, listed as (Arm's name, lowest bit, value); those that tell of features follow from
// `features`; all else is zero. What a Neoverse N1 has and this has not: EL2 and EL3, and with them FEAT_VHE, FEAT_XNX
// and FEAT_VMID16, whose fields are about stage 2; AArch32 at EL0; FEAT_LOR; statistical profiling and a PMU; error
// records; and debug of Armv8.2. What it has of later architectures is cheap here and saves the guest work: RNDR, TLBI
// by range, FEAT_FlagM, FEAT_SB, FEAT_LRCPC2, and FEAT_E0PD, with which Linux has no page tables of their own for EL0.
//
// In preparation: it may be another one with the next version of Dormouse.
//
// Left out because it would not be cheap, or could not be kept: FEAT_LSE2, as a pair of registers is loaded in two
// accesses of the host; FEAT_DIT, as AES is done by tables on hosts that have no instructions for it.

extension CPUModel {
    /// AArch64 at EL0 and EL1: Armv8.2-A with CRC32, AES, PMULL, SHA1, SHA256, LSE, RDM, DotProd, half precision,
    /// LDAPR, LDAPUR, flag manipulation, SB, DC CVAP and RNDR; PAN with AT S1E1RP, UAO, SSBS, RAS without records;
    /// hardware access flag and dirty state, hierarchical permission disables, E0PD, CnP, TLBI by range and in the Outer
    /// Shareable domain; 4, 16 and 64 KiB granules, 48-bit virtual and 40-bit physical addresses, 16-bit ASIDs; GICv3
    /// system registers.
    public static let dormouse2 = CPUModel(
        name: "dormouse-2", isReleased: false,
        features: [
            .fp, .advSIMD, .fp16, .crc32, .aes, .pmull, .sha1, .sha256, .lse, .rdm, .dotProd, .lrcpc, .lrcpc2, .flagM,
            .sb, .rng, .pan, .pan2, .uao, .ssbs, .ssbs2, .ras, .iesb, .dpb, .tlbios, .tlbirange, .gicv3, .hafdbs,
            .asid16, .hpds, .e0pd, .ttcnp, .csv2, .csv3,
        ],
        sizes: [
            // Implementer 0 is for software, so no list of errata matches. Architecture 0xF: see the ID registers.
            .midrEL1: [
                IDField("Architecture", 16, 0xF), IDField("PartNum", 4, 2),
            ],
            // EL0 and EL1 are AArch64 only.
            .idAA64PFR0EL1: [
                IDField("EL0", 0, 1), IDField("EL1", 4, 1),
            ],
            // Debug, memory sizes and caches are dormouse-1's, where the reasons are.
            .idAA64DFR0EL1: [
                IDField("DebugVer", 0, 6), IDField("BRPs", 12, 1), IDField("WRPs", 20, 1),
            ],
            .idAA64MMFR0EL1: [
                IDField("PARange", 0, 2), IDField("TGran16", 20, 1),
            ],
            .ctrEL0: [
                IDField("IminLine", 0, 4), IDField("L1Ip", 14, 3), IDField("DminLine", 16, 4), IDField("ERG", 20, 4),
                IDField("CWG", 24, 4), IDField("IDC", 28, 1), IDField("DIC", 29, 1), IDField("RES1", 31, 1),
            ],
            .dczidEL0: [
                IDField("BS", 0, 4)
            ],
            .clidrEL1: [
                IDField("Ctype1", 0, 3), IDField("LoC", 24, 1),
            ],
        ],
        caches: [
            0: Cache(lineShift: 6, associativity: 4, sets: 128),
            1: Cache(lineShift: 6, associativity: 4, sets: 128),
        ])
}
