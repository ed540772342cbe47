// Whether a driver of the virtio console reads what it is sent.
//
// Responsible for: holding input back until it does. Without VIRTIO_CONSOLE_F_MULTIPORT a driver has no way to say that
// its port is open (virtio 1.2 §5.3.6.2), and Linux throws away what comes between the moment at which its buffers are
// available and the one at which it knows its own port. So the device knocks: it gives a buffer back with nothing in
// it. A driver that reads makes the same buffer available again, be it later, when somebody opens the terminal. One
// that throws it away does not, and is knocked at again when it is asked next.
//
// While a driver still fills its queue it is left in peace: the memory of a buffer that was thrown away would be in the
// next one that it adds.
//
// A driver that cannot be understood, because it has no VIRTIO_F_EVENT_IDX, or uses another buffer each time, is sent
// its input all the same, after some knocks.

import Hypervisor

/// What is known of the driver as a reader.
struct ConsoleKnock: Sendable, Codable {
    /// What is saved of it: how long ago something was is the host's.
    private enum CodingKeys: CodingKey {
        case addresses, isOpen, index
    }

    /// Each may cost a buffer, of which a driver may have but few.
    private static let limit = 8
    /// How long a driver has added no buffer before it is taken to have added all, in milliseconds.
    private static let quietMilliseconds: UInt64 = 40

    /// Where the buffers are that were given back empty.
    private var addresses: [PhysicalAddress] = []
    private var isOpen = false
    /// The available ring's index when it was last looked at, and since when it has been that.
    private var index: UInt16 = 0
    private var since: UInt64 = 0

    /// - Parameter now: milliseconds on a clock that does not go back, as below.
    init(now: UInt64) {
        since = now
    }

    /// Whether the driver reads; knocks if that is not known.
    mutating func isAnswered(_ queue: inout Virtqueue, now: UInt64) -> Bool {
        if isOpen { return true }
        isOpen =
            !queue.features.contains(.eventIdx)
            || !addresses.isEmpty && queue.hasAvailable(at: addresses)
            || addresses.count >= Self.limit && queue.isDriverUpToDate
        if isOpen { return true }
        if queue.availableIndex != index {
            index = queue.availableIndex
            since = now
        }
        // What it has not looked at yet will tell.
        guard now &- since >= Self.quietMilliseconds, queue.isDriverUpToDate, let chain = queue.next() else {
            return false
        }
        addresses.append(chain.writable.segments.first?.address ?? 0)
        queue.complete(chain, written: 0)
        queue.notifyDriver()
        // If it is not there already, the driver is asked to tell of it.
        isOpen = queue.hasAvailable(at: addresses)
        return isOpen
    }

    /// This knock on another host, or at another time: what was waited for is waited for anew.
    func restored(now: UInt64) throws(DeviceStateError) -> ConsoleKnock {
        try DeviceStateError.check(addresses.count <= Self.limit, "knock.addresses")
        var knock = self
        knock.since = now
        return knock
    }
}
