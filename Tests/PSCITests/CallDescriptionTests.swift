import PSCI
import Testing

@Suite("Calls in words")
struct CallDescriptionTests {
    private func described(
        _ id: UInt32, _ x1: UInt64 = 0, _ x2: UInt64 = 0, _ x3: UInt64 = 0, _ version: Version = .v1_3
    ) -> String {
        let registers = CallRegisters(x0: UInt64(id), x1: x1, x2: x2, x3: x3)
        let machine = TestMachine(refusesEntryPoints: true, entropy: [~0])
        return CallDescription(registers, result: firmware(version, on: machine).call(registers, caller: 0)).description
    }

    @Test("A call names its function, arguments and result")
    func calls() {
        #expect(described(0x8400_0000) == "SMC32 PSCI_VERSION() = 1.3")
        #expect(
            described(0xC400_0003, 1, 0x4008_0000, 0xDEAD_C0DE)
                == "SMC64 CPU_ON(target_cpu 0x1, entry_point_address 0x40080000, context_id 0xdeadc0de) = SUCCESS")
        #expect(
            described(0x8400_0003, 1 << 32, 0)
                == "SMC32 CPU_ON(target_cpu 0x0, entry_point_address 0x0, context_id 0x0) = INVALID_ADDRESS")
        #expect(
            described(0xC400_0004, 1, 0) == "SMC64 AFFINITY_INFO(target_affinity 0x1, lowest_affinity_level 0) = OFF")
        #expect(
            described(0xC400_0004, 9, 0)
                == "SMC64 AFFINITY_INFO(target_affinity 0x9, lowest_affinity_level 0) = INVALID_PARAMETERS")
        #expect(described(0x8400_000A, 0xC400_0015) == "SMC32 PSCI_FEATURES(SMC64 SYSTEM_OFF2) = 0x1")
        #expect(described(0x8400_000A, 0xC400_0005) == "SMC32 PSCI_FEATURES(SMC64 MIGRATE) = NOT_SUPPORTED")
        #expect(described(0x8400_000A, 0x8000_0000) == "SMC32 PSCI_FEATURES(SMC32 SMCCC_VERSION) = 0x0")
        #expect(described(0x8400_0006) == "SMC32 MIGRATE_INFO_TYPE() = 0x2")
        #expect(described(0x8000_0000) == "SMC32 SMCCC_VERSION() = 1.1")
        #expect(
            described(0x8000_0001, 0x8000_7FFF)
                == "SMC32 SMCCC_ARCH_FEATURES(SMC32 SMCCC_ARCH_WORKAROUND_2) = NOT_REQUIRED")
    }

    @Test("A call that does not return says what becomes of the core or the machine")
    func effects() {
        #expect(described(0x8400_0002) == "SMC32 CPU_OFF() = core off")
        #expect(described(0x8400_000B) == "SMC32 CPU_FREEZE() = core frozen")
        #expect(
            described(0xC400_000E, 0x4008_0000, 7)
                == "SMC64 SYSTEM_SUSPEND(entry_point_address 0x40080000, context_id 0x7) = system suspended, then at "
                + "entry_point_address")
        #expect(
            described(0xC400_0001, 0x1_0003, 0x4008_0000)
                == "SMC64 CPU_SUSPEND(power_state 0x10003, entry_point_address 0x40080000, context_id 0x0) = "
                + "power-down, then at entry_point_address")
        #expect(described(0xC400_0011, 0, 0x1_0003) == "SMC64 PSCI_STAT_COUNT(target_cpu 0x0, power_state 0x10003) = 0")
        #expect(
            described(0xC400_0001, 0, 0, 0)
                == "SMC64 CPU_SUSPEND(power_state 0x0, entry_point_address 0x0, context_id 0x0) = standby, then SUCCESS"
        )
        #expect(described(0x8400_0008) == "SMC32 SYSTEM_OFF() = system off")
        #expect(described(0xC400_0015, 1) == "SMC64 SYSTEM_OFF2(type 0x1, cookie 0x0) = system off, hibernated")
        #expect(described(0xC400_0015, 1, 1) == "SMC64 SYSTEM_OFF2(type 0x1, cookie 0x1) = INVALID_PARAMETERS")
        #expect(
            described(0xC400_0015, 1, 0, 0, .v1_1) == "SMC64 SYSTEM_OFF2(type 0x1, cookie 0x0) = NOT_SUPPORTED")
        #expect(described(0x8400_0009) == "SMC32 SYSTEM_RESET() = system reset")
        #expect(described(0x8400_0012) == "SMC32 SYSTEM_RESET2(reset_type 0x0, cookie 0x0) = system warm reset")
    }

    @Test("A function that nobody knows is its number")
    func unknown() {
        #expect(described(0x8600_FF01) == "0x8600ff01() = NOT_SUPPORTED")
        #expect(described(0x8400_000A, 0x1234) == "SMC32 PSCI_FEATURES(0x1234) = NOT_SUPPORTED")
    }

    @Test("Entropy is not shown")
    func entropy() {
        #expect(described(0xC400_0053, 64) == "SMC64 TRNG_RND(bits 64) = SUCCESS")
        #expect(described(0xC400_0053, 192) == "SMC64 TRNG_RND(bits 192) = NO_ENTROPY")
        #expect(described(0x8400_0052) == "SMC32 TRNG_GET_UUID() = UUID")
    }
}
