// The walk: geometry, TTBR selection, every fault kind at every level. Expected values are from DDI 0487, D8.2 and
// D8.3.

import Arm64
import Testing

@Suite struct TranslationWalkTests {
    /// An address with all kinds of index bits, cut to `txsz` and put into a half.
    static func address(txsz: UInt64, isUpper: Bool) -> UInt64 {
        let low = 0x0000_5A3C_96E1_7F0B & (UInt64.max >> txsz)
        return isUpper ? low | ~(UInt64.max >> txsz) : low
    }

    @Test(
        "An address is translated at every granule, size, half and leaf level",
        arguments: Granule.allCases, 16...39 as ClosedRange<UInt64>)
    func geometry(granule: Granule, txsz: UInt64) throws {
        for isUpper in [false, true] {
            let address = Self.address(txsz: txsz, isUpper: isUpper)
            for leafLevel in granule.leafLevels where leafLevel >= granule.startLevel(txsz: txsz) {
                var mapping = Mapping(granule, txsz: txsz, address: address, leafLevel: leafLevel)
                let translation = try mapping.translate().get()
                let offset = address & ((1 << mapping.leafShift) - 1)
                #expect(translation.physicalAddress == Mapping.output | offset)
                #expect(UInt64(translation.sizeShift) == mapping.leafShift)
                #expect(translation.contiguousShift == translation.sizeShift)
                #expect(Int(translation.level) == leafLevel)
                #expect(mapping.memory.loads == leafLevel - mapping.startLevel + 1)
                #expect(mapping.memory.updates == 0)
            }
        }
    }

    @Test("An invalid descriptor faults at its level", arguments: Granule.allCases)
    func invalidDescriptor(granule: Granule) {
        let address = Self.address(txsz: 16, isUpper: false)
        for level in granule.startLevel(txsz: 16)...3 {
            var mapping = Mapping(granule, address: address)
            mapping[level] &= ~Bits.valid
            #expect(fault(mapping.translate()) == TranslationFault(.translation, level: UInt8(level)))
        }
    }

    @Test("A block descriptor where there are no blocks, and at level 3, faults", arguments: Granule.allCases)
    func misplacedBlock(granule: Granule) {
        let address = Self.address(txsz: 16, isUpper: false)
        for level in granule.startLevel(txsz: 16)...3 where level == 3 || !granule.leafLevels.contains(level) {
            var mapping = Mapping(granule, address: address)
            mapping[level] = Mapping.output | Bits.af | Bits.valid
            #expect(fault(mapping.translate()) == TranslationFault(.translation, level: UInt8(level)))
        }
    }

    @Test("An aborted load of a descriptor is an external abort of its level", arguments: Granule.allCases)
    func externalAbort(granule: Granule) {
        let address = Self.address(txsz: 16, isUpper: true)
        for level in granule.startLevel(txsz: 16)...3 {
            var mapping = Mapping(granule, address: address)
            mapping.memory.aborting = [mapping.descriptorAddresses[level]!]
            #expect(fault(mapping.translate()) == TranslationFault(.externalAbortOnWalk, level: UInt8(level)))
        }
    }

    @Test("A table or output address beyond the output size faults at its level", arguments: Granule.allCases)
    func addressSize(granule: Granule) {
        let address = Self.address(txsz: 16, isUpper: false)
        for level in granule.startLevel(txsz: 16)...3 {
            var mapping = Mapping(granule, address: address)
            mapping[level] |= 1 << 40
            #expect(fault(mapping.translate()) == TranslationFault(.addressSize, level: UInt8(level)))
        }
        for leafLevel in granule.leafLevels {
            var mapping = Mapping(granule, address: address, leafLevel: leafLevel)
            mapping[leafLevel] |= 1 << 47
            #expect(fault(mapping.translate()) == TranslationFault(.addressSize, level: UInt8(leafLevel)))
        }
    }

    @Test("A TTBR beyond the output size faults at level 0")
    func tableBaseSize() {
        var mapping = Mapping(address: 0x1000)
        mapping.regime.ttbr0 |= 1 << 40
        #expect(fault(mapping.translate()) == TranslationFault(.addressSize, level: 0))
        #expect(mapping.memory.loads == 0)
    }

    @Test(
        "The output size is IPS, but no more than the model's",
        arguments: [(0, 32), (1, 36), (2, 40), (3, 42), (4, 44), (5, 48), (6, 48), (7, 48)] as [(UInt64, UInt64)])
    func outputSize(ips: UInt64, bits: UInt64) {
        var mapping = Mapping(address: 0x1000, output: 1 << (bits - 1))
        mapping.regime.tcr = mapping.regime.tcr & ~(7 << 32) | ips << 32
        mapping.regime.physicalAddressBits = 48
        #expect(mapping.regime.outputSize == bits)
        #expect((try? mapping.translate().get().physicalAddress) == 1 << (bits - 1))
        if bits < 48 {
            mapping[3] = 1 << bits | Bits.af | Bits.tableOrPage | Bits.valid
            #expect(fault(mapping.translate()) == TranslationFault(.addressSize, level: 3))
        }
        mapping.regime.physicalAddressBits = 40
        #expect(mapping.regime.outputSize == min(bits, 40))
    }

    @Test("A clear access flag faults at the leaf's level", arguments: Granule.allCases)
    func accessFlag(granule: Granule) {
        for leafLevel in granule.leafLevels {
            var mapping = Mapping(granule, address: 0x12345, leafLevel: leafLevel, attributes: 0)
            #expect(fault(mapping.translate()) == TranslationFault(.accessFlag, level: UInt8(leafLevel)))
        }
    }

    @Test("A forbidden access faults at the leaf's level", arguments: Granule.allCases)
    func permission(granule: Granule) {
        for leafLevel in granule.leafLevels {
            var mapping = Mapping(granule, address: 0x12345, leafLevel: leafLevel, attributes: Bits.af | Bits.ap2)
            #expect(fault(mapping.translate(.write)) == TranslationFault(.permission, level: UInt8(leafLevel)))
            #expect(fault(mapping.translate(.read)) == nil)
        }
    }

    @Test("The first fault is reported: address size before access flag before permission")
    func priority() {
        var mapping = Mapping(address: 0x1000, attributes: Bits.ap2 | 1 << 40)
        #expect(fault(mapping.translate(.write))?.kind == .addressSize)
        mapping[3] &= ~(1 << 40)
        #expect(fault(mapping.translate(.write))?.kind == .accessFlag)
        mapping[3] |= Bits.af
        #expect(fault(mapping.translate(.write))?.kind == .permission)
    }

    @Test("Addresses outside both halves fault at level 0, without a load", arguments: [16, 25, 39] as [UInt64])
    func holes(txsz: UInt64) {
        let end = UInt64.max >> txsz
        var lower = Mapping(txsz: txsz, address: end)
        #expect(fault(lower.translate()) == nil)
        lower.memory.loads = 0
        for address in [end + 1, 1 << 54, 1 << 56, 1 << 63] {
            #expect(fault(lower.translate(address: address)) == TranslationFault(.translation, level: 0))
        }
        var upper = Mapping(txsz: txsz, address: ~end)
        #expect(fault(upper.translate()) == nil)
        upper.memory.loads = 0
        for address in [~end - 1, ~(1 << 54), ~(1 << 56), ~(1 << 63)] {
            #expect(fault(upper.translate(address: address)) == TranslationFault(.translation, level: 0))
        }
        #expect(lower.memory.loads == 0 && upper.memory.loads == 0)
    }

    @Test("Sizes that are not implemented fault at level 0", arguments: [0, 1, 15, 40, 48, 63] as [UInt64])
    func unimplementedSizes(txsz: UInt64) {
        for address in [0, ~0xFFF] as [UInt64] {
            var mapping = Mapping(address: address)
            mapping.regime.tcr = mapping.regime.tcr & ~(0x3F | 0x3F << 16) | txsz | txsz << 16
            #expect(fault(mapping.translate()) == TranslationFault(.translation, level: 0))
        }
    }

    @Test("EPD0 and EPD1 disable their half only")
    func disabledWalks() {
        for (address, own, other) in [(0x1000, 7, 23), (~0xFFF, 23, 7)] as [(UInt64, UInt64, UInt64)] {
            var mapping = Mapping(address: address)
            mapping.regime.tcr = mapping.regime.tcr & ~(1 << own) | 1 << other
            #expect(fault(mapping.translate()) == nil)
            mapping.regime.tcr |= 1 << own
            #expect(fault(mapping.translate()) == TranslationFault(.translation, level: 0))
        }
    }

    @Test("TBI0 and TBI1 ignore the top byte of their half only; bit 55 selects")
    func topByteIgnored() throws {
        for (address, own, other) in [(0x1234, 37, 38), (~0xFFF, 38, 37)] as [(UInt64, UInt64, UInt64)] {
            var mapping = Mapping(address: address)
            let tagged = address ^ 0xA5 << 56
            let canonical = try mapping.translate().get()
            mapping.regime.tcr |= 1 << other
            #expect(fault(mapping.translate(address: tagged)) == TranslationFault(.translation, level: 0))
            mapping.regime.tcr |= 1 << own
            #expect(try mapping.translate(address: tagged).get() == canonical)
            #expect(try mapping.translate().get() == canonical)
            #expect(fault(mapping.translate(address: tagged ^ 1 << 54)) == TranslationFault(.translation, level: 0))
        }
    }

    @Test("The contiguous hint gives the range of its granule and level", arguments: Granule.allCases)
    func contiguous(granule: Granule) throws {
        for leafLevel in granule.leafLevels {
            var mapping = Mapping(
                granule, address: 0x7654_3210, leafLevel: leafLevel, attributes: Bits.af | Bits.contiguous)
            let translation = try mapping.translate().get()
            #expect(UInt64(translation.sizeShift) == mapping.leafShift)
            let expected = mapping.leafShift + granule.contiguousEntriesShift(level: leafLevel)
            #expect(UInt64(translation.contiguousShift) == expected)
        }
    }

    @Test("nG, SH and AttrIndx are reported")
    func attributes() throws {
        var mapping = Mapping(address: 0x1000, attributes: Bits.af | 3 << 8 | 1 << 2)
        var translation = try mapping.translate().get()
        #expect(translation.isGlobal)
        #expect(translation.shareability == 3)
        #expect(translation.memoryType == .normalNonCacheable)
        mapping[3] = mapping[3] & ~(3 << 8 | 7 << 2) | Bits.nG
        translation = try mapping.translate().get()
        #expect(!translation.isGlobal)
        #expect(translation.shareability == 0)
        #expect(translation.memoryType == .normalCacheable)
        for index in 0..<8 as Range<UInt64> {
            mapping.regime.mair = 0x8877_6655_4433_2211
            mapping[3] = mapping[3] & ~(7 << 2) | index << 2
            #expect(try mapping.translate().get().attributes == UInt8(0x11 * (index + 1)))
        }
    }

    @Test(
        "MAIR_EL1 bytes decode to memory types",
        arguments: [
            (0x00, .deviceNGnRnE), (0x04, .deviceNGnRE), (0x08, .deviceNGRE), (0x0C, .deviceGRE),
            (0x44, .normalNonCacheable), (0xFF, .normalCacheable), (0xBB, .normalCacheable), (0x4F, .normalCacheable),
        ] as [(UInt8, MemoryType)])
    func memoryTypes(attributes: UInt8, type: MemoryType) {
        #expect(MemoryType(attributes: attributes) == type)
        #expect(type.isDevice == (attributes < 0x10))
    }

    @Test("With the MMU off an address is its own translation, of Device memory, with every permission")
    func disabledMMU() throws {
        var mapping = Mapping(address: 0x1000)
        mapping.regime.sctlr = SCTLR.wxn
        for kind in [.read, .write, .execute] as [TranslationAccess.Kind] {
            let translation = try mapping.translate(kind, privileged: false, address: 0xFF_1234_5677).get()
            #expect(translation.physicalAddress == 0xFF_1234_5677)
            #expect(translation.memoryType == .deviceNGnRnE)
            #expect(translation.permissions == .all)
            #expect(translation.isGlobal)
        }
        #expect(fault(mapping.translate(address: 1 << 40)) == TranslationFault(.addressSize, level: 0))
        #expect(fault(mapping.translate(address: .max)) == TranslationFault(.addressSize, level: 0))
        let tagged: UInt64 = 0xA5 << 56 | 0x1234
        #expect(fault(mapping.translate(address: tagged)) == TranslationFault(.addressSize, level: 0))
        mapping.regime.tcr |= TCR.tbi0
        #expect(try mapping.translate(address: tagged).get().physicalAddress == 0x1234)
        #expect(mapping.memory.loads == 0)
    }

    @Test("The ASID comes from the TTBR of A1, with the size of AS")
    func asid() {
        var regime = TranslationRegime(sctlr: 1, tcr: 0, ttbr0: 0x1234 << 48, ttbr1: 0xABCD << 48, mair: 0)
        #expect(regime.asid == 0x34)
        regime.tcr = 1 << 36
        #expect(regime.asid == 0x1234)
        regime.tcr |= 1 << 22
        #expect(regime.asid == 0xABCD)
    }

    @Test("PAR_EL1 reports address and attributes, or the fault")
    func physicalAddressRegister() {
        var mapping = Mapping(address: 0x1234, attributes: Bits.af | 3 << 8)
        // ATTR 0xFF, PA 0x80_0000_0000, bit 11 RES1, NS, SH inner shareable.
        #expect(PAR.value(for: mapping.translate()) == 0xFF00_0080_0000_0B80)
        mapping.regime.mair = 0x04
        #expect(PAR.value(for: mapping.translate()) == 0x0400_0080_0000_0B00)
        mapping[3] = 0
        // FST 0b000111, bit 11 RES1, F.
        #expect(PAR.value(for: mapping.translate()) == 0x80F)
    }

    @Test("Random descriptors and registers give a result and never a trap")
    func fuzz() {
        /// Every load gives other random bits, mostly valid tables.
        struct RandomMemory: DescriptorMemory {
            var generator = SplitMix(state: 1)
            mutating func loadDescriptor(at address: UInt64) -> UInt64? {
                let bits = generator.next()
                return bits >> 60 == 0 ? nil : generator.next() & ~(0xFF << 40) | bits & 3 | bits >> 2 & 1
            }
            mutating func compareExchangeDescriptor(at address: UInt64, expected: UInt64, desired: UInt64) -> Bool? {
                let bits = generator.next()
                return bits & 15 == 0 ? nil : bits & 16 == 0
            }
        }
        var generator = SplitMix(state: 2)
        var memory = RandomMemory()
        var counts: [TranslationFault.Kind?: Int] = [:]
        for round in 0..<200_000 {
            let mask = generator.next()
            let regime = TranslationRegime(
                sctlr: generator.next() | 1,
                tcr: round & 1 == 0 ? generator.next() : generator.next() & ~(1 << 7 | 1 << 23 | 0x3F_003F) | 0x19_0019,
                ttbr0: generator.next() & ~(0xFF << 40), ttbr1: generator.next() & ~(0xFF << 40),
                mair: generator.next())
            let address = mask & 1 == 0 ? generator.next() >> 25 : ~(generator.next() >> 25)
            let kind: TranslationAccess.Kind = mask & 2 == 0 ? .read : mask & 4 == 0 ? .write : .execute
            let access = TranslationAccess(kind, privileged: mask & 8 == 0, setsDirtyState: mask & 16 == 0)
            switch regime.translate(address, for: access, pan: mask & 32 == 0, memory: &memory) {
            case .success(let translation):
                counts[nil, default: 0] += 1
                #expect(translation.physicalAddress >> 40 == 0)
                #expect(translation.permissions.allows(access, pan: mask & 32 == 0))
            case .failure(let fault):
                counts[fault.kind, default: 0] += 1
                #expect(fault.level <= 3)
            }
        }
        // All ways out were taken, or this test would prove little.
        for kind in [nil, .addressSize, .translation, .accessFlag, .permission, .externalAbortOnWalk]
            as [TranslationFault.Kind?]
        {
            #expect(counts[kind, default: 0] > 100)
        }
    }
}

/// Sebastiano Vigna's SplitMix64: the same sequence everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
