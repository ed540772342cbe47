// What a running VM answers on its control socket.

import KeptVMs
import Machine

enum ControlAnswer {
    static func of(_ machine: VirtualMachine?, to verb: ControlVerb) -> ControlReply {
        guard let machine else { return ControlReply(done: false, detail: "the guest is not running yet; try again") }
        switch verb {
        case .status:
            return ControlReply(
                done: true, detail: machine.stateWords, isSuspended: machine.isSuspended, isPaused: machine.isPaused)
        case .wait: return ControlReply(done: true, detail: "you will be told")
        case .wake:
            machine.wake(.host)
            return ControlReply(done: true, detail: "woken")
        case .stop where machine.isSuspended, .hibernate where machine.isSuspended:
            // Of its sleep button it would make what it made of it before, when it wakes. Its power button it would
            // take for what woke it: it has to be awake first.
            return ControlReply(done: false, detail: "the guest is suspended to RAM", isSuspended: true)
        case .stop, .hibernate:
            let button = verb == .stop ? MachineButton.power : .sleep
            return machine.press(button)
                ? ControlReply(done: true, detail: "the \(button.rawValue) button was pressed")
                : ControlReply(
                    done: false,
                    detail: "this guest has no \(button.rawValue) button; only one whose firmware is \"acpi\" has")
        }
    }
}

extension VirtualMachine {
    fileprivate var stateWords: String {
        if isPaused { return "paused, because the host cannot do what a disk was asked for" }
        return isSuspended ? "suspended to RAM" : "running"
    }
}
