// Devices that interrupt by messages, as PCI's do, in a machine. No model has one yet.

import Hypervisor
import Synchronization
import Testing

@testable import Machine

@Suite("Interrupts by message", .timeLimit(.minutes(5)))
struct MessageTests {
    /// Where the device of a list sends its messages.
    private final class Recipient: Sendable {
        let controller = Mutex<(any MessageInterruptController)?>(nil)
    }

    private struct MessageComponent: Component {
        let recipient: Recipient
        let name = "messages"
        let windows: [Range<PhysicalAddress>] = []

        func facts(_ files: MeasuredFiles) -> [String: String] { [:] }

        func make(_ parts: inout MachineParts) -> MadeComponent {
            let messages = parts.messages
            recipient.controller.withLock { $0 = messages }
            return MadeComponent()
        }
    }

    private static func model(_ recipient: Recipient) -> MachineModel {
        .virt1.with { $0.devices.append(MessageComponent(recipient: recipient)) }
    }

    @Test("A device of a model's list wakes a core by a message to the machine's GIC")
    func wakes() throws {
        let recipient = Recipient()
        let scripted = try ScriptedMachine(
            [
                [
                    .perform {
                        $0.makeEdge(spi: 40)
                        $0.enable(spi: 40)
                    }, .waitForInterrupt(until: nil), .call(.systemOff),
                ]
            ], model: Self.model(recipient))
        try scripted.start()
        #expect(scripted.wait(0, for: .waiting(until: nil)))
        // GICD_SETSPI_NSR, and INTID 72.
        let message = InterruptMessage(address: Virt1Layout.distributor.lowerBound + 0x40, data: 72)
        #expect(recipient.controller.withLock(\.self)?.send(message) == true)
        #expect(scripted.join() == .poweredOff)
    }

    @Test("A back end's interrupt controller that takes no messages has none sent")
    func none() throws {
        let recipient = Recipient()
        _ = try ScriptedMachine(
            [[]], capabilities: [.undefinedCalls, .wakeRequests], model: Self.model(recipient))
        #expect(recipient.controller.withLock { $0 == nil })
    }
}
