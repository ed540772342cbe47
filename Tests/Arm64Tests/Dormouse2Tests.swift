// The CPU model dormouse-2, pinned. The values were worked out by hand from the field tables of DDI 0487, D19.2, and the
// feature list of the model.

import Testing

@testable import Arm64

@Suite("dormouse-2") struct Dormouse2Tests {
    static let model = CPUModel.dormouse2

    static let golden: [(register: SystemRegister, value: UInt64)] = [
        (.midrEL1, 0x0000_0000_000F_0020),
        (.idAA64PFR0EL1, 0x1100_0000_1111_0011),
        (.idAA64PFR1EL1, 0x0000_0000_0000_0020),
        (.idAA64DFR0EL1, 0x0000_0000_0010_1006),
        (.idAA64ISAR0EL1, 0x1210_1000_1021_1120),
        (.idAA64ISAR1EL1, 0x0000_0010_0020_0001),
        (.idAA64MMFR0EL1, 0x0000_0000_0010_0022),
        (.idAA64MMFR1EL1, 0x0000_0000_0020_1002),
        (.idAA64MMFR2EL1, 0x1000_0000_0000_1011),
        (.ctrEL0, 0x0000_0000_B444_C004),
        (.dczidEL0, 0x0000_0000_0000_0004),
        (.clidrEL1, 0x0000_0000_0100_0003),
    ]

    @Test("Its ID registers are what its features make them", arguments: golden)
    func idRegisters(register: SystemRegister, value: UInt64) {
        #expect(Self.model.value(of: register, cpu: 0) == value)
        #expect(Self.model.value(of: register, cpu: 63) == value)
    }

    @Test("The golden values leave out no register that is not zero")
    func goldenIsComplete() {
        #expect(Set(Self.model.fields.keys) == Set(Self.golden.map(\.register)))
    }

    @Test("It has the features of dormouse-1 but for LDLAR and STLLR, and those of Armv8.2")
    func features() {
        let added = Self.model.features.subtracting(CPUModel.dormouse1.features)
        #expect(
            added.sorted().map(\.name) == [
                "FEAT_E0PD", "FEAT_FP16", "FEAT_FlagM", "FEAT_HPDS", "FEAT_IESB", "FEAT_LRCPC2", "FEAT_PAN2",
                "FEAT_RAS", "FEAT_SB", "FEAT_SSBS", "FEAT_SSBS2", "FEAT_TTCNP", "FEAT_UAO",
            ])
        #expect(CPUModel.dormouse1.features.subtracting(Self.model.features) == [.lor])
    }

    /// What the ID register that tells of a feature is without it, and without what cannot be without it.
    static let without: [(feature: CPUFeature, register: SystemRegister, value: UInt64)] = [
        (.fp16, .idAA64PFR0EL1, 0x1100_0000_1100_0011),
        (.ras, .idAA64PFR0EL1, 0x1100_0000_0111_0011),
        (.ras, .idAA64MMFR2EL1, 0x1000_0000_0000_0011),
        (.iesb, .idAA64MMFR2EL1, 0x1000_0000_0000_0011),
        (.e0pd, .idAA64MMFR2EL1, 0x0000_0000_0000_1011),
        (.ssbs, .idAA64PFR1EL1, 0),
        (.ssbs2, .idAA64PFR1EL1, 0x0000_0000_0000_0010),
        (.flagM, .idAA64ISAR0EL1, 0x1200_1000_1021_1120),
        (.sb, .idAA64ISAR1EL1, 0x0000_0000_0020_0001),
        (.lrcpc2, .idAA64ISAR1EL1, 0x0000_0010_0010_0001),
        (.hpds, .idAA64MMFR1EL1, 0x0000_0000_0020_0002),
        (.pan2, .idAA64MMFR1EL1, 0x0000_0000_0010_1002),
        (.ttcnp, .idAA64MMFR2EL1, 0x1000_0000_0000_1010),
        (.uao, .idAA64MMFR2EL1, 0x1000_0000_0000_1001),
    ]

    @Test(
        "The ID registers of a model that lacks a feature do not tell of it, and say all else as before",
        arguments: without)
    func lacking(feature: CPUFeature, register: SystemRegister, value: UInt64) {
        let model = Self.model.with(name: "test", removing: [feature])
        #expect(model.value(of: register, cpu: 0) == value)
        let told = Set(Self.without.filter { $0.feature == feature }.map(\.register))
        for rawValue in 0...UInt16.max {
            let other = SystemRegister(rawValue: rawValue)
            guard !told.contains(other) else { continue }
            #expect(model.value(of: other, cpu: 0) == Self.model.value(of: other, cpu: 0))
        }
    }

    @Test("Every feature that dormouse-1 lacks is in the table above")
    func everyFeature() {
        #expect(Set(Self.without.map(\.feature)) == Self.model.features.subtracting(CPUModel.dormouse1.features))
    }

    @Test("Control registers have its features' bits, and dormouse-1's have none of them")
    func controlBits() {
        let (old, new) = (CPUModel.dormouse1, Self.model)
        // IESB and DSSBS; HPD0, HPD1, E0PD0 and E0PD1; UAO and SSBS.
        #expect(new.sctlr.writable ^ old.sctlr.writable == 1 << 21 | 1 << 44)
        #expect(new.sctlr.ones == old.sctlr.ones)
        #expect(new.tcr.writable ^ old.tcr.writable == 1 << 41 | 1 << 42 | 1 << 55 | 1 << 56)
        #expect(new.pstate.writable ^ old.pstate.writable == 1 << 23 | 1 << 12)
        #expect(new.cpacr == old.cpacr)
        // AHP, DN, FZ, RMode.
        #expect(old.fpcr.writable == 0x07C0_0000 && old.fpcr.ones == 0)
        #expect(new.fpcr.writable == 0x07C8_0000 && new.fpcr.ones == 0)
    }

    @Test("dormouse-1 is promised to stay, and dormouse-2 is in preparation")
    func released() {
        #expect(CPUModel.all.filter(\.isReleased).map(\.name) == ["dormouse-1"])
    }

    @Test("A model is found by its name")
    func names() {
        for model in CPUModel.all { #expect(CPUModel.named(model.name)?.name == model.name) }
        #expect(CPUModel.named("dormouse-0") == nil)
        #expect("\(CPUModel.dormouse2)" == "dormouse-2")
    }

    @Test("An exception clears UAO, and makes SSBS what SCTLR_EL1.DSSBS says")
    func exceptions() {
        let before = PSTATE(rawValue: PSTATE.uao | PSTATE.ssbs | PSTATE.Mode.el1h.rawValue)
        #expect(before.takingException(span: true, ssbs: false).rawValue == 0x3C5)
        #expect(before.takingException(span: true, ssbs: true).rawValue == 0x13C5)
        #expect(PSTATE.reset.takingException(span: true, ssbs: true).rawValue == 0x13C5)
    }
}
