// TLBI operands. Expected ranges are worked out from the formula in DDI 0487, C5.5 (TLBI RVAE1):
// BaseADDR <= VA < BaseADDR + (NUM + 1) * 2^(5 * SCALE + 1) * granule.

import Arm64
import Testing

@Suite struct TLBInvalidationTests {
    /// 16-bit ASIDs, 4 KiB granules in both halves.
    static let regime = TranslationRegime(
        sctlr: 1, tcr: 1 << 36 | Granule.kib4.tg0 | Granule.kib4.tg1, ttbr0: 0, ttbr1: 0, mair: 0)

    static func decode(
        _ instruction: SystemInstruction, _ operand: UInt64, regime: TranslationRegime = regime
    ) -> TLBInvalidation? {
        TLBInvalidation(instruction, operand: operand, regime: regime)
    }

    /// TLBI R… operand.
    static func range(
        tg: UInt64, scale: UInt64, num: UInt64, base: UInt64, asid: UInt64 = 0, ttl: UInt64 = 0
    ) -> UInt64 {
        asid << 48 | tg << 46 | scale << 44 | num << 39 | ttl << 37 | base
    }

    @Test("Variants without suffix are local, IS and OS are broadcast")
    func broadcast() throws {
        #expect(try !#require(Self.decode(.tlbiVMALLE1, 0)).isBroadcast)
        #expect(try #require(Self.decode(.tlbiVMALLE1IS, 0)).isBroadcast)
        #expect(try #require(Self.decode(.tlbiVMALLE1OS, 0)).isBroadcast)
        let operand = Self.range(tg: 1, scale: 0, num: 0, base: 0)
        #expect(try !#require(Self.decode(.tlbiRVAE1, operand)).isBroadcast)
        #expect(try #require(Self.decode(.tlbiRVAE1IS, operand)).isBroadcast)
        #expect(try #require(Self.decode(.tlbiRVAE1OS, operand)).isBroadcast)
    }

    @Test("By ASID and everything")
    func asidAndAll() {
        #expect(Self.decode(.tlbiVMALLE1, .max)?.scope == .all)
        #expect(Self.decode(.tlbiASIDE1, 0x1234_FFFF_FFFF_FFFF)?.scope == .asid(0x1234))
        var small = Self.regime
        small.tcr &= ~(1 << 36)
        #expect(Self.decode(.tlbiASIDE1IS, 0x1234 << 48, regime: small)?.scope == .asid(0x34))
    }

    @Test("By address: VA[55:12] and ASID, with the TTL field ignored")
    func address() {
        let page: ClosedRange<UInt64> = 0x1234_5678_9000...0x1234_5678_9FFF
        let operand: UInt64 = 0x00AB_F001_2345_6789
        #expect(Self.decode(.tlbiVAE1, operand)?.scope == .addresses(page, asid: 0xAB))
        #expect(Self.decode(.tlbiVAE1, operand)?.lastLevelOnly == false)
        #expect(Self.decode(.tlbiVALE1IS, operand)?.scope == .addresses(page, asid: 0xAB))
        #expect(Self.decode(.tlbiVALE1IS, operand)?.lastLevelOnly == true)
        #expect(Self.decode(.tlbiVAAE1OS, operand)?.scope == .addressesAllASIDs(page))
        #expect(Self.decode(.tlbiVAALE1, operand)?.scope == .addressesAllASIDs(page))
        #expect(Self.decode(.tlbiVAALE1, operand)?.lastLevelOnly == true)
    }

    @Test("By address in the upper half: sign-extended from bit 55")
    func upperAddress() {
        let operand: UInt64 = 0x0001_0FFF_8000_8000
        #expect(
            Self.decode(.tlbiVAE1, operand)?.scope
                == .addresses(0xFFFF_F800_0800_0000...0xFFFF_F800_0800_0FFF, asid: 1))
        #expect(
            Self.decode(.tlbiVAAE1, 0x0FFF_FFFF_FFFF)?.scope
                == .addressesAllASIDs(0xFFFF_FFFF_FFFF_F000...0xFFFF_FFFF_FFFF_FFFF))
    }

    @Test("By address with a larger granule: the whole granule, by the half of the address")
    func largeGranules() {
        var regime = Self.regime
        regime.tcr = Granule.kib16.tg0 | Granule.kib64.tg1
        #expect(
            Self.decode(.tlbiVAAE1, 0x12347, regime: regime)?.scope == .addressesAllASIDs(0x1234_4000...0x1234_7FFF))
        #expect(
            Self.decode(.tlbiVAAE1, 0x0FFF_FFFF_FFF5, regime: regime)?.scope
                == .addressesAllASIDs(0xFFFF_FFFF_FFFF_0000...0xFFFF_FFFF_FFFF_FFFF))
    }

    @Test(
        "By range: (NUM + 1) * 2^(5 * SCALE + 1) granules from BaseADDR",
        arguments: [
            // tg, scale, num, base, first, byte count
            (1, 0, 0, 0x1234, 0x123_4000, 2 * 4096),
            (1, 0, 31, 0x1234, 0x123_4000, 64 * 4096),
            (1, 1, 0, 1, 0x1000, 64 * 4096),
            (1, 1, 2, 0, 0, 192 * 4096),
            (1, 2, 31, 0x1000, 0x100_0000, 65536 * 4096),
            (1, 3, 31, 0, 0, 2_097_152 * 4096),
            (2, 0, 1, 3, 0xC000, 4 * 16384),
            (2, 3, 0, 1, 0x4000, 65536 * 16384),
            (3, 0, 0, 5, 0x5_0000, 2 * 65536),
            (3, 2, 6, 0x10, 0x10_0000, 7 * 2048 * 65536),
        ] as [(UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)])
    func ranges(tg: UInt64, scale: UInt64, num: UInt64, base: UInt64, first: UInt64, byteCount: UInt64) {
        let operand = Self.range(tg: tg, scale: scale, num: num, base: base, asid: 0x8001, ttl: 3)
        let expected = first...first + byteCount - 1
        #expect(Self.decode(.tlbiRVAE1, operand)?.scope == .addresses(expected, asid: 0x8001))
        #expect(Self.decode(.tlbiRVALE1IS, operand)?.scope == .addresses(expected, asid: 0x8001))
        #expect(Self.decode(.tlbiRVALE1IS, operand)?.lastLevelOnly == true)
        #expect(Self.decode(.tlbiRVAAE1OS, operand)?.scope == .addressesAllASIDs(expected))
        #expect(Self.decode(.tlbiRVAALE1, operand)?.scope == .addressesAllASIDs(expected))
    }

    @Test("A range in the upper half is sign-extended, and cut at the end of its half")
    func rangeEnds() {
        // BaseADDR 0x1F_FFFF_FFFE is −2: the last two pages.
        let lastTwo = Self.range(tg: 1, scale: 0, num: 0, base: 0x1F_FFFF_FFFE)
        #expect(
            Self.decode(.tlbiRVAAE1, lastTwo)?.scope
                == .addressesAllASIDs(0xFFFF_FFFF_FFFF_E000...0xFFFF_FFFF_FFFF_FFFF))
        let beyond = Self.range(tg: 1, scale: 3, num: 31, base: 0x1F_FFFF_FFFE)
        #expect(Self.decode(.tlbiRVAAE1, beyond)?.scope == Self.decode(.tlbiRVAAE1, lastTwo)?.scope)
        let half = Self.range(tg: 1, scale: 0, num: 0, base: 0x10_0000_0000)
        #expect(
            Self.decode(.tlbiRVAAE1, half)?.scope
                == .addressesAllASIDs(0xFFFF_0000_0000_0000...0xFFFF_0000_0000_1FFF))
    }

    @Test("The reserved granule of a range invalidates nothing")
    func reservedGranule() {
        #expect(Self.decode(.tlbiRVAE1, Self.range(tg: 0, scale: 0, num: 0, base: 1)) == nil)
    }

    @Test("Only the TLBI instructions of the table are decoded, with any operand")
    func allInstructions() {
        var generator = SplitMix(state: 3)
        for rawValue in 0x4000...0x7FFF as ClosedRange<UInt16> {
            let instruction = SystemInstruction(rawValue: rawValue)
            let isNamed = instruction.name.hasPrefix("TLBI ")
            // TG is not reserved.
            let operand = generator.next() | 1 << 46
            #expect((Self.decode(instruction, operand) != nil) == isNamed)
        }
        for _ in 0..<100_000 {
            let operand = generator.next()
            if case .addressesAllASIDs(let range) = Self.decode(.tlbiRVAAE1, operand)?.scope {
                #expect(range.lowerBound >> 63 == range.upperBound >> 63)
                #expect(range.count >= 0x2000 || range.upperBound == .max)
            } else {
                #expect(operand >> 46 & 3 == 0)
            }
        }
    }
}
