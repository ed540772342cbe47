// Sectors of a disk that are let go, or made zero, without any data from the guest.
//
// Responsible for: doing that as cheaply as the host can. Not responsible for: what a request may ask for
// (`BlockRequest`).
//
// Follows fallocate(2), which Linux has for block devices as well as for files, and BLKDISCARD of linux/fs.h.

import DiskImages
import Glibc
import HostSupport

/// What becomes of sectors (virtio 1.2 §5.2.6).
enum DiskClearing: Sendable, Hashable {
    /// The guest needs what is in them no more. They may read as anything afterwards; a file reads as zeros.
    case discard
    /// They read as zeros afterwards; with `mayUnmap` they need no room either.
    case writeZeroes(mayUnmap: Bool)
}

extension DiskFile {
    /// The most that the host is asked to clear in one call, and where such calls begin: the run may have to end
    /// meanwhile.
    private static let clearedByteCount: UInt64 = 64 << 20
    /// BLKDISCARD of linux/fs.h: _IO(0x12, 119).
    private static let discard: UInt = 0x1277

    private static let zeroes = [UInt8](repeating: 0, count: pieceByteCount)

    func clear(_ ranges: [Range<UInt64>], _ clearing: DiskClearing) throws(DiskFileError) {
        for sectors in ranges { try clear(sectors, clearing, isInterruptible: true) }
    }

    /// Clears `sectors`, which are on the disk.
    func clear(_ sectors: Range<UInt64>, _ clearing: DiskClearing, isInterruptible: Bool) throws(DiskFileError) {
        // Safe: the bytes are on the disk, whose size is an off_t.
        var start = sectors.lowerBound &* Self.sectorByteCount
        let end = sectors.upperBound &* Self.sectorByteCount
        while start < end {
            if isInterruptible, isInterrupted { throw .interrupted(path: path) }
            let next = min(end, (start / Self.clearedByteCount + 1) * Self.clearedByteCount)
            try clear(bytes: start..<next, clearing, isInterruptible: isInterruptible)
            start = next
        }
    }

    private func clear(
        bytes range: Range<UInt64>, _ clearing: DiskClearing, isInterruptible: Bool
    ) throws(DiskFileError) {
        if let image {
            do throws(DiskImageError) { return try image.clear(range, Qcow2Image.Clearing(clearing)) } catch {
                throw DiskFileError(error)
            }
        }
        switch clearing {
        case .discard:
            // A hole reads as zeros, so it comes first. What cannot be discarded stays, as it may.
            let isDone = try allocate(.punchHole, range)
            if !isDone, disk.isBlockDevice { try discardBlocks(range) }
        case .writeZeroes(let mayUnmap):
            for mode in mayUnmap ? [.punchHole, .zeroRange] : [HostDisk.AllocationMode.zeroRange] {
                guard try !allocate(mode, range) else { return }
            }
            try writeZeroes(range, isInterruptible: isInterruptible)
        }
    }

    /// fallocate(2); false if the host cannot do that here.
    private func allocate(
        _ mode: HostDisk.AllocationMode, _ range: Range<UInt64>
    ) throws(DiskFileError) -> Bool {
        do throws(HostDisk.AllocationError) {
            return try disk.allocate(mode, range)
        } catch { throw .failed(operation: "clear", path: path, errno: error.errno) }
    }

    private func discardBlocks(_ range: Range<UInt64>) throws(DiskFileError) {
        var request = [range.lowerBound, UInt64(range.count)]
        while ioctl(descriptor, Self.discard, &request) != 0 {
            switch errno {
            case EINTR: continue
            case EOPNOTSUPP, ENOTTY, EINVAL: return
            default: throw .failed(operation: "clear", path: path, errno: errno)
            }
        }
    }

    private func writeZeroes(_ range: Range<UInt64>, isInterruptible: Bool) throws(DiskFileError) {
        let result = Self.zeroes.withUnsafeBytes { buffer -> Result<Void, DiskFileError> in
            // Safe: the vectors are used while the zeros are borrowed, and only read from.
            let base = UnsafeMutableRawPointer(mutating: buffer.baseAddress)
            let vectors = stride(from: 0, to: range.count, by: buffer.count).map {
                iovec(iov_base: base, iov_len: min(buffer.count, range.count - $0))
            }
            do throws(DiskFileError) {
                try transfer(
                    vectors, at: range.lowerBound, operation: "write", isInterruptible: isInterruptible
                ) { pwritev(descriptor, $0, $1, $2) }
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }
}

extension Qcow2Image.Clearing {
    fileprivate init(_ clearing: DiskClearing) {
        self =
            switch clearing {
            case .discard: .discard
            case .writeZeroes(let mayUnmap): .writeZeroes(mayUnmap: mayUnmap)
            }
    }
}
