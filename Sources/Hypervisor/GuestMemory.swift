// The guest's memory: regions of host memory, and the only way devices reach them.
//
// Responsible for: reserving RAM and ROM lazily, bounds-checked access by guest physical address, and telling a back
// end when somebody else than a vCPU writes. Not responsible for: where the regions lie (the machine model says so),
// MMIO (`PhysicalBus`), or address translation.
//
// Regions never move and never change their size: an address of the host's that was found once stays right, and finding
// one needs no lock. Nearly all of a machine's memory is one region, the largest of RAM, so that is looked at first.

import Glibc
import Synchronization

/// Why guest memory could not be made.
public enum GuestMemoryError: Error, CustomStringConvertible {
    case cannotReserve(byteCount: UInt64, errno: Int32)
    /// For what a back end makes of the guest's code, however little of it.
    case cannotReserveCode(errno: Int32)
    /// A region that is empty, is not of whole pages, or ends behind the last physical address.
    case unusableRegion(Range<PhysicalAddress>)
    /// Two regions have an address in common.
    case overlap(Range<PhysicalAddress>, Range<PhysicalAddress>)

    public var description: String {
        switch self {
        case .cannotReserve(let byteCount, let code):
            "cannot reserve \(byteCount >> 20) MiB of guest memory (\(String(cString: strerror(code)))); "
                + "give the guest less, or raise the limit of this process's address space (ulimit -v)"
        case .cannotReserveCode(let code):
            "cannot reserve memory for what the guest's code becomes (\(String(cString: strerror(code)))); "
                + "raise the limit of this process's address space (ulimit -v)"
        case .unusableRegion(let range):
            "guest memory cannot be at \(Self.text(range)): it takes whole pages of 4 KiB below 2^48"
        case .overlap(let first, let second):
            "guest memory at \(Self.text(first)) overlaps guest memory at \(Self.text(second))"
        }
    }

    private static func text(_ range: Range<PhysicalAddress>) -> String {
        "0x\(String(range.lowerBound, radix: 16)) to 0x\(String(range.upperBound, radix: 16))"
    }
}

/// Guest RAM and ROM, mapped lazily: the host commits a page when it is first touched.
///
/// Safe to share between threads: mappings never move, and concurrent access to their bytes is the guest's own
/// concurrency, made with single loads and stores of the size that the guest asked for.
public final class GuestMemory: @unchecked Sendable {
    /// The granule of regions: 4 KiB, whatever the guest's page size.
    public static let pageShift: UInt64 = 12
    private static let pageByteCount: UInt64 = 1 << pageShift

    private struct Region {
        let range: Range<PhysicalAddress>
        let mapping: HostMapping
        /// nil for RAM.
        let rom: GuestROM?
        /// The number of its first page.
        var firstPage = 0
    }

    /// In ascending order of addresses.
    private let regions: [Region]
    /// Whether there is more than the main region.
    private let hasOthers: Bool

    // The largest region of RAM, which has the first page numbers.
    @usableFromInline let mainBase: PhysicalAddress
    @usableFromInline let mainByteCount: UInt64
    @usableFromInline let mainHost: UnsafeMutableRawPointer

    /// Where RAM is, in ascending order.
    public let ram: [Range<PhysicalAddress>]
    /// In ascending order of addresses.
    public let roms: [GuestROM]
    /// Pages of all regions: they have numbers from 0, by which a back end can keep what it knows of each.
    public let pageCount: Int

    private let observerSlot = GuestMemoryObserverSlot()

    /// Reserves `byteCount` bytes of RAM (rounded up to 4 KiB) at guest physical address `base`, all zero.
    public convenience init(base: PhysicalAddress, byteCount: UInt64) throws(GuestMemoryError) {
        let (sum, overflow) = byteCount.addingReportingOverflow(Self.pageByteCount - 1)
        let (end, endOverflow) = base.addingReportingOverflow(sum & ~(Self.pageByteCount - 1))
        guard !overflow, !endOverflow else { throw .unusableRegion(base..<PhysicalAddress.max) }
        try self.init(ram: [base..<end])
    }

    /// Reserves regions of RAM and ROM, all zero. Regions of RAM that touch become one, so that what lies across their
    /// border is as contiguous for devices as for the guest.
    ///
    /// - Precondition: there is RAM.
    public init(
        ram: [Range<PhysicalAddress>], rom: [Range<PhysicalAddress>] = []
    ) throws(GuestMemoryError) {
        precondition(!ram.isEmpty, "a machine has RAM")
        try Self.check(ram + rom)
        var merged: [Range<PhysicalAddress>] = []
        for range in ram.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, last.upperBound == range.lowerBound {
                merged[merged.count - 1] = last.lowerBound..<range.upperBound
            } else {
                merged.append(range)
            }
        }
        var regions: [Region] = []
        for range in merged {
            regions.append(Region(range: range, mapping: try Self.reserve(range), rom: nil))
        }
        for range in rom {
            let mapping = try Self.reserve(range)
            regions.append(
                Region(
                    range: range, mapping: mapping,
                    rom: GuestROM(range: range, mapping: mapping, observer: observerSlot)))
        }
        var main = 0
        for index in merged.indices where merged[index].byteCount > merged[main].byteCount { main = index }
        var pageCount = Int(merged[main].byteCount >> Self.pageShift)
        for index in regions.indices where index != main {
            regions[index].firstPage = pageCount
            pageCount += Int(regions[index].range.byteCount >> Self.pageShift)
        }
        mainBase = merged[main].lowerBound
        mainByteCount = merged[main].byteCount
        mainHost = regions[main].mapping.base
        self.pageCount = pageCount
        self.ram = merged
        hasOthers = regions.count > 1
        regions.sort { $0.range.lowerBound < $1.range.lowerBound }
        roms = regions.compactMap(\.rom)
        self.regions = regions
    }

    private static func check(_ ranges: [Range<PhysicalAddress>]) throws(GuestMemoryError) {
        for range in ranges {
            let isWholePages = (range.lowerBound | range.upperBound) & (pageByteCount - 1) == 0
            guard !range.isEmpty, isWholePages, range.upperBound <= PhysicalAddressSpace.byteCount else {
                throw .unusableRegion(range)
            }
        }
        let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
        for (first, second) in zip(sorted, sorted.dropFirst()) where first.overlaps(second) {
            throw .overlap(first, second)
        }
    }

    private static func reserve(_ range: Range<PhysicalAddress>) throws(GuestMemoryError) -> HostMapping {
        do {
            let mapping = try HostMapping(byteCount: Int(range.byteCount))
            // A core file tells of the host's side; what the guest has in memory is its own, and may take minutes to
            // write.
            mapping.hideFromCoreFiles()
            return mapping
        } catch { throw .cannotReserve(byteCount: range.byteCount, errno: error.errno) }
    }

    /// Bytes of RAM.
    public var byteCount: UInt64 { ram.reduce(0) { $0 + $1.byteCount } }

    /// Bytes of RAM that are in the host's memory: those that were touched, in whole pages of the host, less what the
    /// host has moved to its swap.
    public var residentByteCount: UInt64 {
        regions.reduce(0) { $0 + ($1.rom == nil ? UInt64($1.mapping.residentByteCount) : 0) }
    }

    /// Gives all RAM back to the host: it is zero again.
    public func empty() {
        for region in regions where region.rom == nil {
            region.mapping.empty()
            observerSlot.observer?.memoryWasWritten(region.range)
        }
    }

    // MARK: Finding

    /// Whether all of `count` bytes from `address` are RAM.
    @inlinable
    public func contains(_ address: PhysicalAddress, count: UInt64) -> Bool {
        pointer(at: address, count: count) != nil
    }

    /// The host address of `count` bytes at `address`, or nil if any of them is not RAM.
    ///
    /// Whoever writes through it calls `didWrite` afterwards.
    @inlinable
    public func pointer(at address: PhysicalAddress, count: UInt64) -> UnsafeMutableRawPointer? {
        let offset = address &- mainBase
        guard offset <= mainByteCount, count <= mainByteCount &- offset else {
            return pointerInOtherRAM(at: address, count: count)
        }
        // Safe: the whole range was just checked to be inside the mapping.
        return mainHost + Int(offset)
    }

    /// The address that `pointer` found; nil if it leads to no RAM of the guest's.
    public func address(of pointer: UnsafeRawPointer) -> PhysicalAddress? {
        for region in regions where region.rom == nil {
            let offset = UInt64(UInt(bitPattern: pointer)) &- UInt64(UInt(bitPattern: region.mapping.base))
            if offset < region.range.byteCount { return region.range.lowerBound + offset }
        }
        return nil
    }

    @usableFromInline
    func pointerInOtherRAM(at address: PhysicalAddress, count: UInt64) -> UnsafeMutableRawPointer? {
        guard let index = otherRegion(at: address, count: count), regions[index].rom == nil else { return nil }
        // Safe: as above.
        return regions[index].mapping.base + Int(address - regions[index].range.lowerBound)
    }

    /// The host address of what a load of `count` bytes at `address` finds: RAM, or ROM that is memory now; or nil.
    @inlinable
    public func contents(at address: PhysicalAddress, count: UInt64) -> UnsafeRawPointer? {
        if let pointer = pointer(at: address, count: count) { return UnsafeRawPointer(pointer) }
        return contentsOfROM(at: address, count: count)
    }

    @usableFromInline
    func contentsOfROM(at address: PhysicalAddress, count: UInt64) -> UnsafeRawPointer? {
        guard let index = otherRegion(at: address, count: count), let rom = regions[index].rom, rom.mode == .memory
        else { return nil }
        // Safe: as above.
        return UnsafeRawPointer(rom.mapping.base + Int(address - rom.range.lowerBound))
    }

    /// The host address of instructions from `address` to the end of its page: in RAM, or in ROM whatever its mode.
    public func code(at address: PhysicalAddress) -> UnsafeRawPointer? {
        if let pointer = pointer(at: address, count: 1) { return UnsafeRawPointer(pointer) }
        guard let index = otherRegion(at: address, count: 1) else { return nil }
        // Safe: as above.
        return UnsafeRawPointer(regions[index].mapping.base + Int(address - regions[index].range.lowerBound))
    }

    /// The index of the region that has all of `count` bytes at `address`. Of the main one only if there are others.
    private func otherRegion(at address: PhysicalAddress, count: UInt64) -> Int? {
        guard hasOthers, let index = region(at: address) else { return nil }
        return count <= regions[index].range.upperBound - address ? index : nil
    }

    /// The index of the region of `address`.
    private func region(at address: PhysicalAddress) -> Int? {
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
                return middle
            }
        }
        return nil
    }

    /// The memory that keeps a window of `range` from being there. A window may stand behind a ROM: then it has its
    /// range.
    func conflict(with range: Range<PhysicalAddress>) -> Range<PhysicalAddress>? {
        regions.first { $0.range.overlaps(range) && !($0.rom != nil && $0.range == range) }?.range
    }

    // MARK: Pages

    /// The number of the page of `address`, which is RAM or ROM; nil if it is neither.
    @inlinable
    public func pageNumber(of address: PhysicalAddress) -> Int? {
        let offset = address &- mainBase
        guard offset < mainByteCount else { return otherPageNumber(of: address) }
        return Int(offset >> Self.pageShift)
    }

    @usableFromInline
    func otherPageNumber(of address: PhysicalAddress) -> Int? {
        guard hasOthers, let index = region(at: address) else { return nil }
        return regions[index].firstPage + Int((address - regions[index].range.lowerBound) >> Self.pageShift)
    }

    /// Where the page with a number is.
    ///
    /// - Precondition: there is one.
    public func address(ofPage number: Int) -> PhysicalAddress {
        for region in regions {
            let page = number - region.firstPage
            let (first, count) = (region.range.lowerBound, Int(region.range.byteCount >> Self.pageShift))
            if (0..<count).contains(page) { return first + UInt64(page) << Self.pageShift }
        }
        preconditionFailure("there is no such page")
    }

    // MARK: Observing

    /// Who hears of writes, for as long as it lives. Set before vCPUs and devices run.
    public var observer: (any GuestMemoryObserver)? {
        get { observerSlot.observer }
        set { observerSlot.observer = newValue }
    }

    /// Tells the back end that `count` bytes of RAM at `address` were changed by somebody else than a vCPU.
    public func didWrite(at address: PhysicalAddress, count: UInt64) {
        guard count > 0, contains(address, count: count), let observer = observerSlot.observer else { return }
        observer.memoryWasWritten(address..<address + count)
    }

    // MARK: Accesses of devices

    /// Reads a little-endian integer; nil if it is not wholly in one region of memory.
    @inlinable
    public func load<T: FixedWidthInteger>(_ type: T.Type = T.self, at address: PhysicalAddress) -> T? {
        guard let pointer = contents(at: address, count: UInt64(MemoryLayout<T>.size)) else { return nil }
        return T(littleEndian: pointer.loadUnaligned(as: T.self))
    }

    /// Writes a little-endian integer; false, and nothing written, if it is not wholly in one region of RAM.
    @inlinable @discardableResult
    public func store<T: FixedWidthInteger>(_ value: T, at address: PhysicalAddress) -> Bool {
        guard let pointer = pointer(at: address, count: UInt64(MemoryLayout<T>.size)) else { return false }
        pointer.storeBytes(of: value.littleEndian, as: T.self)
        didWrite(at: address, count: UInt64(MemoryLayout<T>.size))
        return true
    }

    /// Copies `count` bytes out; nil if they are not wholly in one region of memory.
    public func read(at address: PhysicalAddress, count: Int) -> [UInt8]? {
        guard count >= 0, let pointer = contents(at: address, count: UInt64(count)) else { return nil }
        return [UInt8](UnsafeRawBufferPointer(start: pointer, count: count))
    }

    /// Copies `bytes` in; false, and nothing written, if they do not fit in one region of RAM.
    @discardableResult
    public func write(_ bytes: some Collection<UInt8>, at address: PhysicalAddress) -> Bool {
        guard let pointer = pointer(at: address, count: UInt64(bytes.count)) else { return false }
        UnsafeMutableRawBufferPointer(start: pointer, count: bytes.count).copyBytes(from: bytes)
        didWrite(at: address, count: UInt64(bytes.count))
        return true
    }
}

extension Range<PhysicalAddress> {
    /// `count` as what it counts.
    var byteCount: UInt64 { upperBound - lowerBound }
}
