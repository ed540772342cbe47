// Pausing a guest: no core executes an instruction until it goes on. The guest is not told, and its clock goes on.

import Devices
import Emulator
import HostSupport
import Synchronization

/// What is to be said of a disk of the machine and the host that it is on.
public struct DiskTrouble: Sendable {
    /// The index in `MachineConfiguration.disks`.
    public var disk: Int
    public var path: String
    public var event: DiskEvent

    /// For people.
    public var words: String {
        switch event {
        case .failed(let error): "\(error); the guest is told of an error, each time that this happens"
        case .held(let error): "\(error); the guest is paused, and goes on by itself once the host can do it"
        case .released: "disk \(path) does what it is asked for again; the guest goes on"
        }
    }
}

extension VirtualMachine {
    /// Whether the guest is paused.
    public var isPaused: Bool { pauses.load(ordering: .acquiring) > 0 }

    /// Pauses the guest: every core stops soon. Each call is taken back by one of `goOn`. Callable from any thread.
    func pause() {
        pauses.add(1, ordering: .acquiringAndReleasing)
        for cpu in emulator.cpus { cpu.requestExit() }
    }

    /// Takes a call of `pause` back.
    func goOn() {
        pauses.subtract(1, ordering: .acquiringAndReleasing)
        for place in parking { place.wake() }
    }

    /// Waits, on a core's own thread, while the guest is paused and the run has not ended.
    func waitWhilePaused(_ core: Int) {
        guard isPaused else { return }
        parking[core].wait(until: nil) { hasEnded || !isPaused }
    }

    /// A disk says something: the guest is paused while one cannot do what it was asked for.
    func heard(_ event: DiskEvent, ofDisk index: Int) {
        switch event {
        case .failed: break
        case .held: pause()
        case .released: goOn()
        }
        // That nobody waits any more is not the news that the disk is well again.
        if case .released = event, hasEnded { return }
        events.disk?(DiskTrouble(disk: index, path: configuration.disks[index].path, event: event))
    }
}

/// What the disks say, connected once there is a machine to say it to.
final class DiskEvents: Sendable {
    private let hear = Mutex<@Sendable (DiskEvent, Int) -> Void>({ _, _ in })

    func connect(_ hear: @escaping @Sendable (DiskEvent, Int) -> Void) {
        self.hear.withLock { $0 = hear }
    }

    func tell(_ event: DiskEvent, ofDisk index: Int) {
        hear.withLock(\.self)(event, index)
    }
}
