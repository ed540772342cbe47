import Dispatch
import PSCI
import Synchronization
import Testing

@Suite("CPU_ON and CPU_OFF")
struct CPUOnOffTests {
    @Test("CPU_ON starts the core with the entry point and context id of KVM's psci_test")
    func asPSCITest() {
        let machine = TestMachine()
        let firmware = firmware(on: machine)
        #expect(
            firmware.call(0xC400_0003, 1, 0xFEED_F00D, 0xDEAD_C0DE)
                == CallResult(
                    registers: CallRegisters(x0: 0, x1: 1, x2: 0xFEED_F00D, x3: 0xDEAD_C0DE), effect: .none))
        #expect(machine.starts == [.init(core: 1, entryPoint: 0xFEED_F00D, contextID: 0xDEAD_C0DE, caller: 0)])
    }

    @Test("A core goes from OFF by ON_PENDING to ON, and back by its own CPU_OFF", arguments: CallWidth.allCases)
    func lifeOfACore(width: CallWidth) {
        let machine = TestMachine()
        let firmware = firmware(on: machine)
        func affinityInfo() -> UInt64 { firmware.call(CallRegisters(.affinityInfo, width, 2), caller: 0).registers.x0 }
        func cpuOn() -> Int64 {
            width.signed(firmware.call(CallRegisters(.cpuOn, width, 2, 0x4008_0000, 7), caller: 0).registers.x0)
        }
        #expect(affinityInfo() == 1)
        #expect(cpuOn() == 0)
        #expect(affinityInfo() == 2)
        #expect(cpuOn() == -5)
        firmware.coreStarted(2)
        #expect(affinityInfo() == 0)
        #expect(cpuOn() == -4)
        let off = firmware.call(0x8400_0002, from: 2)
        #expect(off.effect == .turnOffCaller)
        #expect(affinityInfo() == 1)
        #expect(cpuOn() == 0)
        #expect(machine.starts.map(\.core) == [2, 2])
    }

    @Test("CPU_ON of the calling core finds it on", arguments: [0x8400_0003, 0xC400_0003] as [UInt32])
    func ofTheCaller(id: UInt32) {
        #expect(Int32(truncatingIfNeeded: firmware().call(id, 0, 0x4000_0000).registers.x0) == -4)
    }

    @Test("A core that is not there, or bits outside the affinity fields, are invalid parameters")
    func invalidTargets() {
        let machine = TestMachine()
        let firmware = firmware(on: machine)
        // MPIDR_EL1 itself has bit 31 set, which is not part of the argument.
        for target: UInt64 in [4, 0xFF, 0x100, 0x0100_0001, 0x8000_0001, 0x4000_0001, 0x1_0000_0001] {
            #expect(firmware.call(0xC400_0003, target).registers.x0 == x0(-2), "\(target)")
        }
        for bit in UInt64(40)..<64 {
            #expect(firmware.call(0xC400_0003, 1 << bit | 1).registers.x0 == x0(-2), "\(bit)")
        }
        for bit in UInt64(24)..<32 {
            #expect(firmware.call(0x8400_0003, 1 << bit | 1).registers.x0 == w0(-2), "\(bit)")
        }
        #expect(machine.starts.isEmpty)
    }

    @Test("Cores are found by all four affinity fields")
    func affinities() {
        let machine = TestMachine(affinities: [
            Affinity(aff0: 0), Affinity(aff1: 1, aff0: 3), Affinity(aff2: 2, aff1: 1, aff0: 3),
            Affinity(aff3: 4, aff2: 2, aff1: 1, aff0: 3),
        ])
        let firmware = firmware(on: machine)
        #expect(firmware.call(0xC400_0003, 0x04_0002_0103).registers.x0 == 0)
        #expect(firmware.call(0xC400_0003, 0x103).registers.x0 == 0)
        #expect(firmware.call(0x8400_0003, 0x0002_0103).registers.x0 == 0)
        #expect(machine.starts.map(\.core) == [3, 1, 2])
    }

    @Test(
        "An entry point that is not the guest's is INVALID_ADDRESS since 1.0, INVALID_PARAMETERS in 0.2",
        arguments: Version.allCases)
    func invalidEntryPoint(version: Version) {
        let machine = TestMachine(refusesEntryPoints: true)
        let firmware = firmware(version, on: machine)
        #expect(firmware.call(0xC400_0003, 1, 0x1000).registers.x0 == x0(version == .v0_2 ? -2 : -9))
        #expect(firmware.call(0x8400_0003, 1, 0x1000).registers.x0 == w0(version == .v0_2 ? -2 : -9))
        #expect(machine.state(ofCore: 1) == .off)
        // What a 32-bit call passes is an address in RAM, once it is narrowed.
        #expect(firmware.call(0x8400_0003, 1, 0xFF_4008_0000).registers.x0 == 0)
    }

    @Test("A core that cannot start is INTERNAL_FAILURE, and off again")
    func physicalFailure() {
        let machine = TestMachine(startsFail: true)
        #expect(firmware(on: machine).call(0xC400_0003, 1).registers.x0 == x0(-6))
        #expect(machine.state(ofCore: 1) == .off)
    }

    @Test("Of cores that turn on the same core at once, exactly one succeeds")
    func race() {
        let machine = TestMachine(affinities: (0..<9).map { Affinity(aff0: $0) })
        let firmware = firmware(on: machine)
        for _ in 0..<200 {
            machine.setState(.off, ofCore: 8)
            let results = Mutex<[Int64]>([])
            DispatchQueue.concurrentPerform(iterations: 8) { caller in
                let registers = CallRegisters(.cpuOn, .smc64, 8, 0x4008_0000, UInt64(caller))
                let result = firmware.call(registers, caller: caller)
                // The winner's core starts while the others are still asking.
                if result.registers.x0 == 0 { firmware.coreStarted(8) }
                results.withLock { $0.append(CallWidth.smc64.signed(result.registers.x0)) }
            }
            let all = results.withLock { $0 }
            #expect(all.count { $0 == 0 } == 1)
            #expect(all.allSatisfy { $0 == 0 || $0 == -4 || $0 == -5 })
        }
        #expect(machine.starts.count == 200)
    }

    @Test("A core that turns itself off can be turned on at once, and the start is not lost")
    func onWhileGoingOff() {
        let machine = TestMachine()
        let firmware = firmware(on: machine)
        for round in 1...50 {
            let outcomes = Mutex<[Int64]>([])
            machine.setState(.on, ofCore: 1)
            DispatchQueue.concurrentPerform(iterations: 2) { thread in
                if thread == 0 {
                    _ = firmware.call(0x8400_0002, from: 1)
                } else {
                    var code: Int64 = -4
                    while code == -4 { code = CallWidth.smc64.signed(firmware.call(0xC400_0003, 1).registers.x0) }
                    outcomes.withLock { $0.append(code) }
                }
            }
            #expect(outcomes.withLock { $0 } == [0])
            #expect(machine.starts.count == round)
        }
    }
}
