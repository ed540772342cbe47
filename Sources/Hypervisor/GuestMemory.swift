// The guest's RAM: one mapping of host memory, and the only way devices reach it.
//
// Responsible for: reserving the RAM lazily, bounds-checked access by guest physical address, and telling the
// back end when somebody else than a vCPU writes to a page that holds translated code ("watched" pages).
// Not responsible for: where RAM lies (the machine model says so), MMIO (`PhysicalBus`), or address translation.

import Glibc
import Synchronization

/// A guest physical address.
public typealias PhysicalAddress = UInt64

/// Why guest memory could not be made.
public enum GuestMemoryError: Error, CustomStringConvertible {
    case cannotReserve(byteCount: UInt64, errno: Int32)
    /// For what a back end makes of the guest's code, however little of it.
    case cannotReserveCode(errno: Int32)

    public var description: String {
        switch self {
        case .cannotReserve(let byteCount, let code):
            "cannot reserve \(byteCount >> 20) MiB of guest memory (\(String(cString: strerror(code)))); "
                + "give the guest less with --memory, or raise the limit of this process's address space (ulimit -v)"
        case .cannotReserveCode(let code):
            "cannot reserve memory for what the guest's code becomes (\(String(cString: strerror(code)))); "
                + "raise the limit of this process's address space (ulimit -v)"
        }
    }
}

/// Contiguous guest RAM, mapped lazily: the host commits a page when it is first touched.
///
/// Safe to share between threads: the mapping never moves, and concurrent access to its bytes is the guest's own
/// concurrency, made with single loads and stores of the size that the guest asked for.
public final class GuestMemory: @unchecked Sendable {
    /// The granule in which writes are watched: 4 KiB, whatever the guest's page size.
    public static let pageShift: UInt64 = 12

    /// First guest physical address.
    public let base: PhysicalAddress
    /// Bytes, a multiple of 4 KiB.
    public let byteCount: UInt64
    /// Where `base` is in this process.
    public let host: UnsafeMutableRawPointer
    /// One byte per 4 KiB page; non-zero while translated code was made from that page.
    public let watched: UnsafeMutablePointer<UInt8>

    /// Called, on the writing thread, after a device wrote to a watched page. Set once, before devices run.
    public nonisolated(unsafe) var onWatchedWrite: (@Sendable (Range<PhysicalAddress>) -> Void)?

    /// Reserves `byteCount` bytes (rounded up to 4 KiB) at guest physical address `base`, all zero.
    public init(base: PhysicalAddress, byteCount: UInt64) throws(GuestMemoryError) {
        let size = (byteCount + 0xFFF) & ~0xFFF
        self.base = base
        self.byteCount = size
        func reserve(_ length: UInt64) throws(GuestMemoryError) -> UnsafeMutableRawPointer {
            guard
                let pointer = mmap(
                    nil, Int(length), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                pointer != MAP_FAILED
            else { throw .cannotReserve(byteCount: length, errno: errno) }
            return pointer
        }
        host = try reserve(size)
        // A core file tells of the host's side; what the guest has in memory is its own, and may take minutes to write.
        madvise(host, Int(size), MADV_DONTDUMP)
        watched = try reserve(size >> Self.pageShift).assumingMemoryBound(to: UInt8.self)
    }

    deinit {
        munmap(host, Int(byteCount))
        munmap(watched, Int(byteCount >> Self.pageShift))
    }

    /// The guest physical addresses that are RAM.
    public var range: Range<PhysicalAddress> { base..<base + byteCount }

    /// Whether all of `count` bytes from `address` are RAM.
    @inlinable
    public func contains(_ address: PhysicalAddress, count: UInt64) -> Bool {
        address >= base && count <= byteCount && address &- base <= byteCount &- count
    }

    /// The host address of `count` bytes at `address`, or nil if any of them is not RAM.
    ///
    /// Whoever writes through it calls `didWrite` afterwards.
    @inlinable
    public func pointer(at address: PhysicalAddress, count: UInt64) -> UnsafeMutableRawPointer? {
        guard contains(address, count: count) else { return nil }
        // Safe: the whole range was just checked to be inside the mapping.
        return host + Int(address &- base)
    }

    /// Tells the back end that `count` bytes at `address` were changed by somebody else than a vCPU.
    public func didWrite(at address: PhysicalAddress, count: UInt64) {
        guard count > 0, contains(address, count: count), let onWatchedWrite else { return }
        // The write must be seen before the page is found not to be watched: a vCPU marks a page first, and reads it then.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let first = (address - base) >> Self.pageShift
        let last = (address - base + count - 1) >> Self.pageShift
        // Safe: `watched` has a byte for every page of RAM.
        for page in first...last where watched[Int(page)] != 0 {
            let start = base + page << Self.pageShift
            onWatchedWrite(start..<start + 1 << Self.pageShift)
        }
    }

    /// Reads a little-endian integer; nil if it is not wholly in RAM.
    @inlinable
    public func load<T: FixedWidthInteger>(_ type: T.Type = T.self, at address: PhysicalAddress) -> T? {
        guard let pointer = pointer(at: address, count: UInt64(MemoryLayout<T>.size)) else { return nil }
        return T(littleEndian: pointer.loadUnaligned(as: T.self))
    }

    /// Writes a little-endian integer; false, and nothing written, if it is not wholly in RAM.
    @inlinable @discardableResult
    public func store<T: FixedWidthInteger>(_ value: T, at address: PhysicalAddress) -> Bool {
        guard let pointer = pointer(at: address, count: UInt64(MemoryLayout<T>.size)) else { return false }
        pointer.storeBytes(of: value.littleEndian, as: T.self)
        didWrite(at: address, count: UInt64(MemoryLayout<T>.size))
        return true
    }

    /// Copies `count` bytes out; nil if they are not wholly in RAM.
    public func read(at address: PhysicalAddress, count: Int) -> [UInt8]? {
        guard count >= 0, let pointer = pointer(at: address, count: UInt64(count)) else { return nil }
        return [UInt8](UnsafeRawBufferPointer(start: pointer, count: count))
    }

    /// Copies `bytes` in; false, and nothing written, if they do not fit in RAM.
    @discardableResult
    public func write(_ bytes: some Collection<UInt8>, at address: PhysicalAddress) -> Bool {
        guard let pointer = pointer(at: address, count: UInt64(bytes.count)) else { return false }
        UnsafeMutableRawBufferPointer(start: pointer, count: bytes.count).copyBytes(from: bytes)
        didWrite(at: address, count: UInt64(bytes.count))
        return true
    }
}
