import PSCI
import Testing

@Suite("Function ids")
struct FunctionIDTests {
    @Test("Every id of the document decodes to the function of that name, and back", arguments: FunctionRow.all)
    func idsOfPSCI(row: FunctionRow) throws {
        let function = try #require(FunctionID(rawValue: row.smc32).function)
        #expect("\(function.name)" == row.name)
        #expect(FunctionID(function, .smc32).rawValue == row.smc32)
        #expect(FunctionID(rawValue: row.smc64).function == (row.hasSMC64 ? function : nil))
        if row.hasSMC64 { #expect(FunctionID(function, .smc64).rawValue == row.smc64) }
    }

    @Test(
        "Every function of PSCI is in the tests' table", arguments: Function.allCases.filter { $0.interface == .psci })
    func table(function: Function) {
        #expect(FunctionRow.all.contains { $0.name == "\(function.name)" }, "FunctionTable.swift has no row for it")
    }

    @Test(
        "The other interfaces have the ids of DEN0028 and DEN0098",
        arguments: [
            (0x8000_0000, "SMCCC_VERSION"), (0x8000_0001, "SMCCC_ARCH_FEATURES"),
            (0x8000_8000, "SMCCC_ARCH_WORKAROUND_1"), (0x8000_7FFF, "SMCCC_ARCH_WORKAROUND_2"),
            (0x8000_3FFF, "SMCCC_ARCH_WORKAROUND_3"), (0x8400_0050, "TRNG_VERSION"), (0x8400_0051, "TRNG_FEATURES"),
            (0x8400_0052, "TRNG_GET_UUID"), (0x8400_0053, "TRNG_RND"), (0xC400_0053, "TRNG_RND"),
        ] as [(UInt32, String)])
    func idsOfOthers(id: UInt32, name: String) throws {
        let function = try #require(FunctionID(rawValue: id).function)
        #expect("\(function.name)" == name)
        #expect(FunctionID(function, FunctionID(rawValue: id).width).rawValue == id)
    }

    @Test(
        "Ids that no document gives to PSCI, SMCCC or the TRNG are unknown",
        arguments: [
            // The next one, and the ids that CLEAN_INV_MEMREGION had in the alpha of 1.3 only.
            0x8400_0016, 0xC400_0016, 0x8400_0017,
            // A yielding call, another owner, the 64-bit form of functions that have none, and reserved bits.
            0x0400_0003, 0x8500_0003, 0xC400_0000, 0xC400_0008, 0xC000_0000, 0x8402_0003, 0xFFFF_FFFF, 0,
            // SMCCC_ARCH_SOC_ID.
            0x8000_0002,
        ] as [UInt32])
    func unknownIDs(id: UInt32) {
        #expect(FunctionID(rawValue: id).function == nil)
    }

    @Test("Bit 30 of an id is its width, known or not")
    func width() {
        #expect(FunctionID(rawValue: 0x8400_0003).width == .smc32)
        #expect(FunctionID(rawValue: 0xC400_0003).width == .smc64)
        #expect(FunctionID(rawValue: 0xBFFF_FFFF).width == .smc32)
        #expect(FunctionID(rawValue: 0x4000_0000).width == .smc64)
    }
}
