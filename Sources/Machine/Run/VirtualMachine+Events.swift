// What happens to a running machine from outside and its guest is to know: buttons, and another generation id.

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
    /// - Returns: false if the machine has no buttons: a device tree has none that Linux knows.
    public func press(_ button: MachineButton) -> Bool {
        guard let eventDevice else { return false }
        eventDevice.raise(button == .power ? .powerButton : .sleepButton)
        wake(.host)
        return true
    }

    /// Gives the guest another generation id, now and at its next boots, and tells it. Callable from any thread.
    ///
    /// - Parameter bytes: 16.
    /// - Returns: false if the machine was made without one, or `bytes` are not 16.
    public func changeGenerationID(to bytes: [UInt8]) -> Bool {
        guard bytes.count == GenerationID.byteCount, configuration.generationID != nil,
            let address = configuration.model.board(configuration, chosen: .init()).generationIDAddress
        else { return false }
        generationID.withLock { $0 = bytes }
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
}
