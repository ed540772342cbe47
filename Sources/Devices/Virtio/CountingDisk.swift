// A disk that counts what is asked of it, for the report. What comes after a power cut is not counted.

import Hypervisor
import Synchronization

/// Counts the requests to `disk` and hands them on.
final class CountingDisk: DiskStorage {
    private let disk: any DiskStorage
    private let reads = Atomic<UInt64>(0)
    private let writes = Atomic<UInt64>(0)
    private let flushes = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)

    init(_ disk: any DiskStorage) {
        self.disk = disk
    }

    /// What was counted so far.
    var activity: DiskActivity {
        DiskActivity(
            reads: reads.load(ordering: .relaxed), writes: writes.load(ordering: .relaxed),
            flushes: flushes.load(ordering: .relaxed), failures: failures.load(ordering: .relaxed))
    }

    var isReadOnly: Bool { disk.isReadOnly }
    var byteCount: UInt64 { disk.byteCount }
    var hasPower: Bool { disk.hasPower }
    var isInterrupted: Bool { disk.isInterrupted }

    func read(into buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try count(reads) { () throws(DiskFileError) in try disk.read(into: buffers, of: memory, at: offset) }
    }

    func write(_ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try count(writes) { () throws(DiskFileError) in try disk.write(buffers, of: memory, at: offset) }
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
            failures.wrappingAdd(1, ordering: .relaxed)
            throw error
        }
    }
}
