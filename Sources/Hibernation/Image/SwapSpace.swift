// Whether a guest has room on its disks for its memory, as far as its disks say before it runs.
//
// Responsible for: the largest swap area of all, since an image goes into one, and what may have more that nobody sees.
// Not responsible for: what the guest makes of them, such as swap on zram, or a swap file that it makes later.

import DiskImages

/// Where a guest could hibernate to.
public struct SwapSpace: Sendable, Hashable {
    /// Bytes of the largest swap area; nil if there is none.
    public private(set) var largestByteCount: UInt64?
    /// What may have a swap area, or a swap file, that is not seen: in words.
    public private(set) var unsearched: [String] = []

    public init() {}

    /// Adds what is on a disk, which is only read.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what it is; nil if it is what it looks like.
    /// - Throws: why it cannot be read.
    public mutating func add(diskAt path: String, format: DiskFormat?) throws(RawDiskError) {
        let search = try SwapSearch.stoppedDisk(at: path, format: format)
        largestByteCount = ([largestByteCount].compactMap(\.self) + search.areas.map(\.byteCount)).max()
        unsearched += search.unsearched.map { "\($0.words) of \(path)" }
    }

    /// Whether an image of all of the memory has room. Linux writes less, as a rule, but is not bound to.
    ///
    /// - Parameter memoryByteCount: the guest's RAM.
    public func hasRoom(forMemory memoryByteCount: UInt64) -> Bool { (largestByteCount ?? 0) >= memoryByteCount }
}
