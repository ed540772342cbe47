// How a device drives a wire that it computes under its own lock.
//
// Responsible for: the level at the far end being, in the end, the one posted last, whichever threads raced, and for
// no lock being held while the far end runs. Not responsible for: pulses; a level that is replaced before it is
// delivered is never seen.

import Hypervisor
import Synchronization

/// One output wire of a device.
///
/// A device that called the far end under its lock would deadlock with a far end that comes back to it, or that holds
/// a lock which a vCPU takes before it reaches the device. A device that called it after unlocking could deliver two
/// levels in the wrong order, and a level-sensitive wire would then stay wrong for ever. So the level is posted under
/// the lock, and delivered after it by one thread at a time, which looks again as long as others have posted.
final class InterruptOutput: Sendable {
    private let drive: @Sendable (Bool) -> Void
    private let level = Atomic<Bool>(false)
    /// Calls of `deliver` not yet accounted for; whoever raises it from zero is the one who delivers.
    private let requests = Atomic<Int>(0)

    init(_ drive: @escaping @Sendable (Bool) -> Void) {
        self.drive = drive
    }

    convenience init(_ line: InterruptLine) {
        self.init { line.set($0) }
    }

    /// Says which level the wire is to have, and returns whether that is a change, to be followed by `deliver`.
    /// Called under the device's lock, which puts the levels in order.
    func post(_ newLevel: Bool) -> Bool {
        level.exchange(newLevel, ordering: .acquiringAndReleasing) != newLevel
    }

    /// Brings the posted level to the far end. Called without the device's lock, after every change posted.
    ///
    /// If another call is under way (on another thread, or further up this one's stack), that call does it.
    func deliver() {
        guard requests.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue == 0 else { return }
        var seen = 1
        while true {
            drive(level.load(ordering: .acquiring))
            let left = requests.wrappingSubtract(seen, ordering: .acquiringAndReleasing).newValue
            if left == 0 { return }
            seen = left
        }
    }
}
