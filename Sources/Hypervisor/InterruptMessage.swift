// Interrupts that are stores rather than wires: PCI's MSI and MSI-X.
//
// Responsible for: what a device sends, and to whom. Not responsible for what the store comes to: the interrupt
// controller that has a register at that address says so.

/// An interrupt of a device without a wire: a store that the guest told it to make. By PCI's names.
public struct InterruptMessage: Sendable, Hashable {
    /// Message Address: in the guest's hands, so it may lead anywhere.
    public let address: PhysicalAddress
    /// Message Data.
    public let data: UInt32

    public init(address: PhysicalAddress, data: UInt32) {
        self.address = address
        self.data = data
    }
}

/// Takes devices' messages.
public protocol MessageInterruptController: AnyObject, Sendable {
    /// Makes a message an interrupt. Callable from any thread.
    ///
    /// Returns false if messages to that address are none of this controller's. What the data say is the guest's
    /// affair: a message that names no interrupt is taken, and nothing comes of it.
    func send(_ message: InterruptMessage) -> Bool
}
