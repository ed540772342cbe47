// One core's random calls.

import PSCI

struct Fuzzer {
    let core: Int
    private let mailbox: Mailbox
    private let coreCount: UInt64
    private let version: UInt32

    init(core: Int) {
        self.core = core
        mailbox = Mailbox(ofCore: core)
        let facts = Mailbox(ofCore: 0)[.x2]
        coreCount = facts >> 32
        version = UInt32(truncatingIfNeeded: facts)
    }

    /// Makes that many calls. Ends early if the core turns itself off.
    func run(calls: UInt64) {
        var done: UInt64 = 0
        while done < calls {
            done += 1
            mailbox[.counter] += 1
            makeCall()
        }
    }

    /// xorshift64; the state outlives the core's being off.
    private func random() -> UInt64 {
        var state = mailbox[.x3]
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        mailbox[.x3] = state
        return state
    }

    private func below(_ bound: UInt64) -> UInt64 { random() % bound }

    private func makeCall() {
        let number = UInt8(below(0x18))
        let width: CallWidth = below(2) == 0 ? .smc32 : .smc64
        guard let function = Function(rawValue: number) else {
            // No function has a number with that bit.
            return check(CallRegisters(x0: 0x8400_0100 | random() & 0x4000_FFFF, x1: random()), nil)
        }
        var call = CallRegisters(function, width, argument(), argument(), argument())
        switch function {
        case .systemOff, .systemReset: return
        case .cpuOff, .cpuFreeze: if core == 0 { return }
        case .systemOff2: call.x2 |= 1
        case .systemReset2: call.x1 = call.x1 & 0x7FFF_FFFE | 2
        case .cpuSuspend:
            call.x1 = powerState()
            call.x2 = below(8) == 0 ? 0x0900_0000 : resumeEntryAddress()
        case .cpuDefaultSuspend, .systemSuspend: call.x1 = below(8) == 0 ? 0x0900_0000 : resumeEntryAddress()
        case .cpuOn:
            call.x1 = target()
            call.x2 = below(8) == 0 ? 0x0900_0000 : secondaryEntryAddress()
        case .affinityInfo, .nodeHWState:
            call.x1 = target()
            call.x2 = below(4)
        case .migrate: call.x1 = target()
        case .psciStatCount, .psciStatResidency:
            call.x1 = target()
            call.x2 = powerState()
        case .psciFeatures: call.x1 = 0x8400_0000 | random() & 0x4000_001F
        case .psciSetSuspendMode: call.x1 = below(4)
        default: break
        }
        // A 32-bit call does not see what is above.
        if width == .smc32 {
            call.x1 |= random() << 32
            call.x2 |= random() << 32
        }
        check(call, function.exists(as: width) ? function : nil)
    }

    private func argument() -> UInt64 { below(2) == 0 ? below(4) : random() }

    /// The affinity of a core that there is, or nearly.
    private func target() -> UInt64 {
        let number = Int(below(coreCount + 1))
        return number < Int(coreCount) ? affinityOfCore(number) : random()
    }

    private func powerState() -> UInt64 {
        if below(8) == 0 { return random() & 0xFFFF_FFFF }
        let core = below(4)
        let cluster = below(4)
        let system = below(3) == 0 ? below(4) : 0
        let level: UInt64 = system != 0 ? 2 : cluster != 0 ? 1 : 0
        return core | cluster << 4 | system << 8 | below(3) << 12 | (core == 3 ? 1 << 16 : 0) | level << 24
    }

    /// Makes the call and keeps the first result that is not allowed.
    private func check(_ call: CallRegisters, _ function: Function?) {
        writeVirtualTimerCompareValue(readVirtualCounter() &+ readCounterFrequency() / 5000)
        writeVirtualTimerControl(1)
        let returned = GuestConduit.current.suspendingCall(call, core: core)
        writeVirtualTimerControl(0)
        let width = call.functionID.width
        let isAllowed: Bool
        if returned.arrival != nil {
            isAllowed = function == .cpuSuspend || function == .cpuDefaultSuspend || function == .systemSuspend
        } else {
            isAllowed =
                Allowed.contains(width.signed(returned.registers.x0), function, version)
                && (width == .smc64 || returned.registers.x0 >> 32 == 0)
        }
        guard !isAllowed, mailbox[.x0] == 0 else { return }
        mailbox[.x1] = UInt64(bitPattern: width.signed(returned.registers.x0))
        mailbox[.request] = call.x1
        mailbox[.x0] = call.x0 | 1 << 32
    }
}
