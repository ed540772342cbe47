// A region of guest memory that the guest reads and executes but cannot write: ROM and NOR flash.
//
// Responsible for: the contents, and whether loads come to them. Not responsible for stores, nor for loads while it is
// a device: those go to the window of the same range on the `PhysicalBus`, if there is one.

import Synchronization

/// A region of ROM. Its device changes contents and mode while the guest runs.
///
/// Safe to share between threads: the mapping never moves. Whoever changes bytes that vCPUs read meanwhile does to them
/// what a flash does.
public final class GuestROM: @unchecked Sendable {
    /// What loads and instruction fetches find.
    public enum Mode: Sendable {
        /// The contents: what CFI calls Read Array.
        case memory
        /// The device; instructions cannot be fetched.
        case device
    }

    public let range: Range<PhysicalAddress>
    let mapping: HostMapping
    private let observer: GuestMemoryObserverSlot
    private let isMemory = Atomic(true)

    /// - Precondition: the mapping has the range's size.
    init(range: Range<PhysicalAddress>, mapping: HostMapping, observer: GuestMemoryObserverSlot) {
        self.range = range
        self.mapping = mapping
        self.observer = observer
    }

    public var mode: Mode { isMemory.load(ordering: .sequentiallyConsistent) ? .memory : .device }

    /// Changes what loads find. Callable from any thread.
    ///
    /// If a vCPU's store to the device does this, every vCPU finds the new mode once that store is complete. Otherwise
    /// each does soon.
    public func setMode(_ mode: Mode) {
        let isMemory = mode == .memory
        guard self.isMemory.exchange(isMemory, ordering: .sequentiallyConsistent) != isMemory else { return }
        observer.observer?.romChangedMode(self)
    }

    /// Copies `count` bytes of the contents out, in any mode; nil if there are not as many from `offset` on.
    public func read(offset: UInt64, count: Int) -> [UInt8]? {
        guard count >= 0, let pointer = pointer(offset, count) else { return nil }
        return [UInt8](UnsafeRawBufferPointer(start: pointer, count: count))
    }

    /// Changes the contents, in any mode; false, and nothing changed, if `bytes` do not fit.
    @discardableResult
    public func write(_ bytes: some Collection<UInt8>, offset: UInt64) -> Bool {
        guard let pointer = pointer(offset, bytes.count) else { return false }
        guard !bytes.isEmpty else { return true }
        UnsafeMutableRawBufferPointer(start: pointer, count: bytes.count).copyBytes(from: bytes)
        let first = range.lowerBound + offset
        observer.observer?.memoryWasWritten(first..<first + UInt64(bytes.count))
        return true
    }

    private func pointer(_ offset: UInt64, _ count: Int) -> UnsafeMutableRawPointer? {
        let byteCount = UInt64(mapping.byteCount)
        guard offset <= byteCount, UInt64(count) <= byteCount - offset else { return nil }
        // Safe: the bytes were just checked to be inside the mapping.
        return mapping.base + Int(offset)
    }
}
