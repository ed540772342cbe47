// Memory of the host's, as large as it may become and taken only where it is touched.

import Glibc

/// Why the host gave no memory.
public struct HostMappingError: Error {
    public let errno: Int32
}

/// Pages that read as zero until they are written, at an address that never changes.
///
/// Safe to share between threads: it is an address; who uses what is there sees to the rest.
public final class HostMapping: @unchecked Sendable {
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int

    /// - Precondition: `byteCount` is positive.
    public init(byteCount: Int) throws(HostMappingError) {
        precondition(byteCount > 0, "a mapping has bytes")
        guard
            let pointer = mmap(
                nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            pointer != MAP_FAILED
        else { throw HostMappingError(errno: errno) }
        base = pointer
        self.byteCount = byteCount
    }

    deinit { munmap(base, byteCount) }

    /// Keeps what is here out of core files.
    func hideFromCoreFiles() { madvise(base, byteCount, MADV_DONTDUMP) }

    /// Gives every page back to the host: all of it reads as zero again.
    func empty() { madvise(base, byteCount, MADV_DONTNEED) }

    /// The same of whole pages in the middle.
    ///
    /// - Precondition: `range` is within the mapping, in bytes from `base`, and its bounds are multiples of 4 KiB.
    public func empty(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "what is emptied is in the mapping")
        madvise(base + range.lowerBound, range.count, MADV_DONTNEED)
    }

    /// Bytes that are in the host's memory: whole pages that were touched, less what the host has moved to its swap.
    var residentByteCount: Int {
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        var states = [UInt8](repeating: 0, count: Self.residencyStep / pageSize)
        var pageCount = 0
        var offset = 0
        while offset < byteCount {
            let length = min(Self.residencyStep, byteCount - offset)
            // Safe: the range is inside the mapping, and `states` has a byte for each page of it.
            guard mincore(base + offset, length, &states) == 0 else { break }
            pageCount += states.prefix((length + pageSize - 1) / pageSize).count { $0 & 1 != 0 }
            offset += length
        }
        return pageCount * pageSize
    }

    /// Bytes asked about in one call, so that the answer for a large mapping needs no large buffer.
    private static let residencyStep = 1 << 30
}
