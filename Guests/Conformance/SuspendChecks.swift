// CPU_SUSPEND, CPU_DEFAULT_SUSPEND, PSCI_SET_SUSPEND_MODE, NODE_HW_STATE and the statistics: DEN0022 F.b §5.4, §5.18,
// §5.19, §5.21, §5.22 and §6.3.

import PSCI

extension Checks {
    /// OS-initiated mode comes first, as it is denied once CPU_SUSPEND was used.
    mutating func checkSuspension() {
        if InterruptController.isThere {
            InterruptController.enable(InterruptController.virtualTimer, core: 0)
            InterruptController.startInterface()
        }
        checkSuspendMode()
        checkNodes()
        checkStatisticErrors()
        guard InterruptController.isThere else {
            forEachWidth(.cpuSuspend) { checks, width in
                checks.skip(
                    width, .cpuSuspend, "suspends the core", because: "nothing could wake it: there is no GICv3")
            }
            return
        }
        forEachWidth(.cpuSuspend) { checks, width in
            checks.checkSuspendErrors(width)
            checks.checkStandby(width)
            if checks.expected.idleStates.contains(.corePowerDown) { checks.checkPowerDown(width, .cpuSuspend) }
        }
        if expected.has(.cpuDefaultSuspend) {
            forEachWidth(.cpuDefaultSuspend) { checks, width in checks.checkPowerDown(width, .cpuDefaultSuspend) }
        }
        checkOtherCore()
        if expected.has(.psciSetSuspendMode) {
            expect(
                .denied, .smc32, .psciSetSuspendMode, 1, what: "OS-initiated mode is DENIED once CPU_SUSPEND was used")
        }
    }

    private mutating func checkSuspendErrors(_ width: CallWidth) {
        let format = expected.format
        for state in [0x8000_0000, format == .original ? 0x4000_0000 : 0x1_0000, 0x0080_0000, 0x4, 0x30] as [UInt64] {
            expectNoSuspend(
                .invalidParameters, width, state, resumeEntryAddress(),
                what: "a power_state that there is not is INVALID_PARAMETERS")
        }
        guard expected.idleStates.contains(.corePowerDown) else { return }
        expectNoSuspend(
            expected.isAtLeast(.v1_0) ? .invalidAddress : .invalidParameters, width, expected.powerState(.powerDown),
            Self.nowhere, what: "an entry point that is not RAM is refused")
    }

    /// A CPU_SUSPEND that must fail with `code`. If the core is suspended all the same, its timer wakes it.
    private mutating func expectNoSuspend(
        _ code: ReturnCode, _ width: CallWidth, _ state: UInt64, _ entryPoint: UInt64, what: StaticString
    ) {
        setTimer(milliseconds: 20)
        let returned = firmware.conduit.suspendingCall(
            CallRegisters(.cpuSuspend, width, state, entryPoint, 0), core: 0)
        writeVirtualTimerControl(0)
        let value = width.signed(returned.registers.x0)
        if returned.arrival != nil { InterruptController.startInterface() }
        check(
            returned.arrival == nil && value == Int64(code.rawValue), width, .cpuSuspend, what, returned: value)
    }

    // MARK: The boot core, woken by its timer

    private func setTimer(milliseconds: UInt64) {
        writeVirtualTimerCompareValue(readVirtualCounter() &+ readCounterFrequency() / 1000 &* milliseconds)
        writeVirtualTimerControl(1)
    }

    private mutating func checkStandby(_ width: CallWidth) {
        let state = expected.isTold ? expected.powerState(.standby) : 0
        setTimer(milliseconds: 3)
        let start = microseconds
        let value = call(width, .cpuSuspend, state, Self.nowhere, 0)
        let waited = microseconds &- start
        writeVirtualTimerControl(0)
        check(value == 0, width, .cpuSuspend, "standby returns SUCCESS", returned: value)
        check(waited >= 2900, width, .cpuSuspend, "standby lasts until there is an interrupt")
    }

    private mutating func checkPowerDown(_ width: CallWidth, _ function: Function) {
        let contextID: UInt64 = 0xDEAD_C0DE
        let registers =
            function == .cpuSuspend
            ? CallRegisters(function, width, expected.powerState(.powerDown), resumeEntryAddress(), contextID)
            : CallRegisters(function, width, resumeEntryAddress(), contextID)
        let count = statistic(.psciStatCount, core: 0, expected.powerState(.powerDown))
        let residency = statistic(.psciStatResidency, core: 0, expected.powerState(.powerDown))
        setTimer(milliseconds: 3)
        let start = microseconds
        let returned = firmware.conduit.suspendingCall(registers, core: 0)
        let waited = microseconds &- start
        writeVirtualTimerControl(0)
        InterruptController.startInterface()
        check(waited >= 2900, width, function, "power-down lasts until there is an interrupt")
        guard let arrival = returned.arrival else {
            // §5.4.5: it may be downgraded, or not complete.
            let value = width.signed(returned.registers.x0)
            return check(
                value == 0, width, function, "power-down returns SUCCESS if it is not entered", returned: value)
        }
        check(arrival.contextID == contextID, width, function, "x0 is the context id after power-down")
        check(arrival.isInitialState, width, function, "the core is in the initial state of 6.4 after power-down")
        guard expected.has(.psciStatCount), expected.idleStates.contains(.corePowerDown) else { return }
        forEachWidth(.psciStatCount) { checks, width in
            let now = checks.call(width, .psciStatCount, checks.affinity(0), checks.expected.powerState(.powerDown))
            checks.check(now == Int64(count + 1), width, .psciStatCount, "counts a power-down", returned: now)
        }
        forEachWidth(.psciStatResidency) { checks, width in
            let state = checks.expected.powerState(.powerDown)
            let now = UInt64(bitPattern: checks.call(width, .psciStatResidency, checks.affinity(0), state))
            let spent = now &- residency
            checks.check(spent >= 2000 && spent <= waited &+ 1, width, .psciStatResidency, "is the time that passed")
        }
    }

    private func statistic(_ function: Function, core: Int, _ state: UInt64) -> UInt64 {
        UInt64(bitPattern: call(.smc64, function, affinity(core), state))
    }

    // MARK: Another core, woken by an interrupt that the boot core makes pending

    private mutating func checkOtherCore() {
        guard board.coreCount > 1, expected.isTold else { return }
        let core = 1
        let worker = Worker(core: core)
        let mailbox = Mailbox(ofCore: core)
        InterruptController.enable(InterruptController.wakeUp, core: core)
        forEachWidth(.cpuSuspend) { checks, width in
            guard checks.expected.idleStates.contains(.corePowerDown) else { return }
            let arrivals = mailbox[.arrivals]
            worker.ask(
                CallRegisters(
                    .cpuSuspend, width, checks.expected.powerState(.powerDown), secondaryEntryAddress(), 0xC0FFEE))
            if checks.expected.has(.nodeHWState) {
                checks.forEachWidth(.nodeHWState) { checks, width in
                    let isDown = checks.wait {
                        checks.call(width, .nodeHWState, checks.affinity(core), 0)
                            == Int64(NodeHardwareState.off.rawValue)
                    }
                    checks.check(isDown, width, .nodeHWState, "a core that is powered down is HW_OFF", core: core)
                }
            }
            _ = checks.wait { worker.hasTaken }
            let state = checks.state(ofCore: core)
            checks.check(state == Self.on, width, .affinityInfo, "an idle core is ON", core: core, returned: state)
            checks.expect(
                .alreadyOn, width, .cpuOn, checks.affinity(core), secondaryEntryAddress(),
                what: "an idle core is ALREADY_ON")
            checks.check(mailbox[.arrivals] == arrivals, width, .cpuSuspend, "the core stays down", core: core)
            worker.forget()
            InterruptController.set(InterruptController.wakeUp, core: core, isPending: true)
            let isUp = checks.wait { mailbox[.arrivals] == arrivals + 1 }
            InterruptController.set(InterruptController.wakeUp, core: core, isPending: false)
            checks.check(isUp, width, .cpuSuspend, "an interrupt brings the core to its entry point", core: core)
            checks.check(mailbox[.contextID] == 0xC0FFEE, width, .cpuSuspend, "x0 is the context id", core: core)
        }
    }

    // MARK: NODE_HW_STATE and statistics

    private mutating func checkNodes() {
        guard expected.has(.nodeHWState) else { return }
        forEachWidth(.nodeHWState) { checks, width in
            for level in UInt64(0)...1 {
                let value = checks.call(width, .nodeHWState, checks.affinity(0), level)
                checks.check(value == 0, width, .nodeHWState, "the calling core's nodes are HW_ON", returned: value)
            }
            checks.expect(
                .invalidParameters, width, .nodeHWState, checks.affinity(0), 0x7FFF_FFFF,
                what: "a level that there is not is INVALID_PARAMETERS")
            checks.expect(
                .invalidParameters, width, .nodeHWState, 0xFF_FFFF, 0,
                what: "a core that is not there is INVALID_PARAMETERS")
        }
    }

    private mutating func checkStatisticErrors() {
        for function in [Function.psciStatCount, .psciStatResidency] where expected.has(function) {
            forEachWidth(function) { checks, width in
                let none = checks.call(width, function, 0xFF_FFFF, checks.expected.powerState(.powerDown))
                checks.check(none == 0, width, function, "of a core that is not there is 0", returned: none)
                let unknown = checks.call(width, function, checks.affinity(0), 0x8000_0000)
                checks.check(unknown == 0, width, function, "of a state that there is not is 0", returned: unknown)
            }
        }
    }

    // MARK: OS-initiated mode

    private mutating func checkSuspendMode() {
        let mode = Function.psciSetSuspendMode
        guard expected.has(mode) else { return }
        expect(.invalidParameters, .smc32, mode, 2, what: "a mode that there is not is INVALID_PARAMETERS")
        expect(.success, .smc32, mode, 0, what: "the present mode is SUCCESS")
        guard expect(.success, .smc32, mode, 1, what: "OS-initiated mode can be switched on") else { return }
        if board.coreCount > 1 {
            expect(.denied, .smc32, mode, 0, what: "switching back is DENIED while another core is on")
            let isOffered = expected.idleStates.contains(.clusterPowerDown)
            let isSameCluster = affinity(0) >> 8 == affinity(1) >> 8
            if isOffered && isSameCluster {
                forEachWidth(.cpuSuspend) { checks, width in
                    checks.expectNoSuspend(
                        .denied, width,
                        checks.expected.powerState(.powerDown, cluster: .powerDown, lastIn: .cluster),
                        resumeEntryAddress(), what: "a cluster is DENIED while another core of it runs")
                    checks.expectNoSuspend(
                        .denied, width, checks.expected.powerState(.powerDown, lastIn: .cluster),
                        resumeEntryAddress(), what: "to be the last core is DENIED while another one runs")
                }
            }
            for core in otherCores { check(turnOff(core), .smc32, .cpuOff, "works in OS-initiated mode", core: core) }
        }
        expect(.success, .smc32, mode, 0, what: "switching back is fine once the other cores are off")
        for core in otherCores { check(turnOn(core), .smc64, .cpuOn, "works after OS-initiated mode", core: core) }
    }
}
