// The CPU models, pinned: a released model never changes. The values were worked out by hand from the field tables of
// DDI 0487, D19.2, and the feature list of the model.

import Arm64
import Testing

@Suite struct CPUModelTests {
    static let golden: [(register: SystemRegister, value: UInt64)] = [
        (.midrEL1, 0x0000_0000_000F_0010),
        (.revidrEL1, 0),
        (.aidrEL1, 0),
        (.idAA64PFR0EL1, 0x1100_0000_0100_0011),
        (.idAA64PFR1EL1, 0),
        (.idAA64ZFR0EL1, 0),
        (.idAA64SMFR0EL1, 0),
        (.idAA64DFR0EL1, 0x0000_0000_0010_1006),
        (.idAA64DFR1EL1, 0),
        (.idAA64ISAR0EL1, 0x1200_1000_1021_1120),
        (.idAA64ISAR1EL1, 0x0000_0000_0010_0001),
        (.idAA64ISAR2EL1, 0),
        (.idAA64MMFR0EL1, 0x0000_0000_0010_0022),
        (.idAA64MMFR1EL1, 0x0000_0000_0010_0002),
        (.idAA64MMFR2EL1, 0),
        (.idPFR0EL1, 0),
        (.mvfr0EL1, 0),
        (.ctrEL0, 0x0000_0000_B444_C004),
        (.dczidEL0, 0x0000_0000_0000_0004),
        (.clidrEL1, 0x0000_0000_0100_0003),
    ]

    @Test("dormouse-1 is what it was when it was released", arguments: golden)
    func dormouse1(register: SystemRegister, value: UInt64) {
        #expect(CPUModel.dormouse1.value(of: register, cpu: 0) == value)
        #expect(CPUModel.dormouse1.value(of: register, cpu: 63) == value)
    }

    @Test("The golden values leave out no register that is not zero")
    func goldenIsComplete() {
        let pinned = Set(Self.golden.map(\.register))
        #expect(Set(CPUModel.dormouse1.fields.keys).isSubset(of: pinned))
    }

    @Test("The whole ID space is defined, and nothing else is")
    func idSpace() {
        for rawValue in 0...UInt16.max {
            let register = SystemRegister(rawValue: rawValue)
            let isInSpace =
                register.op0 == 3 && register.op1 == 0 && register.crn == 0 && (1...7).contains(register.crm)
            let isOther = [
                .midrEL1, .mpidrEL1, .revidrEL1, .aidrEL1, .ctrEL0, .dczidEL0, .clidrEL1,
            ].contains(register)
            #expect((CPUModel.dormouse1.value(of: register, cpu: 0) != nil) == (isInSpace || isOther))
        }
    }

    @Test(
        "MPIDR_EL1 has 16 cores to a cluster",
        arguments: [
            (0, 0x8000_0000), (1, 0x8000_0001), (15, 0x8000_000F), (16, 0x8000_0100), (63, 0x8000_030F),
        ] as [(Int, UInt64)])
    func affinity(cpu: Int, value: UInt64) {
        #expect(CPUModel.dormouse1.value(of: .mpidrEL1, cpu: cpu) == value)
    }

    @Test("CCSIDR_EL1 describes 32 KiB of data and of instruction cache at level 1, and nothing above")
    func caches() {
        // NumSets 127, Associativity 3, LineSize 2.
        #expect(CPUModel.dormouse1.cacheSize(selection: 0) == 0x000F_E01A)
        #expect(CPUModel.dormouse1.cacheSize(selection: 1) == 0x000F_E01A)
        for selection in 2..<16 as Range<UInt64> {
            #expect(CPUModel.dormouse1.cacheSize(selection: selection) == 0)
        }
    }

    @Test("No field overlaps another or is wider than four bits")
    func fields() {
        for model in CPUModel.all {
            for (register, fields) in model.fields {
                let lows = fields.map(\.lsb)
                #expect(Set(lows).count == lows.count)
                #expect(fields.allSatisfy { (1...15).contains($0.value) && $0.lsb < 64 })
                #expect(fields.reduce(0) { $0 &+ $1.value << $1.lsb } == model.value(of: register, cpu: 0))
            }
        }
    }

    @Test("What the walk and the debug registers need is read from the ID registers")
    func derivedSizes() {
        #expect(CPUModel.dormouse1.physicalAddressBits == 40)
        #expect(CPUModel.dormouse1.debugRegisterPairs == (2, 2))
    }
}
