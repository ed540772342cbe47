// What a block device keeps its sectors in.
//
// Responsible for: the few things that a request asks of a disk. `DiskFile` is the disk of every ordinary run; those of
// the laboratory (`LaboratoryDisk`) go between it and the device.

import Hypervisor

/// A disk, below a `BlockDevice`. Its write cache is volatile: what was written is on stable storage once
/// `synchronize` has returned (virtio 1.2 §5.2.6.2).
protocol DiskStorage: AnyObject, Sendable {
    var isReadOnly: Bool { get }
    /// Bytes, a multiple of a sector's.
    var byteCount: UInt64 { get }
    /// Whether the disk still answers. A request that was not answered when the power went never is.
    var hasPower: Bool { get }
    /// Whether requests are left undone: the run is to end, or they are to be done later.
    var isInterrupted: Bool { get }

    /// Fills `buffers` from `offset` on. On an error, some of them may have been written.
    func read(into buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError)
    /// `count` bytes at `offset`, for the machine itself: it is no request, and nothing is counted or logged. Nil if they
    /// cannot be read.
    func peek(_ count: Int, at offset: UInt64) -> [UInt8]?
    /// Writes all of `buffers` from `offset` on. On an error, some of it may be on the disk.
    func write(_ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError)
    /// Makes `ranges` of sectors zero, or lets go of them. All of them are on the disk. On an error, some of it may be
    /// done. It is a write in every other respect.
    func clear(_ ranges: [Range<UInt64>], _ clearing: DiskClearing) throws(DiskFileError)
    /// Waits until everything that was written is on stable storage.
    func synchronize() throws(DiskFileError)
}

extension DiskFile: DiskStorage {
    var hasPower: Bool { true }
}

/// How often a disk was used.
public struct DiskActivity: Sendable, Hashable {
    /// Requests of the guest that reached the disk, those that failed included.
    public var reads: UInt64 = 0
    /// Discards and requests to write zeros count as writes.
    public var writes: UInt64 = 0
    /// The guest's, and the machine's own at the end of each run.
    public var flushes: UInt64 = 0
    /// How many of all these failed, by the host's reason (errno).
    public var failuresByReason: [Int32: UInt64] = [:]

    /// How many failed.
    public var failures: UInt64 { failuresByReason.values.reduce(0, &+) }
}
