// What a running VM answers on its control socket.

import KeptVMs
import Machine

enum ControlAnswer {
    /// What a verb brings about.
    ///
    /// - Parameters:
    ///   - machine: what runs; nil if nothing does at the moment.
    ///   - life: the VM's.
    ///   - verb: what was asked for.
    static func of(_ machine: VirtualMachine?, _ life: VMLife, to verb: ControlVerb) -> ControlReply {
        guard let machine else {
            return ControlReply(
                done: false, detail: "the guest is not running yet; try again", state: life.current)
        }
        switch verb {
        case .status:
            return ControlReply(
                done: true, detail: stateWords(machine, life), isSuspended: machine.isSuspended,
                isPaused: machine.isPaused,
                state: life.current, figures: RunFigures(of: machine))
        case .wait: return ControlReply(done: true, detail: "you will be told")
        case .wake:
            machine.wake(.host)
            return ControlReply(done: true, detail: "woken")
        case .pause:
            // As QEMU's stop does it: the guest finds nothing of it but another time of day.
            guard machine.pause(clock: .standsStill) else {
                return ControlReply(done: false, detail: "the guest is paused already", isPaused: true)
            }
            life.hold()
            machine.waitUntilPaused(milliseconds: pauseMilliseconds)
            return ControlReply(done: true, detail: "paused", isPaused: true)
        case .unpause:
            guard machine.resume() else { return ControlReply(done: false, detail: "nobody has paused the guest") }
            life.release(to: machine.isPaused ? nil : machine.isSuspended ? .suspended : .running)
            return ControlReply(done: true, detail: stateWords(machine, life), isPaused: machine.isPaused)
        case .sendBreak:
            return switch machine.sendBreak() {
            case .sent: ControlReply(done: true, detail: "a break was sent")
            case .notHeard:
                ControlReply(done: false, detail: "the guest's UART is off or full, and does not hear a break")
            case .noLine:
                ControlReply(done: false, detail: "the virtio console has no line on which a break could be sent")
            }
        case .stop where machine.isSuspended, .hibernate where machine.isSuspended:
            // Of its sleep button it would make what it made of it before, when it wakes. Its power button it would
            // take for what woke it: it has to be awake first.
            return ControlReply(done: false, detail: "the guest is suspended to RAM", isSuspended: true)
        case .stop, .hibernate:
            let button = verb == .stop ? MachineButton.power : .sleep
            guard machine.press(button) else {
                return ControlReply(
                    done: false,
                    detail: "this guest has no \(button.rawValue) button; only one whose firmware is \"acpi\" has, "
                        + "and one with an agent (create --agent) can be asked without")
            }
            let words = "the \(button.rawValue) button was pressed"
            life.move(to: verb == .stop ? .stopping : .hibernating, cause: words)
            return ControlReply(done: true, detail: words)
        }
    }

    /// How long a guest's cores have to stand still, in milliseconds. One that waits for whoever reads its console does
    /// not, and does nothing either.
    private static let pauseMilliseconds: UInt64 = 1000

    private static func stateWords(_ machine: VirtualMachine, _ life: VMLife) -> String {
        if life.isHeld { return "paused" }
        if machine.isPaused { return "paused, because the host cannot do what a disk was asked for" }
        return machine.isSuspended ? "suspended to RAM" : "running"
    }
}
