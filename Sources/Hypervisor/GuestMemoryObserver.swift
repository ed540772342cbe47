// What a back end hears of guest memory.

/// Told of what changes guest memory and is not a vCPU: a back end that keeps something that it made from memory.
///
/// Called on the thread of whoever makes the change, which may hold locks of a device's: it does not wait for vCPUs.
public protocol GuestMemoryObserver: AnyObject, Sendable {
    /// Bytes were written, all of one region. They are in memory, but other threads need not see them yet.
    func memoryWasWritten(_ range: Range<PhysicalAddress>)

    /// `rom.mode` is another one now.
    func romChangedMode(_ rom: GuestROM)
}

/// The observer of a memory and its ROMs.
final class GuestMemoryObserverSlot: @unchecked Sendable {
    // Set once, before devices and vCPUs run.
    weak var observer: (any GuestMemoryObserver)?
}
