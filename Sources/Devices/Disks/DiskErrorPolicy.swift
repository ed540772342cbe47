// What becomes of a request that the host's storage cannot do, and who is told.
//
// Responsible for: the choice, and the disk that waits. Not responsible for: pausing the guest meanwhile, which is the
// machine's business.

import Glibc
import Hypervisor

/// What a disk does about an error of the host's storage.
public enum DiskErrorPolicy: String, Sendable, CaseIterable {
    /// The guest is told (VIRTIO_BLK_S_IOERR).
    case report
    /// The guest is paused, and the request done again until the host can do it.
    case stop
}

/// What is to be said of a disk and its host.
public enum DiskEvent: Sendable, Equatable {
    /// Requests fail for a reason for which none had failed before, and the guest is told.
    case failed(DiskFileError)
    /// A request cannot be done, and is kept. The guest is to be paused.
    case held(DiskFileError)
    /// That request was done, or nobody waits for it any more. The guest is to go on.
    case released
}

/// A disk whose reads, writes and discards wait until the host can do them.
///
/// A flush that failed is not tried again: the host may have dropped what it could not write, and a second flush would
/// find nothing wrong.
final class PatientDisk: DiskStorage {
    private let disk: any DiskStorage
    private let retryMilliseconds: Int
    private let tell: @Sendable (DiskEvent) -> Void

    /// - Parameters:
    ///   - retryMilliseconds: how long it waits before each new attempt.
    ///   - tell: called on the thread that waits.
    init(_ disk: any DiskStorage, retryMilliseconds: Int, tell: @escaping @Sendable (DiskEvent) -> Void) {
        self.disk = disk
        self.retryMilliseconds = retryMilliseconds
        self.tell = tell
    }

    var isReadOnly: Bool { disk.isReadOnly }
    var byteCount: UInt64 { disk.byteCount }
    var hasPower: Bool { disk.hasPower }
    var isInterrupted: Bool { disk.isInterrupted }

    func peek(_ count: Int, at offset: UInt64) -> [UInt8]? { disk.peek(count, at: offset) }

    func read(into buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try patiently { () throws(DiskFileError) in try disk.read(into: buffers, of: memory, at: offset) }
    }

    func write(_ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try patiently { () throws(DiskFileError) in try disk.write(buffers, of: memory, at: offset) }
    }

    func clear(_ ranges: [Range<UInt64>], _ clearing: DiskClearing) throws(DiskFileError) {
        try patiently { () throws(DiskFileError) in try disk.clear(ranges, clearing) }
    }

    func synchronize() throws(DiskFileError) {
        try disk.synchronize()
    }

    private func patiently(_ request: () throws(DiskFileError) -> Void) throws(DiskFileError) {
        var isHeld = false
        defer { if isHeld { tell(.released) } }
        while true {
            do throws(DiskFileError) {
                return try request()
            } catch {
                guard case .failed = error, disk.hasPower else { throw error }
                if !isHeld { tell(.held(error)) }
                isHeld = true
                try wait(after: error)
            }
        }
    }

    /// Waits before the next attempt; throws if the run is to end meanwhile.
    private func wait(after error: DiskFileError) throws(DiskFileError) {
        let step = 20
        for _ in 0..<max(1, retryMilliseconds / step) {
            guard !disk.isInterrupted else {
                guard case .failed(_, let path, _) = error else { throw error }
                throw .interrupted(path: path)
            }
            usleep(UInt32(step) * 1000)
        }
    }
}
