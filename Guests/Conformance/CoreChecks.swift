// CPU_ON, CPU_OFF, CPU_FREEZE and AFFINITY_INFO: DEN0022 F.b §5.1.3 to §5.1.5, §5.17, §6.4 and §6.6.

import PSCI

extension Checks {
    /// Leaves every core on and serving.
    mutating func checkCores() {
        forEachWidth(.cpuOn) { checks, width in
            checks.expect(
                .alreadyOn, width, .cpuOn, checks.affinity(0), secondaryEntryAddress(),
                what: "the calling core is ALREADY_ON")
            // No board has all of Aff2 to Aff0 full; bits 31:24 are not part of the affinity.
            checks.expect(
                .invalidParameters, width, .cpuOn, 0xFF_FFFF, secondaryEntryAddress(),
                what: "a core that is not there is INVALID_PARAMETERS")
            checks.expect(
                .invalidParameters, width, .cpuOn, checks.affinity(0) | 1 << 31, secondaryEntryAddress(),
                what: "bits 31:24 of the target are INVALID_PARAMETERS")
        }
        forEachWidth(.affinityInfo) { checks, width in
            checks.checkAffinityInfo(width)
        }
        guard board.coreCount > 1 else {
            skip(.smc32, .cpuOff, "turns a core off", because: "there is one core")
            for width in [CallWidth.smc32, .smc64] {
                skip(width, .cpuOn, "turns a core on", because: "there is one core")
            }
            return
        }
        let last = board.coreCount - 1
        forEachWidth(.cpuOn) { checks, width in
            checks.expect(
                checks.expected.isAtLeast(.v1_0) ? .invalidAddress : .invalidParameters, width, .cpuOn,
                checks.affinity(last), Self.nowhere, what: "an entry point that is not RAM is refused")
        }
        for core in board.secondaryCores { checkStart(core, core % 2 == 1 ? .smc64 : .smc32) }
        for core in board.secondaryCores { checkStop(core) }
        for core in board.secondaryCores where core != last { checkStart(core, core % 2 == 1 ? .smc32 : .smc64) }
        checkRace(last)
        checkFreeze(last)
    }

    private mutating func checkAffinityInfo(_ width: CallWidth) {
        let own = call(width, .affinityInfo, affinity(0), 0)
        check(own == Self.on, width, .affinityInfo, "the calling core is ON", returned: own)
        expect(
            .invalidParameters, width, .affinityInfo, 0xFF_FFFF, 0,
            what: "a core that is not there is INVALID_PARAMETERS")
        expect(.invalidParameters, width, .affinityInfo, affinity(0), 4, what: "level 4 is INVALID_PARAMETERS")
        for level in UInt64(1)...3 {
            let value = call(width, .affinityInfo, affinity(0) | 0xFF, level)
            // Since 1.0 levels above 0 may be refused (§5.7.1).
            let refused = expected.isAtLeast(.v1_0) && value == Int64(ReturnCode.invalidParameters.rawValue)
            check(
                value == Self.on || refused, width, .affinityInfo,
                "the calling core's instance of a higher level is ON",
                returned: value)
        }
    }

    private mutating func checkStart(_ core: Int, _ width: CallWidth) {
        let mailbox = Mailbox(ofCore: core)
        let arrivals = mailbox[.arrivals]
        let before = call(width, .affinityInfo, affinity(core), 0)
        check(before == Self.off, width, .affinityInfo, "is OFF before CPU_ON", core: core, returned: before)
        let contextID = 0xDEAD_C0DE + UInt64(core)
        guard
            expect(
                .success, width, .cpuOn, affinity(core), secondaryEntryAddress(), contextID, core: 0,
                what: "turns a core on")
        else { return }
        let second = call(width, .cpuOn, affinity(core), secondaryEntryAddress(), contextID)
        check(
            second == Int64(ReturnCode.onPending.rawValue) || second == Int64(ReturnCode.alreadyOn.rawValue), width,
            .cpuOn,
            "a second one at once is ON_PENDING or ALREADY_ON", core: core, returned: second)
        var wasOff = false
        let cameOn = wait {
            let state = call(width, .affinityInfo, affinity(core), 0)
            wasOff = wasOff || state == Self.off
            return state == Self.on
        }
        check(
            cameOn && !wasOff, width, .affinityInfo, "is ON_PENDING or ON from CPU_ON on, and ON in the end", core: core
        )
        let arrived = wait { mailbox[.arrivals] == arrivals + 1 }
        check(arrived, width, .cpuOn, "the core runs at its entry point", core: core)
        check(mailbox[.contextID] == contextID, width, .cpuOn, "x0 is the context id", core: core)
        check(
            Affinity(mpidr: mailbox[.mpidr]) == board.affinity(ofCore: core), width, .cpuOn,
            "it is the core that was meant",
            core: core)
        check(
            mailbox[.systemControl] & 0x1005 == 0 && mailbox[.interruptMasks] == 0b1111 << 6
                && mailbox[.exceptionLevel] == 1 << 2 && mailbox[.stackPointerSelect] == 1, width, .cpuOn,
            "the core is in the initial state of 6.4", core: core)
        expect(.alreadyOn, width, .cpuOn, affinity(core), secondaryEntryAddress(), what: "then it is ALREADY_ON")
    }

    private mutating func checkStop(_ core: Int) {
        check(turnOff(core), .smc32, .cpuOff, "the core is OFF and the call does not return", core: core)
    }

    /// All cores turn on the last one at once.
    private mutating func checkRace(_ target: Int) {
        let arrivals = Mailbox(ofCore: target)[.arrivals]
        let registers = CallRegisters(.cpuOn, .smc64, affinity(target), secondaryEntryAddress(), 0)
        for core in 1..<target { Worker(core: core).ask(registers) }
        var winners = 0
        var others = true
        func count(_ code: Int64) {
            switch code {
            case Int64(ReturnCode.success.rawValue): winners += 1
            case Int64(ReturnCode.alreadyOn.rawValue), Int64(ReturnCode.onPending.rawValue): break
            default: others = false
            }
        }
        count(CallWidth.smc64.signed(firmware.conduit.call(registers).x0))
        for core in 1..<target { count(CallWidth.smc64.signed(Worker(core: core).answer().x0)) }
        check(winners == 1, .smc64, .cpuOn, "exactly one of several at once succeeds", core: target)
        check(others, .smc64, .cpuOn, "the others find it ALREADY_ON or ON_PENDING", core: target)
        let arrived = wait { Mailbox(ofCore: target)[.arrivals] == arrivals + 1 }
        check(arrived, .smc64, .cpuOn, "the core runs at its entry point, once", core: target)
    }

    private mutating func checkFreeze(_ core: Int) {
        guard expected.has(.cpuFreeze) else { return }
        let worker = Worker(core: core)
        let isWakeable = InterruptController.isThere
        if isWakeable { InterruptController.enable(InterruptController.wakeUp, core: core) }
        worker.ask(CallRegisters(.cpuFreeze, .smc32))
        let isDown = wait {
            !worker.isBusy || call(.smc64, .nodeHWState, affinity(core), 0) == Int64(NodeHardwareState.off.rawValue)
                || !expected.has(.nodeHWState)
        }
        check(isDown && worker.isBusy, .smc32, .cpuFreeze, "powers the core down and does not return", core: core)
        if isWakeable {
            InterruptController.set(InterruptController.wakeUp, core: core, isPending: true)
            let start = microseconds
            while microseconds &- start < 2000 {}
            check(worker.isBusy, .smc32, .cpuFreeze, "an interrupt does not bring the core back", core: core)
            InterruptController.set(InterruptController.wakeUp, core: core, isPending: false)
        }
        worker.forget()
        check(turnOn(core), .smc32, .cpuFreeze, "CPU_ON brings the core back", core: core)
    }
}
