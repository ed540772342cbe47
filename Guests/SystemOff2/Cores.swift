// CPU_ON, CPU_OFF and AFFINITY_INFO: DEN0022 F.b §5.1.4, §5.1.5, §6.4 and §6.6. Leaves every core on and serving.

import PSCI

struct Cores {
    let board: Board

    private var firmware: GuestClient { board.firmware }

    func check(_ tap: inout TAP) {
        expect(.alreadyOn, from: cpuOn(0, .smc64), &tap)
        expect(.alreadyOn, from: cpuOn(0, .smc32), &tap)
        // No board has all of Aff2 to Aff0 full; bits 31:24 are not part of the affinity.
        expect(.invalidParameters, from: cpuOn(affinity: 0xFF_FFFF, .smc64), &tap)
        expect(.invalidParameters, from: cpuOn(affinity: 0xFF_FFFF, .smc32), &tap)
        expect(.invalidParameters, from: cpuOn(affinity: board.affinity(ofCore: 0).rawValue | 1 << 31, .smc64), &tap)
        guard board.coreCount > 1 else {
            return tap.skip("CPU_ON of other cores", because: "there is one core")
        }
        for core in board.secondaryCores { turnOn(core, core % 2 == 1 ? .smc64 : .smc32, &tap) }
        for core in board.secondaryCores { turnOff(core, &tap) }
        for core in board.secondaryCores where core != board.coreCount - 1 {
            turnOn(core, core % 2 == 1 ? .smc32 : .smc64, &tap)
        }
        race(&tap)
    }

    /// As psci_test does it, and then what §6.4 says about the core's first moment.
    private func turnOn(_ core: Int, _ width: CallWidth, _ tap: inout TAP) {
        let mailbox = Mailbox(ofCore: core)
        let arrivals = mailbox[.arrivals]
        tap.expect(Self.off, from: affinityInfo(core, width), calling: firmware)
        guard expect(.success, from: cpuOn(core, width), &tap) else { return }
        // From the moment of SUCCESS the core is ON_PENDING or ON.
        var wasOff = false
        let cameOn = wait {
            let state = call(affinityInfo(core, width))
            wasOff = wasOff || state == Self.off
            return state == Self.on
        }
        tap.check(cameOn, core: core, "AFFINITY_INFO says ON in the end")
        tap.check(!wasOff, core: core, "AFFINITY_INFO never says OFF after CPU_ON")
        let arrived = wait { mailbox[.arrivals] == arrivals + 1 }
        tap.check(arrived, core: core, "runs at its entry point")
        tap.check(mailbox[.contextID] == Self.contextID + UInt64(core), core: core, "x0 is the context id")
        tap.check(
            Affinity(mpidr: mailbox[.mpidr]) == board.affinity(ofCore: core), core: core, "is the one that was meant")
        tap.check(mailbox[.systemControl] & 0x1005 == 0, core: core, "MMU and caches are off (SCTLR_EL1.M, C and I)")
        tap.check(mailbox[.interruptMasks] == 0b1111 << 6, core: core, "all interrupts are masked (PSTATE.DAIF)")
        tap.check(
            mailbox[.exceptionLevel] == 1 << 2 && mailbox[.stackPointerSelect] == 1, core: core, "starts in EL1h")
        expect(.alreadyOn, from: cpuOn(core, .smc64), &tap)
        expect(.alreadyOn, from: cpuOn(core, .smc32), &tap)
    }

    private func turnOff(_ core: Int, _ tap: inout TAP) {
        let worker = Worker(core: core)
        worker.ask(CallRegisters(.cpuOff, .smc32))
        tap.check(
            wait { call(affinityInfo(core, .smc64)) == Self.off }, core: core, "AFFINITY_INFO says OFF after CPU_OFF")
        tap.check(worker.isBusy, core: core, "CPU_OFF does not return")
        worker.forget()
    }

    /// All cores turn on the last one at once.
    private func race(_ tap: inout TAP) {
        let target = board.coreCount - 1
        let arrivals = Mailbox(ofCore: target)[.arrivals]
        for core in 1..<target { Worker(core: core).ask(cpuOn(target, .smc64)) }
        var winners = 0
        var others = true
        func count(_ code: Int64) {
            switch code {
            case Int64(ReturnCode.success.rawValue): winners += 1
            case Int64(ReturnCode.alreadyOn.rawValue), Int64(ReturnCode.onPending.rawValue): break
            default: others = false
            }
        }
        count(call(cpuOn(target, .smc64)))
        for core in 1..<target { count(CallWidth.smc64.signed(Worker(core: core).answer().x0)) }
        tap.check(winners == 1, core: target, "exactly one CPU_ON of several succeeds")
        tap.check(others, core: target, "the others find it ALREADY_ON or ON_PENDING")
        let arrived = wait { Mailbox(ofCore: target)[.arrivals] == arrivals + 1 }
        tap.check(arrived, core: target, "runs at its entry point, once")
    }

    private func cpuOn(_ core: Int, _ width: CallWidth) -> CallRegisters {
        CallRegisters(
            .cpuOn, width, board.affinity(ofCore: core).rawValue, secondaryEntryAddress(),
            Self.contextID + UInt64(core))
    }

    private func cpuOn(affinity: UInt64, _ width: CallWidth) -> CallRegisters {
        CallRegisters(.cpuOn, width, affinity, secondaryEntryAddress(), 0)
    }

    private func affinityInfo(_ core: Int, _ width: CallWidth) -> CallRegisters {
        CallRegisters(.affinityInfo, width, board.affinity(ofCore: core).rawValue, 0)
    }

    private func call(_ registers: CallRegisters) -> Int64 {
        registers.functionID.width.signed(firmware.conduit.call(registers).x0)
    }

    @discardableResult
    private func expect(_ code: ReturnCode, from registers: CallRegisters, _ tap: inout TAP) -> Bool {
        tap.expect(Int64(code.rawValue), from: registers, calling: firmware)
    }

    /// Waits for `condition`, five seconds at most.
    private func wait(until condition: () -> Bool) -> Bool {
        let start = readVirtualCounter()
        let patience = readCounterFrequency() &* 5
        while readVirtualCounter() &- start < patience {
            if condition() { return true }
        }
        return false
    }

    /// The context id of psci_test.
    private static var contextID: UInt64 { 0xDEAD_C0DE }
    private static var on: Int64 { Int64(CoreState.on.rawValue) }
    private static var off: Int64 { Int64(CoreState.off.rawValue) }
}
