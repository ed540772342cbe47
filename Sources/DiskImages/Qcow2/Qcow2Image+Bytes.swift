// A qcow2 image's bytes as arrays, for whoever has no buffers of a guest.

import Glibc

extension Qcow2Image {
    /// Fills `range` of `bytes` with what is at `offset` of the disk; what is behind its end is zero.
    ///
    /// - Parameters:
    ///   - bytes: has the range.
    ///   - range: is filled.
    ///   - offset: on the disk.
    /// - Throws: why it cannot be read.
    public func read(into bytes: inout [UInt8], _ range: Range<Int>, at offset: UInt64) throws(DiskImageError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        let result = bytes.withUnsafeMutableBytes { buffer -> Result<Void, DiskImageError> in
            guard let base = buffer.baseAddress else { return .success(()) }
            do throws(DiskImageError) {
                // Safe: the range is in the array, which is borrowed.
                try read(into: [iovec(iov_base: base + range.lowerBound, iov_len: range.count)], at: offset)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }

    /// The disk's `count` bytes at `offset`.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - offset: on the disk.
    /// - Returns: them; what is behind the end of the disk is zero.
    /// - Throws: why they cannot be read.
    public func bytes(_ count: Int, at offset: UInt64) throws(DiskImageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try read(into: &bytes, 0..<count, at: offset)
        return bytes
    }

    /// Writes `bytes` at `offset` of the disk.
    ///
    /// - Parameters:
    ///   - bytes: what to write.
    ///   - offset: on the disk, which has room for them.
    /// - Throws: why they cannot be written.
    public func write(_ bytes: [UInt8], at offset: UInt64) throws(DiskImageError) {
        let result = bytes.withUnsafeBytes { buffer -> Result<Void, DiskImageError> in
            // Safe: it is only read from, while it is borrowed.
            let base = UnsafeMutableRawPointer(mutating: buffer.baseAddress)
            do throws(DiskImageError) {
                try write([iovec(iov_base: base, iov_len: buffer.count)], at: offset)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }
}
