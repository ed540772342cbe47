// Where a guest physical address leads when it is not RAM.
//
// Responsible for: finding the device of an address, also while windows come, go and move: a guest says where the BARs
// of a PCI device are. Not responsible for: which addresses those are.
//
// Nothing that a back end keeps has the address of a device in it, so a change of the map needs no more than that the
// next access looks at the new one.

import Synchronization

/// Something that answers loads and stores at guest physical addresses.
///
/// Accesses come from any vCPU's thread; a device locks for itself. Whatever the guest does, a device answers:
/// a register that does not exist reads as zero and ignores writes.
public protocol MMIODevice: AnyObject, Sendable {
    /// A load of `size` bytes (1, 2, 4 or 8) at `offset` from the device's base; the value is zero-extended.
    /// `cpu` is the index of the vCPU that asks.
    func read(offset: UInt64, size: Int, cpu: Int) -> UInt64

    /// A store of the low `size` bytes (1, 2, 4 or 8) of `value` at `offset` from the device's base.
    func write(offset: UInt64, size: Int, value: UInt64, cpu: Int)
}

/// Why a window cannot be where it was to be. The address may be the guest's choice, so none of this is a programming
/// error.
public enum PhysicalBusError: Error, Equatable {
    /// Memory, or another window, has some of its addresses.
    case occupied(by: Range<PhysicalAddress>)
    /// It is empty, or ends behind the last physical address.
    case unusable
    /// There is no window of that range.
    case noWindow
}

/// The map from guest physical addresses to devices. It may change while vCPUs run.
public final class PhysicalBus: Sendable {
    /// One device's window.
    public struct Region: Sendable {
        public let range: Range<PhysicalAddress>
        public let device: any MMIODevice

        public init(range: Range<PhysicalAddress>, device: any MMIODevice) {
            self.range = range
            self.device = device
        }
    }

    private let memory: GuestMemory?
    /// Windows in ascending order, without overlap.
    private let windows: Mutex<[Region]>
    /// How often `windows` has changed: raised with the lock held.
    private let changes = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - regions: the windows, in any order.
    ///   - memory: where there is no place for windows.
    /// - Precondition: no two regions overlap, nor memory (the machine model's layout is fixed, so this is a
    ///   programming error). One may have exactly the range of a ROM: it then stands behind that (`GuestROM`).
    public init(regions: [Region], memory: GuestMemory? = nil) {
        let sorted = regions.sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (first, second) in zip(sorted, sorted.dropFirst()) {
            precondition(first.range.upperBound <= second.range.lowerBound, "device windows overlap")
        }
        for region in sorted { precondition(memory?.conflict(with: region.range) == nil, "a window overlaps memory") }
        windows = Mutex(sorted)
        self.memory = memory
    }

    /// The windows as they are now, in ascending order.
    public var regions: [Region] { windows.withLock { $0 } }

    // MARK: Changing. Callable from any thread; when it returns, every access that begins finds the new map. One that
    // is under way may still come to the device.

    /// Adds a window.
    public func map(_ region: Region) throws(PhysicalBusError) {
        try change { windows throws(PhysicalBusError) in try self.insert(region, into: &windows) }
    }

    /// Takes the window of `range` away.
    public func unmap(_ range: Range<PhysicalAddress>) throws(PhysicalBusError) {
        try change { windows throws(PhysicalBusError) in _ = try Self.remove(range, from: &windows) }
    }

    /// Moves the window of `range` to `base`, at once: no access finds it in both places, or in none. If it cannot be
    /// there, it stays where it is.
    public func move(_ range: Range<PhysicalAddress>, to base: PhysicalAddress) throws(PhysicalBusError) {
        let (end, overflow) = base.addingReportingOverflow(range.byteCount)
        guard !overflow else { throw .unusable }
        try change { windows throws(PhysicalBusError) in
            let device = try Self.remove(range, from: &windows).device
            try self.insert(Region(range: base..<end, device: device), into: &windows)
        }
    }

    /// Changes a copy, which counts if nothing is thrown.
    private func change(
        _ body: (inout [Region]) throws(PhysicalBusError) -> Void
    ) throws(PhysicalBusError) {
        try windows.withLock { windows throws(PhysicalBusError) in
            var changed = windows
            try body(&changed)
            windows = changed
            changes.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
    }

    private func insert(_ region: Region, into windows: inout [Region]) throws(PhysicalBusError) {
        let range = region.range
        guard !range.isEmpty, range.upperBound <= PhysicalAddressSpace.byteCount else { throw .unusable }
        if let other = memory?.conflict(with: range) { throw .occupied(by: other) }
        if let other = windows.first(where: { $0.range.overlaps(range) }) { throw .occupied(by: other.range) }
        windows.insert(region, at: windows.firstIndex { $0.range.lowerBound > range.lowerBound } ?? windows.count)
    }

    private static func remove(
        _ range: Range<PhysicalAddress>, from windows: inout [Region]
    ) throws(PhysicalBusError) -> Region {
        guard let index = windows.firstIndex(where: { $0.range == range }) else { throw .noWindow }
        return windows.remove(at: index)
    }

    // MARK: Looking up

    /// What one thread, a vCPU's, knows of the map: it takes the lock only when the map has changed.
    public struct View {
        private let bus: PhysicalBus
        private var windows: [Region] = []
        private var changes: UInt64 = 0

        fileprivate init(of bus: PhysicalBus) {
            self.bus = bus
            refresh()
        }

        private mutating func refresh() {
            (windows, changes) = bus.windows.withLock { ($0, bus.changes.load(ordering: .sequentiallyConsistent)) }
        }

        /// The window that holds all of `size` bytes at `address`.
        public mutating func region(at address: PhysicalAddress, size: Int) -> Region? {
            if bus.changes.load(ordering: .sequentiallyConsistent) != changes { refresh() }
            var low = 0
            var high = windows.count
            while low < high {
                let middle = (low + high) / 2
                let range = windows[middle].range
                if address < range.lowerBound {
                    high = middle
                } else if address >= range.upperBound {
                    low = middle + 1
                } else {
                    return range.upperBound - address >= UInt64(size) ? windows[middle] : nil
                }
            }
            return nil
        }
    }

    /// The map, for one thread.
    public func view() -> View { View(of: self) }
}
