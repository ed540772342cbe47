import PSCI
import Testing

/// Two clusters of two cores: the example of Figure 4.
@Suite("Coordination of power states")
struct CoordinationTests {
    private static let entry: UInt64 = 0x4008_0000

    private enum State {
        static let standby: UInt64 = 0x1
        static let corePowerDown: UInt64 = 0x1_0003
        static let clusterRetention: UInt64 = 0x0101_0023
        static let clusterPowerDown: UInt64 = 0x0101_0033
        static let systemPowerDown: UInt64 = 0x0201_0333
        /// Bits 15:12 of the StateID.
        static let lastInCluster: UInt64 = 0x1000
        static let lastInSystem: UInt64 = 0x2000
    }

    private let firmware: Firmware<TestMachine>

    init() {
        firmware = Firmware(policy: Policy.test(idleStates: .all), platform: TestMachine(clusters: 2))
        firmware.turnAllOn()
    }

    private func suspend(_ core: Int, _ state: UInt64) -> Int64 {
        firmware.call64(.cpuSuspend, state, Self.entry, from: core)
    }

    /// NODE_HW_STATE: 0 on, 1 off, 2 standby.
    private func hardware(_ core: Int, _ level: UInt64) -> Int64 {
        firmware.call64(.nodeHWState, firmware.platform.topology.affinities[core].rawValue, level)
    }

    private func setMode(_ mode: UInt64) -> Int64 { firmware.call32(.psciSetSuspendMode, mode) }

    @Test("A cluster goes as deep as all of its cores tolerate, and is on while one of them is")
    func platformCoordinated() {
        #expect(suspend(0, State.clusterPowerDown) == 0)
        #expect(hardware(0, 0) == 1)
        #expect(hardware(0, 1) == 0)
        #expect(suspend(1, State.clusterRetention) == 0)
        #expect(hardware(0, 1) == 2)
        firmware.coreWoke(1)
        #expect(hardware(1, 0) == 0)
        #expect(hardware(0, 1) == 0)
        #expect(suspend(1, State.systemPowerDown) == 0)
        #expect(hardware(0, 1) == 1)
        #expect(hardware(2, 1) == 0)
        #expect(hardware(0, 2) == 0)
        firmware.coreWoke(0)
        #expect(suspend(0, State.standby) == 0)
        #expect(hardware(0, 0) == 2)
        #expect(hardware(0, 1) == 0)
    }

    @Test("Cores that are off tolerate everything (§5.4.6)")
    func offCores() {
        _ = firmware.call32(.cpuOff, from: 1)
        #expect(suspend(0, State.systemPowerDown) == 0)
        #expect(hardware(0, 1) == 1)
        #expect(hardware(0, 2) == 0)
        _ = firmware.call32(.cpuOff, from: 2)
        _ = firmware.call32(.cpuOff, from: 3)
        #expect(hardware(2, 1) == 1)
        #expect(hardware(0, 2) == 1)
        firmware.coreWoke(0)
        #expect(hardware(0, 2) == 0)
    }

    @Test("In platform-coordinated mode nothing is denied, and the last-in-level field means nothing")
    func neverDenied() {
        #expect(suspend(0, State.systemPowerDown | State.lastInSystem) == 0)
        #expect(hardware(0, 2) == 0)
    }

    @Test("In OS-initiated mode a request for a node with another core running is DENIED (§6.3, step 5)")
    func denied() {
        #expect(setMode(1) == 0)
        #expect(suspend(0, State.clusterPowerDown | State.lastInCluster) == -3)
        // The core said that it is the last one, even if it asks nothing of the cluster.
        #expect(suspend(0, State.corePowerDown | State.lastInCluster) == -3)
        #expect(suspend(0, State.corePowerDown) == 0)
        #expect(suspend(1, State.clusterPowerDown | State.lastInCluster) == 0)
        #expect(hardware(0, 1) == 1)
        // The other cluster runs.
        firmware.coreWoke(1)
        #expect(hardware(0, 1) == 0)
        #expect(suspend(1, State.systemPowerDown | State.lastInSystem) == -3)
    }

    @Test("The race of §6.3 ends with both requests rejected")
    func race() {
        #expect(setMode(1) == 0)
        // Core 0 is powered down; core 1 is about to ask for retention of the cluster as the last one.
        #expect(suspend(0, State.corePowerDown) == 0)
        // Core 0 is woken, and its next request overtakes core 1's.
        firmware.coreWoke(0)
        #expect(suspend(0, State.clusterPowerDown | State.lastInCluster) == -3)
        #expect(suspend(1, State.clusterRetention | State.lastInCluster) == -3)
        #expect(hardware(0, 1) == 0)
    }

    @Test("A cluster that the last core leaves running does not get an older request (§6.3, second example)")
    func staleRequest() {
        #expect(setMode(1) == 0)
        #expect(suspend(0, State.corePowerDown) == 0)
        #expect(suspend(1, State.clusterRetention | State.lastInCluster) == 0)
        #expect(hardware(0, 1) == 2)
        firmware.coreWoke(0)
        #expect(suspend(0, State.corePowerDown | State.lastInCluster) == 0)
        #expect(hardware(0, 1) == 0)
    }

    @Test("An idle core that is not deep enough is INVALID_PARAMETERS, even if another one runs (§5.4.5)")
    func incompatible() {
        #expect(setMode(1) == 0)
        #expect(suspend(0, State.standby) == 0)
        #expect(suspend(1, State.clusterPowerDown | State.lastInCluster) == -2)
        #expect(suspend(1, State.clusterRetention | State.lastInCluster) == -2)
        #expect(suspend(1, State.systemPowerDown | State.lastInSystem) == -2)
        // A cluster that is on around idle cores does not go with a system that is off.
        firmware.coreWoke(0)
        #expect(suspend(0, State.corePowerDown) == 0)
        #expect(suspend(2, State.corePowerDown) == 0)
        #expect(suspend(3, State.corePowerDown | State.lastInCluster) == 0)
        #expect(suspend(1, State.systemPowerDown | State.lastInSystem) == -2)
    }

    @Test("Cores that are off do not stand in the way of OS-initiated requests (§5.5.2)")
    func offCoresOSInitiated() {
        #expect(setMode(1) == 0)
        for core in 1..<4 { _ = firmware.call32(.cpuOff, from: core) }
        #expect(suspend(0, State.systemPowerDown | State.lastInSystem) == 0)
        #expect(hardware(0, 2) == 1)
        // A core that is on its way counts as running.
        firmware.coreWoke(0)
        #expect(firmware.call64(.cpuOn, 1, Self.entry) == 0)
        #expect(suspend(0, State.clusterPowerDown | State.lastInCluster) == -3)
    }

    @Test("Several requests at once leave a tree that agrees with the cores' own states")
    func concurrent() {
        #expect(setMode(1) == 0)
        for round in 0..<200 {
            let codes = concurrently(2) { core in suspend(core, State.clusterPowerDown | State.lastInCluster) }
            // Whoever came first met the other one running, and was sent back before the second came.
            #expect(codes == [-3, -3], "round \(round)")
            #expect(suspend(0, State.corePowerDown) == 0)
            #expect(suspend(1, State.clusterPowerDown | State.lastInCluster) == 0)
            #expect(hardware(0, 1) == 1)
            firmware.coreWoke(0)
            firmware.coreWoke(1)
        }
    }

    // MARK: PSCI_SET_SUSPEND_MODE

    @Test("There are two modes, and asking for the present one is fine")
    func modes() {
        #expect(setMode(2) == -2)
        #expect(setMode(0xFFFF_FFFF) == -2)
        #expect(setMode(0) == 0)
        #expect(setMode(1) == 0)
        #expect(setMode(1) == 0)
    }

    @Test("OS-initiated mode is denied once a core has used CPU_SUSPEND, not after CPU_DEFAULT_SUSPEND (§5.21.2)")
    func switchingOn() {
        _ = firmware.call64(.cpuDefaultSuspend, Self.entry, from: 1)
        #expect(setMode(1) == 0)
        #expect(setMode(0) == -3)
        for core in 1..<4 {
            firmware.coreWoke(core)
            _ = firmware.call32(.cpuOff, from: core)
        }
        #expect(setMode(0) == 0)
        #expect(suspend(0, State.standby) == 0)
        firmware.coreWoke(0)
        #expect(setMode(1) == -3)
    }

    @Test("OS-initiated mode is denied while a core is on its way")
    func switchingWithPendingCore() {
        _ = firmware.call32(.cpuOff, from: 3)
        #expect(firmware.call64(.cpuOn, 0x101, Self.entry) == 0)
        #expect(setMode(1) == -3)
        firmware.coreStarted(3)
        #expect(setMode(1) == 0)
    }

    @Test("Without PSCI_SET_SUSPEND_MODE there is no such mode")
    func withoutMode() {
        let policy = Policy.test(
            optional: Capabilities.possible(in: .v1_3).subtracting(Capabilities(.psciSetSuspendMode)))
        #expect(Firmware(policy: policy, platform: TestMachine()).call32(.psciSetSuspendMode, 1) == -1)
    }

    // MARK: SYSTEM_SUSPEND, CPU_FREEZE, NODE_HW_STATE

    @Test("SYSTEM_SUSPEND is DENIED while another core is not OFF, whatever it does (§5.20.2)")
    func systemSuspend() {
        #expect(firmware.call64(.systemSuspend, Self.entry, 7) == -3)
        _ = suspend(1, State.corePowerDown)
        for core in 2..<4 { _ = firmware.call32(.cpuOff, from: core) }
        #expect(firmware.call64(.systemSuspend, Self.entry, 7) == -3)
        firmware.coreWoke(1)
        _ = firmware.call32(.cpuOff, from: 1)
        #expect(firmware.call64(.systemSuspend, 0x1000, 7) == -9)
        for id: UInt32 in [0x8400_000E, 0xC400_000E] {
            #expect(
                firmware.call(id, Self.entry, 7).effect == .systemSuspend(entryPoint: Self.entry, contextID: 7))
            for level: UInt64 in 0...2 { #expect(hardware(0, level) == 1) }
            firmware.coreWoke(0)
            for level: UInt64 in 0...2 { #expect(hardware(0, level) == 0) }
        }
    }

    @Test("SYSTEM_SUSPEND goes down whatever the mode and the idle states are")
    func systemSuspendWithoutStates() {
        let policy = Policy.test(idleStates: [])
        let machine = TestMachine(clusters: 1, idleStates: policy.idleStates)
        let firmware = Firmware(policy: policy, platform: machine)
        #expect(firmware.call32(.psciSetSuspendMode, 1) == 0)
        #expect(firmware.call64(.systemSuspend, Self.entry) == 0)
        #expect(firmware.call64(.nodeHWState, 0, 2) == 1)
    }

    @Test("A frozen core is powered down and on, and only CPU_ON brings it back (§5.17)")
    func freeze() {
        #expect(firmware.call(0x8400_000B, from: 1).effect == .turnOffCaller)
        #expect(hardware(1, 0) == 1)
        #expect(firmware.call64(.affinityInfo, 1) == 0)
        #expect(suspend(0, State.clusterPowerDown) == 0)
        #expect(hardware(0, 1) == 0)
        firmware.coreWoke(0)
        #expect(firmware.call64(.cpuOn, 1, Self.entry) == 0)
        #expect(firmware.call64(.affinityInfo, 1) == 2)
        #expect(firmware.call64(.cpuOn, 1, Self.entry) == -5)
        firmware.coreStarted(1)
        #expect(firmware.call64(.cpuOn, 1, Self.entry) == -4)
    }

    @Test("NODE_HW_STATE knows three levels and the cores that there are")
    func invalidNodes() {
        #expect(hardware(0, 3) == -2)
        #expect(firmware.call64(.nodeHWState, 0x200, 0) == -2)
        #expect(firmware.call64(.nodeHWState, 1 << 31, 0) == -2)
    }
}
