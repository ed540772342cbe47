import PSCI
import Testing

@Suite("Which functions a version has")
struct GateTests {
    @Test("A call is answered exactly if the version has the function", arguments: FunctionRow.all, Version.allCases)
    func dispatch(row: FunctionRow, version: Version) {
        // No function that we offer says NOT_SUPPORTED to this argument; it is PSCI_VERSION to PSCI_FEATURES.
        let argument: UInt64 = 0x8400_0000
        let answer32 = firmware(version).call(row.smc32, argument).registers.x0
        #expect((answer32 != w0(-1)) == row.isThere(in: version))
        let answer64 = firmware(version).call(row.smc64, argument).registers.x0
        #expect((answer64 != x0(-1)) == (row.isThere(in: version) && row.hasSMC64))
    }

    @Test(
        "PSCI_FEATURES says what a call would find", arguments: FunctionRow.all,
        [Version.v1_0, .v1_1, .v1_2, .v1_3])
    func features(row: FunctionRow, version: Version) {
        // Table 11: HIBERNATE_OFF, and OS-initiated mode.
        let flags: UInt64 = row.name == "SYSTEM_OFF2" || row.name == "CPU_SUSPEND" ? 1 : 0
        let there = row.isThere(in: version)
        #expect(firmware(version).call(0x8400_000A, UInt64(row.smc32)).registers.x0 == (there ? flags : w0(-1)))
        let there64 = there && row.hasSMC64
        #expect(firmware(version).call(0x8400_000A, UInt64(row.smc64)).registers.x0 == (there64 ? flags : w0(-1)))
    }

    @Test("PSCI 0.2 has no PSCI_FEATURES, whatever it is asked about", arguments: FunctionRow.all)
    func featuresBefore1_0(row: FunctionRow) {
        #expect(firmware(.v0_2).call(0x8400_000A, UInt64(row.smc32)).registers.x0 == w0(-1))
    }

    @Test("The mandatory functions are there even if a policy names none", arguments: FunctionRow.all, Version.allCases)
    func mandatory(row: FunctionRow, version: Version) throws {
        let function = try #require(FunctionID(rawValue: row.smc32).function)
        let policy = Policy.test(version: version, optional: [])
        #expect(policy.capabilities.contains(function) == (row.presence(in: version) == .mandatory))
    }

    @Test(
        "No policy offers what the version does not know, or MIGRATE without a trusted OS", arguments: Version.allCases)
    func noPolicyOffersMore(version: Version) throws {
        let policy = Policy.test(version: version, optional: Capabilities(rawValue: ~0))
        for row in FunctionRow.all {
            let function = try #require(FunctionID(rawValue: row.smc32).function)
            #expect(policy.capabilities.contains(function) == row.isThere(in: version), "\(row.name)")
        }
    }

    @Test("An optional function that the policy leaves out is not there", arguments: CallWidth.allCases)
    func optionalLeftOut(width: CallWidth) {
        let policy = Policy.test(optional: .possible(in: .v1_3).subtracting(Capabilities(.systemOff2)))
        let firmware = Firmware(policy: policy, platform: TestMachine())
        let id = FunctionID(.systemOff2, width)
        let notSupported = width == .smc32 ? w0(-1) : x0(-1)
        #expect(
            firmware.call(id.rawValue)
                == CallResult(
                    registers: CallRegisters(x0: notSupported), effect: .none))
        #expect(firmware.call(0x8400_000A, UInt64(id.rawValue)).registers.x0 == w0(-1))
    }

    @Test(
        "PSCI_VERSION is major<<16 | minor",
        arguments: [
            (Version.v0_2, 0x0000_0002), (.v1_0, 0x0001_0000), (.v1_1, 0x0001_0001), (.v1_2, 0x0001_0002),
            (.v1_3, 0x0001_0003),
        ] as [(Version, UInt64)])
    func version(version: Version, number: UInt64) {
        #expect(firmware(version).call(0x8400_0000).registers.x0 == number)
        #expect(Version(major: UInt32(number >> 16), minor: UInt32(number & 0xFFFF)) == version)
    }

    @Test("There are no other versions")
    func noOtherVersions() {
        for (major, minor) in [(0, 0), (0, 1), (0, 3), (1, 4), (2, 0), (0, 0x1_0002), (0x1_0000, 2)]
            as [(UInt32, UInt32)]
        {
            #expect(Version(major: major, minor: minor) == nil)
        }
    }
}
