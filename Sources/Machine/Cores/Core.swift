// One core of a machine: its virtual CPU, its life, and where its thread sleeps.

import HostSupport
import Hypervisor
import Synchronization

/// A core. Its life is moved on by the scheduler that runs it, but for a start, which any thread may ask for.
final class Core: Sendable {
    let cpu: any VirtualCPU
    let parking: Parking
    /// Where it may start.
    let startRanges: [Range<PhysicalAddress>]
    /// Whether the back end waits for wake requests, and has to be called back from that.
    private let waitsInBackend: Bool
    let life = Mutex(CoreLife())
    let exitCounts = ExitCounts()
    /// The host's number of the thread that runs it, or did so last; 0 before the first.
    let threadID = Atomic<Int32>(0)
    /// Whether it goes on although the guest is paused, for a debugger that lets some cores go on and not others.
    let isReleased = Atomic(false)
    /// Whether a debugger wants one instruction of it, for which it does not wait.
    let isStepped = Atomic(false)

    init(_ cpu: any VirtualCPU, parking: Parking, startRanges: [Range<PhysicalAddress>], waitsInBackend: Bool) {
        self.cpu = cpu
        self.parking = parking
        self.startRanges = startRanges
        self.waitsInBackend = waitsInBackend
    }

    var index: Int { cpu.index }

    /// What the core is doing now. From any thread.
    var activity: CoreActivity { life.withLock(\.activity) }

    /// Runs guest code until the core comes back, and counts that. On the thread that runs the core.
    func run(budget: Int?) -> Exit {
        let exit = cpu.run(budget: budget)
        exitCounts.add(exit)
        return exit
    }

    /// Moves the core's life on; returns what is to be done then.
    func move(_ event: CoreEvent) -> CoreAction {
        life.withLock { life in
            let (next, action) = life.after(event)
            life = next
            return action
        }
    }

    /// Off, for another run.
    func reset() { life.withLock { $0 = CoreLife() } }

    /// Makes a core that waits look whether it still has to. From any thread.
    func wake() {
        parking.wake()
        if waitsInBackend { cpu.requestExit() }
    }
}
