// Whether a driver of the virtio console reads what it is sent.
//
// Responsible for: holding input back until it does. Without VIRTIO_CONSOLE_F_MULTIPORT a driver has no way to say that its port is
// open (virtio 1.2 §5.3.6.2), and Linux throws away what comes between the moment at which its buffers are available and the one at
// which it knows its own port. So the device knocks: it gives a buffer back with nothing in it. A driver that reads makes the same buffer available
// again, be it later, when somebody opens the terminal. One that throws it away does not, and is knocked at again when it is asked next.
//
// A driver that cannot be understood, because it has no VIRTIO_F_EVENT_IDX, or uses another buffer each time, is sent its input all the
// same, after some knocks.

import Hypervisor

/// What is known of the driver as a reader.
struct ConsoleKnock: Sendable {
    /// Each may cost a buffer, of which a driver may have but few.
    private static let limit = 8

    /// Where the buffers are that were given back empty.
    private var addresses: [PhysicalAddress] = []
    private var isOpen = false

    /// Whether the driver reads; knocks if that is not known.
    mutating func isAnswered(_ queue: inout Virtqueue) -> Bool {
        if isOpen { return true }
        guard queue.features.contains(.eventIdx), addresses.count < Self.limit,
            !queue.hasAvailable(at: addresses)
        else {
            isOpen = true
            return true
        }
        // What it has not looked at yet will tell.
        guard queue.isDriverUpToDate, let chain = queue.next() else { return false }
        addresses.append(chain.writable.segments.first?.address ?? 0)
        queue.complete(chain, written: 0)
        queue.notifyDriver()
        return queue.hasAvailable(at: addresses)
    }
}
