// Who hears of what devices write to guest memory.

import Hypervisor
import Synchronization

/// Remembers the writes, in their order.
final class WriteObserver: GuestMemoryObserver {
    private let writes = Mutex<[Range<PhysicalAddress>]>([])

    var heard: [Range<PhysicalAddress>] { writes.withLock { $0 } }

    func memoryWasWritten(_ range: Range<PhysicalAddress>) { writes.withLock { $0.append(range) } }

    func romChangedMode(_ rom: GuestROM) {}
}
