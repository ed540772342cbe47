// Instructions that make something of what others left in registers and flags.

enum FlagWords {
    private static let twoSources: [UInt32] = [
        0xAB00_0000, 0x2B00_0000, 0xEB00_0000, 0x6B00_0000,  // ADDS, SUBS
        0xBA00_0000, 0x3A00_0000, 0xFA00_0000, 0x7A00_0000,  // ADCS, SBCS
        0x9A00_0000, 0xDA00_0000, 0x1A00_0000, 0x5A00_0000,  // ADC, SBC
        0xEA00_0000, 0x6A00_0000, 0xEA20_0000, 0x6A20_0000,  // ANDS, BICS
        0xAA00_0000, 0xCA00_0000, 0x9B00_7C00, 0x1AC0_0C00,  // ORR, EOR, MUL, SDIV
        0x9AC0_2000, 0x1AC0_2C00, 0xEB20_0000, 0x2B20_4000,  // LSLV, RORV, SUBS and ADDS (extended register)
    ]
    private static let conditional: [UInt32] = [
        0x9A80_0000, 0x1A80_0400, 0xDA80_0000, 0x5A80_0400,  // CSEL, CSINC, CSINV, CSNEG
        0xFA40_0000, 0x3A40_0000, 0x7A40_0800, 0xBA40_0800,  // CCMP, CCMN
    ]

    /// An instruction on x0 to x14 that sets or reads flags, or does arithmetic on what others computed.
    static func draw(_ random: inout SeededGenerator) -> UInt32 {
        var registers: UInt32 = 0
        for place: UInt32 in [5, 16] { registers |= UInt32(random.below(15)) << place }
        if random.oneIn(3) {
            let choice = random.below(conditional.count)
            // CCMP and CCMN have flags where the others have Rd.
            let low = UInt32(random.below(choice < 4 ? 15 : 16))
            return conditional[choice] | registers | condition(&random) << 12 | low
        }
        return twoSources[random.below(twoSources.count)] | registers | UInt32(random.below(15))
    }

    /// Any condition but AL and NV.
    static func condition(_ random: inout SeededGenerator) -> UInt32 { UInt32(random.below(14)) }
}
