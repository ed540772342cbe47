import PSCI
import Testing

@Suite("AFFINITY_INFO")
struct AffinityInfoTests {
    /// Two clusters of two cores, and a third in another Aff2 and a fourth in another Aff3.
    private static let affinities = [
        Affinity(aff0: 0), Affinity(aff0: 1),
        Affinity(aff1: 1, aff0: 0), Affinity(aff1: 1, aff0: 1),
        Affinity(aff2: 1, aff0: 0),
        Affinity(aff3: 1, aff0: 0),
    ]

    private static let on: UInt64 = 0
    private static let off: UInt64 = 1
    private static let onPending: UInt64 = 2

    private let machine = TestMachine(affinities: affinities)

    private func info(_ target: UInt64, _ level: UInt64, _ version: Version = .v1_3) -> UInt64 {
        firmware(version, on: machine).call(0xC400_0004, target, level).registers.x0
    }

    @Test("Level 0 is a core", arguments: Version.allCases)
    func level0(version: Version) {
        #expect(info(0, 0, version) == Self.on)
        #expect(info(1, 0, version) == Self.off)
        #expect(info(0x1_0000_0000, 0, version) == Self.off)
        #expect(info(2, 0, version) == x0(-2))
    }

    @Test("A higher level is on if one core of it is, and the fields below it are ignored", arguments: Version.allCases)
    func higherLevels(version: Version) {
        #expect(info(0xFF, 1, version) == Self.on)
        #expect(info(0x1FF, 1, version) == Self.off)
        #expect(info(0x2FF, 1, version) == x0(-2))
        #expect(info(0xFFFF, 2, version) == Self.on)
        #expect(info(0x1_FFFF, 2, version) == Self.off)
        #expect(info(0x2_0000, 2, version) == x0(-2))
        #expect(info(0xFF_FFFF, 3, version) == Self.on)
        #expect(info(0x1_00FF_FFFF, 3, version) == Self.off)
        #expect(info(0x2_0000_0000, 3, version) == x0(-2))
    }

    @Test("ON_PENDING is for levels with a core on its way and none on")
    func onPending() {
        machine.setState(.onPending, ofCore: 3)
        #expect(info(0x101, 0) == Self.onPending)
        #expect(info(0x100, 0) == Self.off)
        #expect(info(0x100, 1) == Self.onPending)
        machine.setState(.on, ofCore: 2)
        #expect(info(0x100, 1) == Self.on)
        machine.setState(.onPending, ofCore: 1)
        #expect(info(0, 1) == Self.on)
    }

    @Test("There is no level above 3, and the level is 32 bits wide in a 64-bit call too")
    func levels() {
        for level: UInt64 in [4, 5, 8, 0x100, 0x8000_0000, 0xFFFF_FFFF] {
            #expect(info(0, level) == x0(-2))
        }
        #expect(info(0xFF, 0xFFFF_FFFF_0000_0001) == Self.on)
    }

    @Test("Bits outside the affinity fields are invalid, at every level", arguments: 0..<4 as Range<UInt64>)
    func reservedBits(level: UInt64) {
        for bit in Array(UInt64(24)..<32) + Array(40..<64) {
            #expect(info(1 << bit, level) == x0(-2))
        }
        #expect(firmware(on: machine).call(0x8400_0004, 0x8000_0000, level).registers.x0 == w0(-2))
    }

    @Test("The 32-bit call asks the same")
    func smc32() {
        let firmware = firmware(on: machine)
        #expect(firmware.call(0x8400_0004, 0x1_0000_0001, 0).registers.x0 == Self.off)
        #expect(firmware.call(0x8400_0004, 0xFF, 1).registers.x0 == Self.on)
        #expect(firmware.call(0x8400_0004, 9, 0).registers.x0 == w0(-2))
    }
}
