// Calls to the firmware by the conduit that the device tree names.

import PSCI

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
