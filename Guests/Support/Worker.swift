// Cores that make calls when the boot core asks them to.

import PSCI

/// Another core, seen from the boot core.
struct Worker {
    let core: Int
    private let mailbox: Mailbox

    init(core: Int) {
        self.core = core
        mailbox = Mailbox(ofCore: core)
    }

    /// Has the core make a call, and waits for what it returns.
    func call(_ registers: CallRegisters) -> CallRegisters {
        ask(registers)
        return answer()
    }

    /// Has the core make a call.
    func ask(_ registers: CallRegisters) {
        mailbox[.x0] = registers.x0
        mailbox[.x1] = registers.x1
        mailbox[.x2] = registers.x2
        mailbox[.x3] = registers.x3
        memoryBarrier()
        mailbox[.request] = Self.asked
        memoryBarrier()
        sendEvent()
    }

    /// What the last call that the core was asked for returned.
    func answer() -> CallRegisters {
        while isBusy { waitForEvent() }
        memoryBarrier()
        return CallRegisters(x0: mailbox[.x0], x1: mailbox[.x1], x2: mailbox[.x2], x3: mailbox[.x3])
    }

    /// Whether the core has not answered yet.
    var isBusy: Bool { mailbox[.request] != Self.nothing }

    /// Whether the core is about to make the call that it was asked for, or has made it.
    var hasTaken: Bool { mailbox[.request] != Self.asked }

    /// What the core itself does: for ever, or until it is asked for a call that does not return.
    static func serve(core: Int) -> Never {
        let mailbox = Mailbox(ofCore: core)
        while true {
            while mailbox[.request] != asked { waitForEvent() }
            memoryBarrier()
            let passed = CallRegisters(x0: mailbox[.x0], x1: mailbox[.x1], x2: mailbox[.x2], x3: mailbox[.x3])
            mailbox[.request] = taken
            let returned = GuestConduit.current.call(passed)
            mailbox[.x0] = returned.x0
            mailbox[.x1] = returned.x1
            mailbox[.x2] = returned.x2
            mailbox[.x3] = returned.x3
            memoryBarrier()
            mailbox[.request] = nothing
            memoryBarrier()
            sendEvent()
        }
    }

    /// Forgets a call that did not return, before the core is started anew.
    func forget() {
        mailbox[.request] = Self.nothing
        memoryBarrier()
    }

    private static var nothing: UInt64 { 0 }
    private static var asked: UInt64 { 1 }
    private static var taken: UInt64 { 2 }
}
