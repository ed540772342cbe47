import PSCI
import Testing

@Suite("Widths of arguments and results")
struct WidthTests {
    @Test("A 32-bit call does not see bits 63:32 of its arguments")
    func narrowing() {
        let machine = TestMachine()
        let result = firmware(on: machine).call(
            0x8400_0003, 0xDEAD_BEEF_0000_0001, 0xDEAD_BEEF_4008_0000, 0xDEAD_BEEF_1234_5678)
        #expect(result.registers.x0 == 0)
        #expect(machine.starts == [.init(core: 1, entryPoint: 0x4008_0000, contextID: 0x1234_5678, caller: 0)])
    }

    @Test("A 64-bit call sees all of its arguments")
    func noNarrowing() {
        let machine = TestMachine()
        let result = firmware(on: machine).call(0xC400_0003, 1, 0x0001_2345_4008_0000, 0xFFFF_0000_1234_5678)
        #expect(result.registers.x0 == 0)
        #expect(
            machine.starts == [
                .init(core: 1, entryPoint: 0x0001_2345_4008_0000, contextID: 0xFFFF_0000_1234_5678, caller: 0)
            ])
        #expect(firmware().call(0xC400_0003, 0x1_0000_0000_0001).registers.x0 == x0(-2))
    }

    @Test("The function id is w0: bits 63:32 of x0 are not looked at")
    func functionIDIsAWord() {
        let result = firmware().call(CallRegisters(x0: 0xFFFF_FFFF_8400_0000), caller: 0)
        #expect(result.registers.x0 == 0x0001_0003)
    }

    @Test("An error of a 32-bit call is 32 bits wide, of a 64-bit call 64 bits")
    func errors() {
        #expect(firmware().call(0x8400_0003, 99).registers.x0 == 0x0000_0000_FFFF_FFFE)
        #expect(firmware().call(0xC400_0003, 99).registers.x0 == 0xFFFF_FFFF_FFFF_FFFE)
    }

    @Test("An unknown function returns -1 in the width of its id")
    func unknown() {
        #expect(firmware().call(0x8600_FF01).registers.x0 == 0x0000_0000_FFFF_FFFF)
        #expect(firmware().call(0xC600_FF01).registers.x0 == 0xFFFF_FFFF_FFFF_FFFF)
    }

    @Test("Registers without a result keep what the caller had in them", arguments: FunctionRow.all)
    func otherRegistersAreKept(row: FunctionRow) {
        let passed = CallRegisters(x0: UInt64(row.smc32), x1: ~0, x2: 0x1122_3344_5566_7788, x3: 42)
        let registers = firmware().call(passed, caller: 0).registers
        #expect(registers.x1 == passed.x1)
        #expect(registers.x2 == passed.x2)
        #expect(registers.x3 == passed.x3)
    }

    @Test("A client reads what the firmware answers", arguments: CallWidth.allCases)
    func client(width: CallWidth) {
        struct Direct: CallConduit {
            let firmware: Firmware<TestMachine>
            func call(_ registers: CallRegisters) -> CallRegisters {
                firmware.call(registers, caller: 0).registers
            }
        }
        let client = Client(conduit: Direct(firmware: firmware()))
        #expect(client.call(.psciVersion, .smc32) == 0x0001_0003)
        #expect(client.call(.cpuOn, width, 0) == -4)
        #expect(client.call(.affinityInfo, width, 1) == 1)
        #expect(client.features(of: .systemOff2, width) == 1)
        #expect(client.features(of: .migrate, width) == -1)
    }
}
