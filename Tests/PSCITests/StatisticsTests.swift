import PSCI
import Testing

@Suite("PSCI_STAT_COUNT and PSCI_STAT_RESIDENCY")
struct StatisticsTests {
    private static let entry: UInt64 = 0x4008_0000
    private let machine = TestMachine(clusters: 2)
    private let firmware: Firmware<TestMachine>

    init() {
        firmware = Firmware(policy: Policy.test(idleStates: .all), platform: machine)
        firmware.turnAllOn()
    }

    private func statistics(_ target: UInt64, _ state: UInt64) -> [Int64] {
        [firmware.call64(.psciStatCount, target, state), firmware.call64(.psciStatResidency, target, state)]
    }

    @Test("A state counts once for each stay, and the time of all of them in microseconds")
    func counts() {
        for _ in 0..<3 {
            _ = firmware.call64(.cpuSuspend, 0x1_0003, Self.entry, from: 1)
            machine.wait(microseconds: 100)
            firmware.coreWoke(1)
            machine.wait(microseconds: 10)
        }
        #expect(statistics(1, 0x1_0003) == [3, 300])
        #expect(statistics(1, 0x1) == [0, 0])
        #expect(statistics(0, 0x1_0003) == [0, 0])
    }

    @Test("The present stay is in the time")
    func presentStay() {
        _ = firmware.call64(.cpuSuspend, 0x1, from: 1)
        machine.wait(microseconds: 7)
        #expect(statistics(1, 0x1) == [1, 7])
    }

    @Test("A cluster counts when the last of its cores goes down, by any core's name")
    func clusters() {
        _ = firmware.call64(.cpuSuspend, 0x0101_0033, Self.entry, from: 2)
        machine.wait(microseconds: 5)
        _ = firmware.call64(.cpuSuspend, 0x0101_0033, Self.entry, from: 3)
        machine.wait(microseconds: 20)
        firmware.coreWoke(2)
        for target: UInt64 in [0x100, 0x101] {
            #expect(statistics(target, 0x0101_0033) == [1, 20])
            #expect(statistics(target, 0x30) == [1, 20])
        }
        #expect(statistics(0x100, 0x1_0003) == [1, 25])
        #expect(statistics(0, 0x0101_0033) == [0, 0])
    }

    @Test("CPU_OFF and SYSTEM_SUSPEND count, as they enter power-down (§5.22.2)")
    func otherWays() {
        for core in 1..<4 { _ = firmware.call32(.cpuOff, from: core) }
        machine.wait(microseconds: 30)
        #expect(statistics(1, 0x1_0003) == [1, 30])
        #expect(statistics(0x100, 0x0101_0033) == [1, 30])
        _ = firmware.call64(.systemSuspend, Self.entry)
        machine.wait(microseconds: 1000)
        firmware.coreWoke(0)
        #expect(statistics(0, 0x0201_0333) == [1, 1000])
        #expect(statistics(0, 0x0101_0033) == [1, 1000])
    }

    @Test("What is no state of no node was never used", arguments: CallWidth.allCases)
    func invalid(width: CallWidth) {
        for (target, state) in [(9, 0x1_0003), (1 << 31, 0x1_0003), (0, 0), (0, 0x4), (0, 0x8001_0003)]
            as [(UInt64, UInt64)]
        {
            for function in [Function.psciStatCount, .psciStatResidency] {
                let result = firmware.call(CallRegisters(function, width, target, state), caller: 0)
                #expect(result.registers.x0 == 0)
            }
        }
    }

    @Test("A cold boot clears the figures, a warm one keeps them")
    func boots() {
        _ = firmware.call64(.cpuSuspend, 0x1, from: 0)
        machine.wait(microseconds: 7)
        firmware.coreWoke(0)
        machine.withState { $0.boot(core: 0, isCold: false) }
        #expect(statistics(0, 0x1) == [1, 7])
        machine.withState { $0.boot(core: 0, isCold: true) }
        #expect(statistics(0, 0x1) == [0, 0])
    }

    @Test("A 32-bit residency wraps at 32 bits (§5.22.3)")
    func wraps() {
        _ = firmware.call64(.cpuSuspend, 0x1, from: 0)
        machine.wait(microseconds: 1 << 32 | 5)
        firmware.coreWoke(0)
        #expect(firmware.call(0x8400_0010, 0, 0x1).registers.x0 == 5)
        #expect(firmware.call(0xC400_0010, 0, 0x1).registers.x0 == 1 << 32 | 5)
    }
}
