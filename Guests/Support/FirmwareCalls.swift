// Calls to the firmware by the conduit that the device tree names.

import PSCI
import _Volatile

/// HVC or SMC.
struct GuestConduit: CallConduit {
    let conduit: Conduit

    /// The board's, once the boot core has read its device tree: for code that has no `Board` at hand.
    static var current: GuestConduit {
        get { GuestConduit(conduit: Mailbox(ofCore: 0)[.conduit] == UInt64(Conduit.smc.rawValue) ? .smc : .hvc) }
        set { Mailbox(ofCore: 0)[.conduit] = UInt64(newValue.conduit.rawValue) }
    }

    func call(_ registers: CallRegisters) -> CallRegisters {
        var values = (registers.x0, registers.x1, registers.x2, registers.x3)
        withUnsafeMutablePointer(to: &values) { pointer in
            // Safe: start.S reads and writes the four words, which a tuple of one type holds in order.
            switch conduit {
            case .hvc: hvc(pointer)
            case .smc: smc(pointer)
            }
        }
        return CallRegisters(x0: values.0, x1: values.1, x2: values.2, x3: values.3)
    }
}

typealias GuestClient = Client<GuestConduit>

extension Board {
    /// The firmware that this board's cores call.
    var firmware: GuestClient { Client(conduit: GuestConduit(conduit: conduit)) }

    /// Turns a core on; it goes on in `Guest.secondaryMain`.
    func turnOn(core: Int, contextID: UInt64, width: CallWidth = .smc64) -> Int64 {
        firmware.call(.cpuOn, width, affinity(ofCore: core).rawValue, secondaryEntryAddress(), contextID)
    }

    /// Powers off, which does not return.
    func powerOff() -> Never {
        Console.flush()
        _ = firmware.call(.systemOff, .smc32)
        while true { waitForInterrupt() }
    }
}

/// How a call that may power the calling core down came back.
struct Return {
    /// What it returned; meaningless if the core came back at its entry point.
    var registers: CallRegisters
    /// Nil if the call returned.
    var arrival: Arrival?

    /// What a core finds at its entry point (DEN0022 F.b §6.4).
    struct Arrival {
        var contextID, systemControl, interruptMasks, exceptionLevel, stackPointerSelect: UInt64

        /// MMU and caches off, all interrupts masked, EL1h.
        var isInitialState: Bool {
            systemControl & 0x1005 == 0 && interruptMasks == 0b1111 << 6 && exceptionLevel == 1 << 2
                && stackPointerSelect == 1
        }
    }
}

extension GuestConduit {
    /// Makes a call on `core`, the calling one, with `resumeEntryAddress` as its entry point.
    func suspendingCall(_ registers: CallRegisters, core: Int) -> Return {
        var values = (registers.x0, registers.x1, registers.x2, registers.x3)
        let hasResumed = withUnsafeMutablePointer(to: &values) { pointer in
            // Safe: as in `call`. The core comes back with this stack as it was.
            suspendingCallOnThisCore(core, pointer)
        }
        let returned = CallRegisters(x0: values.0, x1: values.1, x2: values.2, x3: values.3)
        guard hasResumed else { return Return(registers: returned) }
        let found = resumeFramesAddress() + UInt(core) * 256 + 176
        func word(_ index: UInt) -> UInt64 {
            VolatileMappedRegister<UInt64>(unsafeBitPattern: found + index * 8).load()
        }
        return Return(
            registers: returned,
            arrival: Return.Arrival(
                contextID: word(0), systemControl: word(1), interruptMasks: word(2), exceptionLevel: word(3),
                stackPointerSelect: word(4)))
    }

    private func suspendingCallOnThisCore(_ core: Int, _ pointer: UnsafeMutableRawPointer) -> Bool {
        powerDownCall(core, pointer, conduit == .hvc ? 0 : 1) != 0
    }
}
