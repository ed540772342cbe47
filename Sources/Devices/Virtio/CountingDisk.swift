// A disk that counts what is asked of it, for the report, and says when it begins to fail. What comes after a power cut
// is not counted.

import Hypervisor
import Synchronization

/// Counts the requests to `disk` and hands them on.
final class CountingDisk: DiskStorage {
    private let disk: any DiskStorage
    private let reads = Atomic<UInt64>(0)
    private let writes = Atomic<UInt64>(0)
    private let flushes = Atomic<UInt64>(0)
    /// By errno.
    private let failures = Mutex<[Int32: UInt64]>([:])
    private let firstFailure: @Sendable (DiskFileError) -> Void

    /// - Parameter firstFailure: called with the first error for each reason.
    init(_ disk: any DiskStorage, firstFailure: @escaping @Sendable (DiskFileError) -> Void = { _ in }) {
        self.disk = disk
        self.firstFailure = firstFailure
    }

    /// What was counted so far.
    var activity: DiskActivity {
        DiskActivity(
            reads: reads.load(ordering: .relaxed), writes: writes.load(ordering: .relaxed),
            flushes: flushes.load(ordering: .relaxed), failuresByReason: failures.withLock { $0 })
    }

    var isReadOnly: Bool { disk.isReadOnly }
    var byteCount: UInt64 { disk.byteCount }
    var hasPower: Bool { disk.hasPower }
    var isInterrupted: Bool { disk.isInterrupted }

    func peek(_ count: Int, at offset: UInt64) -> [UInt8]? { disk.peek(count, at: offset) }

    func read(into buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try count(reads) { () throws(DiskFileError) in try disk.read(into: buffers, of: memory, at: offset) }
    }

    func write(_ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try count(writes) { () throws(DiskFileError) in try disk.write(buffers, of: memory, at: offset) }
    }

    func clear(_ ranges: [Range<UInt64>], _ clearing: DiskClearing) throws(DiskFileError) {
        try count(writes) { () throws(DiskFileError) in try disk.clear(ranges, clearing) }
    }

    func synchronize() throws(DiskFileError) {
        try count(flushes) { () throws(DiskFileError) in try disk.synchronize() }
    }

    private func count(
        _ counter: borrowing Atomic<UInt64>, _ request: () throws(DiskFileError) -> Void
    ) throws(DiskFileError) {
        if disk.hasPower { counter.wrappingAdd(1, ordering: .relaxed) }
        do throws(DiskFileError) {
            try request()
        } catch {
            // The end of the run is no failure of the disk.
            guard let code = error.hostError else { throw error }
            let isFirst = failures.withLock { failures in
                failures[code, default: 0] += 1
                return failures[code] == 1
            }
            if isFirst { firstFailure(error) }
            throw error
        }
    }
}
