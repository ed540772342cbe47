// Room of a disk on the host, and letting go of it.
//
// Follows fallocate(2), which Linux has for block devices as well as for files.

import Glibc

extension HostDisk {
    /// What fallocate(2) is to do, by linux/falloc.h; always with FALLOC_FL_KEEP_SIZE.
    public enum AllocationMode: Int32, Sendable {
        /// FALLOC_FL_PUNCH_HOLE.
        case punchHole = 0x03
        /// FALLOC_FL_ZERO_RANGE.
        case zeroRange = 0x11
    }

    /// Why nothing was done.
    public struct AllocationError: Error, Equatable {
        public var errno: Int32
    }

    /// Looked up, because the C library declares it to those only who ask for its extensions.
    private static let fallocate: (@convention(c) (Int32, Int32, off_t, off_t) -> Int32)? = {
        guard let symbol = dlsym(nil, "fallocate") else { return nil }
        // Safe: that is its type (fallocate(2)), and off_t has 64 bits.
        return unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32, off_t, off_t) -> Int32).self)
    }()

    /// Makes bytes of the disk zero without writing them; false if the host cannot do that here.
    ///
    /// - Parameters:
    ///   - mode: whether they keep their room.
    ///   - range: the bytes.
    /// - Returns: whether it is done.
    /// - Throws: what the host says if it can and does not.
    public func allocate(_ mode: AllocationMode, _ range: Range<UInt64>) throws(AllocationError) -> Bool {
        guard let fallocate = Self.fallocate, let start = off_t(exactly: range.lowerBound),
            let count = off_t(exactly: range.upperBound - range.lowerBound)
        else { return false }
        while fallocate(descriptor, mode.rawValue, start, count) != 0 {
            switch errno {
            case EINTR: continue
            // The last one is for a device whose blocks are larger than what is to be cleared.
            case EOPNOTSUPP, ENOSYS, EINVAL: return false
            case let code: throw AllocationError(errno: code)
            }
        }
        return true
    }
}
