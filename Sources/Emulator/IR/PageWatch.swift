// What the emulator knows of each page of guest memory, so that code that changes is noticed.
//
// Responsible for: a byte of flags for each page. What they mean together: ARCHITECTURE.md, "Code that changes".

import Hypervisor
import Synchronization

/// The pages of a machine's memory.
///
/// A class, so that a look at a page counts no references of what this is made of.
///
/// Safe to share between threads: the bytes never move, and are only accessed as atomics.
final class PageWatch: @unchecked Sendable {
    private let memory: GuestMemory
    private let bytes: HostMapping

    init(_ memory: GuestMemory) throws(HostMappingError) {
        self.memory = memory
        bytes = try HostMapping(byteCount: memory.pageCount)
    }

    /// The byte of the page of `physical`.
    ///
    /// - Precondition: `physical` is in memory.
    subscript(physical: PhysicalAddress) -> WatchByte {
        guard let page = memory.pageNumber(of: physical) else { preconditionFailure("only memory is watched") }
        return WatchByte(pointer: bytes.base + page)
    }

    /// Calls `body` with each page of `range` that has a flag.
    ///
    /// - Precondition: `range` is in one region of memory.
    func forEachWatchedPage(in range: Range<PhysicalAddress>, _ body: (PhysicalAddress) -> Void) {
        guard !range.isEmpty, let first = memory.pageNumber(of: range.lowerBound) else { return }
        let firstAddress = range.lowerBound & TLBGeometry.pageMask
        let count = Int((range.upperBound - 1 - firstAddress) >> GuestMemory.pageShift) + 1
        // Safe: a region's pages have consecutive numbers.
        for page in 0..<count where WatchByte(pointer: bytes.base + (first + page)).value != 0 {
            body(firstAddress + UInt64(page) << GuestMemory.pageShift)
        }
    }
}

/// Atomic access to a page's flags.
///
/// Safe: `Atomic<UInt8>` has the layout of a byte, and the bytes outlive the machine's CPUs.
struct WatchByte {
    /// Blocks were made from the page.
    static let hasBlocks: UInt8 = 1
    /// Some CPU's software TLB may allow writes to the page.
    static let mayBeWritten: UInt8 = 2

    let pointer: UnsafeMutableRawPointer

    private var atomic: UnsafeMutablePointer<Atomic<UInt8>> { pointer.assumingMemoryBound(to: Atomic<UInt8>.self) }

    /// Sets bits; returns the value before.
    func bitwiseOr(_ bits: UInt8) -> UInt8 {
        atomic.pointee.bitwiseOr(bits, ordering: .sequentiallyConsistent).oldValue
    }

    /// Clears the bits that are zero in `mask`.
    func bitwiseAnd(_ mask: UInt8) {
        atomic.pointee.bitwiseAnd(mask, ordering: .sequentiallyConsistent)
    }

    var value: UInt8 { atomic.pointee.load(ordering: .sequentiallyConsistent) }
}
