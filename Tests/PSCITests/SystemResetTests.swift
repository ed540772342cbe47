import PSCI
import Testing

@Suite("SYSTEM_RESET and SYSTEM_RESET2")
struct SystemResetTests {
    private static let ids: [UInt32] = [0x8400_0012, 0xC400_0012]

    @Test("SYSTEM_RESET ends the run with a cold reset", arguments: Version.allCases)
    func systemReset(version: Version) {
        let result = firmware(version).call(0x8400_0009)
        #expect(result.effect == .systemReset)
        #expect(result.effect.endsRun)
        #expect(result.registers.x0 == w0(-6))
    }

    @Test("Type 0 is a warm reset, with any cookie", arguments: ids, [0, 0x1234] as [UInt64])
    func warm(id: UInt32, cookie: UInt64) {
        let result = firmware().call(id, 0, cookie)
        #expect(result.effect == .systemReset2(type: .systemWarmReset, cookie: cookie))
        #expect(result.effect.endsRun)
        #expect(Int32(truncatingIfNeeded: result.registers.x0) == -6)
    }

    @Test("Other architectural types are invalid", arguments: ids, [1, 2, 0x7FFF_FFFF] as [UInt64])
    func reserved(id: UInt32, type: UInt64) {
        let result = firmware().call(id, type, 0)
        #expect(result.effect == .none)
        #expect(Int32(truncatingIfNeeded: result.registers.x0) == -2)
    }

    @Test("Vendor types carry their cookie", arguments: [0x8000_0000, 0x8000_0001, 0xFFFF_FFFF] as [UInt32])
    func vendor(type: UInt32) {
        let cookie: UInt64 = 0x1122_3344_5566_7788
        #expect(
            firmware().call(0xC400_0012, UInt64(type), cookie).effect
                == .systemReset2(type: ResetType(rawValue: type), cookie: cookie))
        #expect(
            firmware().call(0x8400_0012, UInt64(type), cookie).effect
                == .systemReset2(type: ResetType(rawValue: type), cookie: 0x5566_7788))
        #expect(ResetType(rawValue: type).isVendorSpecific)
        #expect(!ResetType.systemWarmReset.isVendorSpecific)
    }

    @Test("The type is 32 bits wide in a 64-bit call too")
    func typeIsAWord() {
        #expect(firmware().call(0xC400_0012, 1 << 32).effect == .systemReset2(type: .systemWarmReset, cookie: 0))
        #expect(firmware().call(0xC400_0012, 1 << 32 | 1).registers.x0 == x0(-2))
    }
}
