// What happens to a running machine from outside and its guest is to know: buttons, and another generation id. And what
// the guest has to say other than by a firmware call: that its kernel panicked.

import Boot
import Devices
import Hypervisor
import Synchronization

/// A button on the machine's front.
public enum MachineButton: String, Sendable, CaseIterable {
    case power
    case sleep
}

extension VirtualMachine {
    /// Presses a button; what the guest does then is its own decision. A machine that is suspended to RAM is woken
    /// first. Callable from any thread.
    ///
    /// - Returns: false if the machine has no buttons: where a device tree describes it, it has to be asked for some.
    public func press(_ button: MachineButton) -> Bool {
        if let eventDevice {
            eventDevice.raise(button == .power ? .powerButton : .sleepButton)
        } else if let buttons {
            buttons.press(pin: button == .power ? ButtonsComponent.powerPin : ButtonsComponent.sleepPin)
        } else {
            return false
        }
        wake(.host)
        return true
    }

    /// Whether the machine has buttons.
    public var hasButtons: Bool { eventDevice != nil || buttons != nil }

    /// Gives the guest another generation id, now and at its next boots, and tells it. Callable from any thread.
    ///
    /// - Parameter bytes: 16.
    /// - Returns: false if the machine was made without one, or `bytes` are not 16.
    public func changeGenerationID(to bytes: [UInt8]) -> Bool {
        let address = configuration.model.board(configuration, chosen: .init()).generationIDAddress
        guard bytes.count == GenerationID.byteCount, configuration.generationID != nil,
            address != nil || vmClock != nil
        else { return false }
        generationID.withLock { $0 = bytes }
        vmClock?.setGeneration(ClockPageComponent.generation(bytes))
        guard let address else { return true }
        memory.write(bytes, at: address)
        if let eventDevice {
            eventDevice.raise(.generationID)
        } else {
            // Edge-triggered: the GIC keeps that it rose.
            generationIDInterrupt?.set(true)
            generationIDInterrupt?.set(false)
        }
        return true
    }

    /// The guest said something of its kernel.
    ///
    /// A panic is the end of the run, whatever the kernel would do next: it may be a loop that nobody waits for. With a
    /// kernel that is loaded to save what there is, it is not.
    func heard(_ events: PanicDevice.Event) {
        if events.contains(.crashLoaded) { note(.crashLoaded) }
        if events.contains(.panicked) {
            note(.panicked)
            finish(.crashed("the guest's kernel panicked"))
        }
        if events.contains(.shutdown) { finish(.poweredOff) }
    }

    /// Counts it. The first one of each kind is told; a guest that goes on and on is only counted.
    private func note(_ panic: PanicEvent) {
        let count = panics.withLock {
            $0[panic, default: 0] &+= 1
            return $0[panic]
        }
        if count == 1 { self.events.panic?(panic) }
    }

    /// How often the guest said that its kernel panicked, since the machine was made.
    public var panicCounts: [PanicEvent: UInt64] { panics.withLock(\.self) }
}
