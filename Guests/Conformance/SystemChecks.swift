// What is the whole system's: SYSTEM_SUSPEND, and those calls of SYSTEM_OFF2, SYSTEM_RESET2, MEM_PROTECT and MIGRATE
// that return. DEN0022 F.b §5.8, §5.9, §5.11, §5.13 to §5.15 and §5.20.

import PSCI

extension Checks {
    mutating func checkSystem() {
        checkMigrate()
        checkMemoryProtection()
        if expected.has(.systemOff2) {
            forEachWidth(.systemOff2) { checks, width in checks.checkSystemOff2(width) }
        }
        if expected.has(.systemReset2) {
            forEachWidth(.systemReset2) { checks, width in
                for type: UInt64 in [1, 2, 0x7FFF_FFFF] {
                    checks.expect(
                        .invalidParameters, width, .systemReset2, type, 0, what: "a reserved type is INVALID_PARAMETERS"
                    )
                }
            }
        }
        if expected.has(.systemSuspend) { checkSystemSuspend() }
    }

    private mutating func checkSystemOff2(_ width: CallWidth) {
        for core in 0..<board.coreCount {
            for (type, cookie) in [(1, 1), (0, 1), (0, 0x8000_0000)] as [(UInt64, UInt64)] {
                expect(
                    .invalidParameters, width, .systemOff2, type, cookie, core: core,
                    what: "a cookie is INVALID_PARAMETERS")
            }
            for type: UInt64 in [2, 3, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001] {
                expect(
                    .invalidParameters, width, .systemOff2, type, 0, core: core,
                    what: "a reserved type is INVALID_PARAMETERS")
            }
        }
        if width == .smc64 {
            expect(.invalidParameters, width, .systemOff2, 0, 1 << 32, what: "the cookie is 64 bits wide")
        }
    }

    private mutating func checkMemoryProtection() {
        guard expected.has(.memProtect), expected.has(.memProtectCheckRange) else { return }
        for (enable, before) in [(1, 0), (0x8000_0000, 1), (0, 1), (0, 0)] as [(UInt64, Int64)] {
            let value = call(.smc32, .memProtect, enable)
            check(value == before, .smc32, .memProtect, "returns what was before", returned: value)
        }
        let inside = secondaryEntryAddress() & ~0xFFF
        forEachWidth(.memProtectCheckRange) { checks, width in
            let function = Function.memProtectCheckRange
            checks.expect(.success, width, function, inside, 0x1000, what: "RAM can be protected")
            checks.expect(.denied, width, function, Self.nowhere, 0x1000, what: "a device is DENIED")
            checks.expect(.denied, width, function, inside, 0, what: "nothing is DENIED")
            checks.expect(
                .denied, width, function, Self.nowhere, inside - Self.nowhere + 1, what: "a part of RAM is DENIED")
        }
        expect(.denied, .smc64, .memProtectCheckRange, inside, ~0, what: "a range that wraps around is DENIED")
    }

    private mutating func checkMigrate() {
        guard expected.has(.migrateInfoType) else { return }
        let type = call(.smc32, .migrateInfoType)
        guard expected.isTold else {
            return check((0...2).contains(type), .smc32, .migrateInfoType, "is a type that there is", returned: type)
        }
        let wanted: MigrateInfoType =
            switch expected.trustedOS {
            case .none: .migrationNotRequired
            case .migratable: .uniprocessorMigrateCapable
            case .fixed: .uniprocessorNotMigrateCapable
            }
        check(type == Int64(wanted.rawValue), .smc32, .migrateInfoType, "is the one that is expected", returned: type)
        guard expected.trustedOS != .none else { return }
        forEachWidth(.migrateInfoUpCPU) { checks, width in
            let home = checks.call(width, .migrateInfoUpCPU)
            checks.check(
                home == Int64(checks.affinity(0)), width, .migrateInfoUpCPU, "is the boot core", returned: home)
        }
        expect(.denied, .smc32, .cpuOff, what: "the trusted OS's core is DENIED")
        if expected.has(.cpuFreeze) { expect(.denied, .smc32, .cpuFreeze, what: "the trusted OS's core is DENIED") }
        forEachWidth(.migrate) { checks, width in checks.checkMigrate(width) }
    }

    private mutating func checkMigrate(_ width: CallWidth) {
        guard expected.trustedOS == .migratable else {
            expect(.denied, width, .migrate, affinity(0), what: "a trusted OS that cannot move is DENIED")
            return
        }
        expect(.invalidParameters, width, .migrate, 0xFF_FFFF, what: "a core that is not there is INVALID_PARAMETERS")
        guard board.coreCount > 1 else { return }
        expect(.notPresent, width, .migrate, affinity(0), core: 1, what: "from another core is NOT_PRESENT")
        expect(.success, width, .migrate, affinity(1), what: "moves the trusted OS")
        let home = call(width, .migrateInfoUpCPU)
        check(home == Int64(affinity(1)), width, .migrateInfoUpCPU, "follows MIGRATE", returned: home)
        expect(.denied, .smc32, .cpuOff, core: 1, what: "the trusted OS's core is DENIED")
        expect(.success, width, .migrate, affinity(0), core: 1, what: "moves the trusted OS back")
    }

    private mutating func checkSystemSuspend() {
        let function = Function.systemSuspend
        forEachWidth(function) { checks, width in
            checks.expect(
                .invalidAddress, width, function, Self.nowhere, 0, what: "an entry point that is not RAM is refused")
            guard checks.board.coreCount > 1 else { return }
            checks.expect(.denied, width, function, resumeEntryAddress(), 0, what: "is DENIED while another core is on")
        }
        guard InterruptController.isThere else {
            return forEachWidth(function) { checks, width in
                checks.skip(width, function, "suspends", because: "nothing could wake it: there is no GICv3")
            }
        }
        for core in otherCores { check(turnOff(core), .smc32, .cpuOff, "before SYSTEM_SUSPEND", core: core) }
        InterruptController.startInterface()
        InterruptController.enable(InterruptController.virtualTimer, core: 0)
        InterruptController.enableRealTimeClock(for: board.affinity(ofCore: 0))
        forEachWidth(function) { checks, width in
            RealTimeClock.setAlarm(inSeconds: 1)
            let returned = checks.firmware.conduit.suspendingCall(
                CallRegisters(function, width, resumeEntryAddress(), 0xDEAD_C0DE), core: 0)
            let isDue = RealTimeClock.isAlarmDue
            RealTimeClock.clearAlarm()
            InterruptController.startInterface()
            guard let arrival = returned.arrival else {
                let value = width.signed(returned.registers.x0)
                return checks.check(false, width, function, "suspends, and does not return", returned: value)
            }
            checks.check(isDue, width, function, "lasts until the alarm of the real-time clock")
            checks.check(arrival.contextID == 0xDEAD_C0DE, width, function, "x0 is the context id")
            checks.check(arrival.isInitialState, width, function, "the core is in the initial state of 6.4")
        }
    }
}
