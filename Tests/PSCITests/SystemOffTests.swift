import PSCI
import Testing

/// What KVM's psci_test asserts about SYSTEM_OFF2, and what it leaves out.
@Suite("SYSTEM_OFF and SYSTEM_OFF2")
struct SystemOffTests {
    private static let ids: [UInt32] = [0x8400_0015, 0xC400_0015]

    /// A code in the width of `id`.
    private func code(_ value: Int32, _ id: UInt32) -> UInt64 {
        id & 0x4000_0000 == 0 ? w0(value) : x0(Int64(value))
    }

    @Test("PSCI_FEATURES is exactly 1 on both ids", arguments: ids)
    func features(id: UInt32) {
        #expect(firmware().call(0x8400_000A, UInt64(id)).registers.x0 == 1)
    }

    @Test("Types 0 and 1 end the run, with INTERNAL_FAILURE for a core that is resumed", arguments: ids, [0, 1])
    func types(id: UInt32, type: UInt32) {
        let result = firmware().call(id, UInt64(type), 0)
        #expect(result.effect == .systemOff2(type: HibernateType(rawValue: type), cookie: 0))
        #expect(result.effect.endsRun)
        #expect(result.registers.x0 == code(-6, id))
    }

    @Test("A core that is resumed after the call may call again: two calls, two ends", arguments: ids)
    func twice(id: UInt32) {
        let firmware = firmware()
        #expect(firmware.call(id, 1, 0).effect == .systemOff2(type: .hibernateOff, cookie: 0))
        #expect(firmware.call(id, 0, 0).effect == .systemOff2(type: .unspecified, cookie: 0))
    }

    @Test("A cookie is an invalid parameter", arguments: ids, [0, 1] as [UInt64])
    func cookie(id: UInt32, type: UInt64) {
        for cookie: UInt64 in [1, 0x8000_0000, 0xFFFF_FFFF] {
            let result = firmware().call(id, type, cookie)
            #expect(result.registers.x0 == code(-2, id))
            #expect(result.effect == .none)
        }
    }

    @Test("The cookie of a 64-bit call is checked whole, of a 32-bit call only what it passes")
    func wideCookie() {
        #expect(firmware().call(0xC400_0015, 0, 0x1_0000_0000).registers.x0 == x0(-2))
        #expect(firmware().call(0x8400_0015, 0, 0x1_0000_0000).effect == .systemOff2(type: .unspecified, cookie: 0))
    }

    @Test(
        "Reserved types are invalid parameters", arguments: ids,
        [2, 3, 4, 0x100, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFF] as [UInt64])
    func reservedTypes(id: UInt32, type: UInt64) {
        let result = firmware().call(id, type, 0)
        #expect(result.registers.x0 == code(-2, id))
        #expect(result.effect == .none)
    }

    @Test("The type is 32 bits wide in a 64-bit call too")
    func typeIsAWord() {
        #expect(
            firmware().call(0xC400_0015, 0xFFFF_FFFF_0000_0001, 0).effect
                == .systemOff2(type: .hibernateOff, cookie: 0))
    }

    @Test(
        "Before 1.3 there is no SYSTEM_OFF2, neither to ask about nor to call", arguments: ids,
        [Version.v0_2, .v1_0, .v1_1, .v1_2])
    func before1_3(id: UInt32, version: Version) {
        for (type, cookie) in [(0, 0), (1, 0), (0, 1), (2, 0)] as [(UInt64, UInt64)] {
            let result = firmware(version).call(id, type, cookie)
            #expect(result.registers.x0 == code(-1, id))
            #expect(result.effect == .none)
        }
        #expect(firmware(version).call(0x8400_000A, UInt64(id)).registers.x0 == w0(-1))
    }

    @Test("It works from every core, whatever the others do", arguments: ids, 0..<4)
    func fromEveryCore(id: UInt32, caller: Int) {
        let machine = TestMachine()
        for core in 0..<4 { machine.setState(.on, ofCore: core) }
        machine.setState(.onPending, ofCore: (caller + 1) % 4)
        let result = firmware(on: machine).call(id, 0, 0, from: caller)
        #expect(result.effect == .systemOff2(type: .unspecified, cookie: 0))
    }

    @Test("SYSTEM_OFF ends the run, and is another end than SYSTEM_OFF2", arguments: Version.allCases)
    func systemOff(version: Version) {
        let result = firmware(version).call(0x8400_0008)
        #expect(result.effect == .systemOff)
        #expect(result.effect.endsRun)
        #expect(result.registers.x0 == w0(-6))
    }
}
