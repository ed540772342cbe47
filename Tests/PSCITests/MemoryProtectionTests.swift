import PSCI
import Testing

@Suite("MEM_PROTECT and MEM_PROTECT_CHECK_RANGE")
struct MemoryProtectionTests {
    @Test("MEM_PROTECT returns what was before, and any value but zero enables")
    func previousState() {
        let machine = TestMachine()
        let firmware = firmware(on: machine)
        #expect([0, 1, 0x8000_0000, 0, 0].map { firmware.call32(.memProtect, $0) } == [0, 0, 1, 1, 0])
        #expect(!machine.withState { $0.isMemoryProtected })
        _ = firmware.call32(.memProtect, 2)
        #expect(machine.withState { $0.isMemoryProtected })
        // §5.14.3: disabled again before a boot loader runs.
        machine.withState { $0.boot(core: 0, isCold: false) }
        #expect(firmware.call32(.memProtect, 0) == 0)
    }

    @Test("A range is protected if all of it is RAM")
    func ranges() {
        let firmware = firmware()
        let ram = TestMachine.ram
        let size = ram.upperBound - ram.lowerBound
        #expect(firmware.call64(.memProtectCheckRange, ram.lowerBound, size) == 0)
        #expect(firmware.call64(.memProtectCheckRange, ram.upperBound - 1, 1) == 0)
        for (base, length) in [
            (ram.lowerBound, size + 1), (ram.lowerBound - 1, 2), (ram.upperBound, 1), (ram.lowerBound, 0),
            (ram.lowerBound, ~0), (~0, 2), (0x0900_0000, 0x1000),
        ] as [(UInt64, UInt64)] {
            #expect(firmware.call64(.memProtectCheckRange, base, length) == -3, "\(base) \(length)")
        }
        #expect(firmware.call32(.memProtectCheckRange, 0xFF_4000_0000, 0xFF_0000_1000) == 0)
    }
}
