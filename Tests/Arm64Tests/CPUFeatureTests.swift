// A CPU model's features: what a guest finds follows from them, and from nothing else.

import Testing

@testable import Arm64

@Suite("CPU features") struct CPUFeatureTests {
    static let dormouse1 = CPUModel.dormouse1

    @Test("dormouse-1 has the features that it was released with")
    func pinned() {
        #expect(
            Self.dormouse1.featureNames == [
                "FEAT_AES", "FEAT_ASID16", "FEAT_AdvSIMD", "FEAT_CRC32", "FEAT_CSV2", "FEAT_CSV3", "FEAT_DPB",
                "FEAT_DotProd", "FEAT_FP", "FEAT_GICv3", "FEAT_HAFDBS", "FEAT_LOR", "FEAT_LRCPC", "FEAT_LSE",
                "FEAT_PAN",
                "FEAT_PMULL", "FEAT_RDM", "FEAT_RNG", "FEAT_SHA1", "FEAT_SHA256", "FEAT_TLBIOS", "FEAT_TLBIRANGE",
            ])
    }

    @Test("No model but dormouse-1 has a feature that its ID registers do not tell of")
    func unadvertised() {
        for model in CPUModel.all {
            #expect(
                model.unadvertised == (model.name == "dormouse-1" ? [.lor] : []),
                "\(model.name): leave it out, by `removing:` if the model follows from another one")
        }
    }

    @Test("ID registers tell of every other feature of a model", arguments: CPUModel.all.map(\.name))
    func advertised(name: String) throws {
        let model = try #require(CPUModel.all.first { $0.name == name })
        for feature in model.features.subtracting(model.unadvertised) {
            let lacking = model.with(name: "test", removing: [feature])
            #expect(lacking.fields != model.fields, "\(feature) needs a FeatureField")
        }
    }

    /// What any row or any model has.
    static let everything = CPUModel.dormouse1.with(
        name: "everything",
        adding: CPUModel.all.reduce(into: Set(EncodingTable.all.compactMap(\.feature))) { $0.formUnion($1.features) })

    @Test("Every feature that an encoding needs is a model's")
    func used() {
        let features = CPUModel.all.reduce(into: Set<CPUFeature>()) { $0.formUnion($1.features) }
        #expect(Self.everything.features.subtracting(features) == [], "no model's file has these")
    }

    @Test(
        "An encoding of a feature that a model lacks is not decoded, and all others are", arguments: everything.features
    )
    func encodings(feature: CPUFeature) {
        let model = Self.everything.with(name: "test", removing: [feature])
        #expect(!model.features.contains(feature))
        let all = Self.everything.decoder
        for row in EncodingTable.all {
            for fields in Self.samples {
                let word = row.value | ~row.mask & fields
                guard all.decode(word) == row.instruction else { continue }
                let found = model.decoder.decode(word)
                if row.feature.map(model.features.contains) ?? true {
                    #expect(found == row.instruction)
                } else {
                    #expect(found != row.instruction)
                    // Some rows are a special case of another, whose lowering refuses them then.
                    if let found, let other = EncodingTable.all.first(where: { $0.instruction == found }) {
                        #expect(other.feature.map(model.features.contains) ?? true)
                    }
                }
            }
        }
    }

    /// What fills the fields of a row.
    static let samples: [UInt32] = [0, .max, 0x5555_5555, 0xAAAA_AAAA, 0x3333_3333, 0x0F0F_0F0F, 0x9E37_79B9]

    /// What the ID register that tells of a feature is without it: dormouse-1's value but for the fields that DDI 0487,
    /// D19.2, gives to the feature, and to those that cannot be without it.
    static let without: [(feature: CPUFeature, register: SystemRegister, value: UInt64)] = [
        (.fp, .idAA64PFR0EL1, 0x1100_0000_01FF_0011),
        (.advSIMD, .idAA64PFR0EL1, 0x1100_0000_01FF_0011),
        (.fp, .idAA64ISAR0EL1, 0x1200_0000_0021_0000),
        (.gicv3, .idAA64PFR0EL1, 0x1100_0000_0000_0011),
        (.csv2, .idAA64PFR0EL1, 0x1000_0000_0100_0011),
        (.csv3, .idAA64PFR0EL1, 0x0100_0000_0100_0011),
        (.pmull, .idAA64ISAR0EL1, 0x1200_1000_1021_1110),
        (.aes, .idAA64ISAR0EL1, 0x1200_1000_1021_1100),
        (.sha1, .idAA64ISAR0EL1, 0x1200_1000_1021_0020),
        (.sha256, .idAA64ISAR0EL1, 0x1200_1000_1021_0020),
        (.crc32, .idAA64ISAR0EL1, 0x1200_1000_1020_1120),
        (.lse, .idAA64ISAR0EL1, 0x1200_1000_1001_1120),
        (.rdm, .idAA64ISAR0EL1, 0x1200_1000_0021_1120),
        (.dotProd, .idAA64ISAR0EL1, 0x1200_0000_1021_1120),
        (.tlbirange, .idAA64ISAR0EL1, 0x1100_1000_1021_1120),
        (.tlbios, .idAA64ISAR0EL1, 0x1000_1000_1021_1120),
        (.rng, .idAA64ISAR0EL1, 0x0200_1000_1021_1120),
        (.dpb, .idAA64ISAR1EL1, 0x0000_0000_0010_0000),
        (.lrcpc, .idAA64ISAR1EL1, 0x0000_0000_0000_0001),
        (.asid16, .idAA64MMFR0EL1, 0x0000_0000_0010_0002),
        (.hafdbs, .idAA64MMFR1EL1, 0x0000_0000_0010_0000),
        (.pan, .idAA64MMFR1EL1, 0x0000_0000_0000_0002),
        (.lor, .idAA64MMFR1EL1, 0x0000_0000_0010_0002),
    ]

    @Test(
        "The ID registers of a model that lacks a feature do not tell of it, and say all else as before",
        arguments: without)
    func idRegisters(feature: CPUFeature, register: SystemRegister, value: UInt64) {
        let model = Self.dormouse1.with(name: "test", removing: [feature])
        #expect(model.value(of: register, cpu: 0) == value)
        let told = Set(Self.without.filter { $0.feature == feature }.map(\.register))
        for rawValue in 0...UInt16.max {
            let other = SystemRegister(rawValue: rawValue)
            guard !told.contains(other), feature != .advSIMD || other != .idAA64ISAR0EL1 else { continue }
            #expect(model.value(of: other, cpu: 0) == Self.dormouse1.value(of: other, cpu: 0))
        }
    }

    @Test("Every feature of dormouse-1 is in the table above")
    func everyFeature() {
        #expect(Set(Self.without.map(\.feature)) == Self.dormouse1.features)
    }

    /// Bits of control registers that are there with a feature only (DDI 0487: SCTLR_EL1, TCR_EL1, SPSR_EL1,
    /// CPACR_EL1).
    static let controls: [CPUFeature: (sctlr: UInt64, tcr: UInt64, pstate: UInt64, cpacr: UInt64)] = [
        .pan: (1 << 23, 0, 1 << 22, 0),
        .hafdbs: (0, 1 << 39 | 1 << 40, 0, 0),
        .asid16: (0, 1 << 36, 0, 0),
        .fp: (0, 0, 0, 3 << 20),
        .advSIMD: (0, 0, 0, 3 << 20),
    ]

    @Test(
        "Control registers have no bits of a feature that a model lacks, and all others", arguments: dormouse1.features)
    func controlBits(feature: CPUFeature) {
        let model = Self.dormouse1.with(name: "test", removing: [feature])
        let (sctlr, tcr, pstate, cpacr) = Self.controls[feature] ?? (0, 0, 0, 0)
        #expect(model.sctlr.writable == Self.dormouse1.sctlr.writable & ~sctlr)
        // SPAN is RES1 without FEAT_PAN.
        #expect(model.sctlr.ones == Self.dormouse1.sctlr.ones | sctlr)
        #expect(model.tcr.writable == Self.dormouse1.tcr.writable & ~tcr)
        #expect(model.pstate.writable == Self.dormouse1.pstate.writable & ~pstate)
        #expect(model.cpacr.writable == Self.dormouse1.cpacr.writable & ~cpacr)
        #expect(Self.dormouse1.tcr.writable & tcr == tcr && Self.dormouse1.sctlr.writable & sctlr == sctlr)
        #expect(Self.dormouse1.pstate.writable & pstate == pstate && Self.dormouse1.cpacr.writable & cpacr == cpacr)
    }

    @Test("What a feature needs comes with it, and what needs it goes with it")
    func prerequisites() {
        let bare = Self.dormouse1.with(name: "bare", removing: Self.dormouse1.features)
        #expect(bare.features.isEmpty)
        #expect(bare.with(name: "test", adding: [.pmull]).features == [.pmull, .aes, .advSIMD, .fp])
        #expect(bare.with(name: "test", adding: [.tlbirange]).features == [.tlbirange, .tlbios])
        #expect(bare.with(name: "test", adding: Self.dormouse1.features).features == Self.dormouse1.features)
        let scalar = Self.dormouse1.with(name: "test", removing: [.fp])
        for feature in [.advSIMD, .aes, .pmull, .sha1, .sha256, .rdm, .dotProd] as [CPUFeature] {
            #expect(!scalar.features.contains(feature))
        }
    }

    @Test("Two models do not share a decoder, and copies of one do")
    func decoders() {
        let crc: UInt32 = 0x9AC3_4C41  // crc32x w1, w2, x3
        let without = Self.dormouse1.with(name: "test", removing: [.crc32])
        #expect(without.decoder.decode(crc) == nil)
        #expect(Self.dormouse1.decoder.decode(crc) == .crc32)
        var copy = without
        copy.coresPerCluster = 4
        #expect(copy.decoder.decode(crc) == nil)
    }
}

@Suite("A model with a feature that does not exist yet") struct NewFeatureTests {
    static let feature = CPUFeature("FEAT_Test")
    static let register = SystemRegister(op0: 3, op1: 3, crn: 2, crm: 5, op2: 0)
    static let instruction = SystemInstruction(op1: 3, crn: 7, crm: 13, op2: 1)
    /// An unallocated corner: bits 28:25 are zero.
    static let row = Encoding(.clrex, .system, "01100001 iiiiiiii iiiiiiii iiiiiiii", needs: feature)

    /// dormouse-1 when the tables know the feature; nothing but `features` decides whether it has it.
    static func model(withFeature: Bool) -> CPUModel {
        var tables = FeatureTables()
        tables.encodings.append(row)
        tables.fields.append(FeatureField(.idAA64ISAR2EL1, "Test", 8, [(3, feature)]))
        tables.registers[register] = feature
        tables.instructions[instruction] = feature
        tables.sctlr.append(FeatureBits(1 << 33, needs: feature))
        tables.tcr.append(FeatureBits(1 << 41, needs: feature))
        tables.pstate.append(FeatureBits(1 << 24, needs: feature))
        let base = CPUModel.dormouse1
        return CPUModel(
            name: "test", features: withFeature ? base.features.union([feature]) : base.features,
            unadvertised: base.unadvertised, sizes: base.sizes, caches: base.caches, tables: tables)
    }

    @Test("It decodes the feature's encodings, and every other word as before")
    func encodings() {
        let (old, new) = (CPUModel.dormouse1.decoder, Self.model(withFeature: true).decoder)
        var word: UInt32 = 0
        for _ in 0..<1_000_000 {
            // Every 32-bit number once, in a scattered order.
            word &+= 0x9E37_79B1
            let expected = Self.row.matches(word) ? .clrex : old.decode(word)
            guard new.decode(word) == expected else {
                Issue.record("0x\(String(word, radix: 16))")
                return
            }
        }
        #expect(new.decode(0x6100_0000) == .clrex)
        #expect(old.decode(0x6100_0000) == nil)
    }

    @Test("Its registers differ by the feature's fields and bits only")
    func registers() {
        let (old, new) = (CPUModel.dormouse1, Self.model(withFeature: true))
        for rawValue in 0...UInt16.max {
            let register = SystemRegister(rawValue: rawValue)
            let value = register == .idAA64ISAR2EL1 ? 0x300 : old.value(of: register, cpu: 0)
            #expect(new.value(of: register, cpu: 0) == value)
        }
        #expect(!new.lacks(Self.register))
        #expect(new.sctlr.writable == old.sctlr.writable | 1 << 33 && new.sctlr.ones == old.sctlr.ones)
        #expect(new.tcr.writable == old.tcr.writable | 1 << 41)
        #expect(new.pstate.writable == old.pstate.writable | 1 << 24)
        #expect(new.featureNames == (old.featureNames + ["FEAT_Test"]).sorted())
    }

    @Test("dormouse-1 finds nothing of it, although the tables know it")
    func unchanged() {
        let (old, same) = (CPUModel.dormouse1, Self.model(withFeature: false))
        #expect(same.decoder.decode(0x6100_0000) == nil)
        #expect(same.lacks(Self.register))
        #expect(!same.has(Self.instruction))
        #expect(same.fields == old.fields)
        #expect(same.sctlr == old.sctlr && same.tcr == old.tcr && same.pstate == old.pstate && same.cpacr == old.cpacr)
        #expect(same.featureNames == old.featureNames)
    }
}
