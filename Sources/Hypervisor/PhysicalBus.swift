// Where a guest physical address leads when it is not RAM.
//
// Responsible for: finding the device of an address. Not responsible for: which addresses those are.

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

/// The map from guest physical addresses to devices. Built once, before vCPUs run, and never changed after.
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

    /// Windows in ascending order, without overlap.
    public let regions: [Region]

    /// - Precondition: no two regions overlap (the machine model's layout is fixed, so this is a programming error).
    public init(regions: [Region]) {
        self.regions = regions.sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (a, b) in zip(self.regions, self.regions.dropFirst()) {
            precondition(a.range.upperBound <= b.range.lowerBound, "device windows overlap")
        }
    }

    /// The window that holds all of `size` bytes at `address`.
    public func region(at address: PhysicalAddress, size: Int) -> Region? {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            let range = regions[middle].range
            if address < range.lowerBound {
                high = middle
            } else if address >= range.upperBound {
                low = middle + 1
            } else {
                return range.upperBound - address >= UInt64(size) ? regions[middle] : nil
            }
        }
        return nil
    }
}
