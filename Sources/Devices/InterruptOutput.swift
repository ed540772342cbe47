// How a device drives a wire that it computes under its own lock.
//
// Responsible for: the level at the far end being, in the end, the one posted last, whichever threads raced; that it is
// there when whoever changed it goes on; and for no lock of the device being held while the far end runs. Not
// responsible for: pulses; a level that is replaced before it is delivered is never seen.

import Glibc
import HostSupport
import Hypervisor
import Synchronization

/// One output wire of a device.
///
/// A device that called the far end under its lock would deadlock with a far end that comes back to it, or that holds
/// a lock which a vCPU takes before it reaches the device. A device that called it after unlocking could deliver two
/// levels in the wrong order, and a level-sensitive wire would then stay wrong for ever. So the level is posted under
/// the lock, and delivered after it by one thread at a time, which looks again as long as others have posted.
///
/// The others wait: a guest that cleared its interrupt and went on while the wire was still high would take it again.
/// Wires lead from devices to the interrupt controller, and from there to CPUs, never back, so nobody waits in a circle.
final class InterruptOutput: Sendable {
    private let drive: @Sendable (Bool) -> Void
    private let level = Atomic<Bool>(false)
    /// Calls of `deliver`, and how many of them have been seen to.
    private let requested = Atomic<UInt>(0)
    private let delivered = Atomic<UInt>(0)
    /// The thread that drives the wire, or nobody.
    private let deliverer = Atomic<UInt>(nobody)
    private static let nobody: UInt = 0

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

    /// Brings the posted level to the far end, and returns when it is there. Called without the device's lock, after
    /// every change posted.
    ///
    /// If another call is under way further up this thread's stack, that call does it, and this one returns at once.
    func deliver() {
        let request = requested.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
        let thread = HostThread.current
        while true {
            let owner = deliverer.compareExchange(
                expected: Self.nobody, desired: thread, ordering: .sequentiallyConsistent)
            if owner.exchanged {
                driveWire()
                deliverer.store(Self.nobody, ordering: .sequentiallyConsistent)
            } else if owner.original == thread {
                return
            } else {
                sched_yield()
            }
            // Counted around: requests differ by less than half of what there is.
            if Int(bitPattern: delivered.load(ordering: .sequentiallyConsistent) &- request) >= 0 { return }
        }
    }

    /// Drives the wire until every request is seen to.
    private func driveWire() {
        var seen = requested.load(ordering: .sequentiallyConsistent)
        while true {
            drive(level.load(ordering: .acquiring))
            delivered.store(seen, ordering: .sequentiallyConsistent)
            let now = requested.load(ordering: .sequentiallyConsistent)
            if now == seen { return }
            seen = now
        }
    }
}
