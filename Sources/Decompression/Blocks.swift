// Unpacking a block whose size is known: the clusters of disk images.
//
// Safe, for all of it: a library is given pointers to the arrays' own bytes with their counts, and keeps none of them
// when its call returns.

import CCompression

/// How a block is compressed.
public enum BlockCompression: Sendable, Hashable {
    /// RFC 1951, without a header of zlib's or gzip's.
    case deflate
    /// A frame of RFC 8878.
    case zstd
}

/// Unpacks a block. What follows it in `input` is not looked at.
///
/// - Parameters:
///   - compression: how it is compressed.
///   - input: begins with the block.
///   - byteCount: bytes that come out of it, no more and no less.
/// - Returns: the bytes; nil if it is no such block.
public func decompressBlock(_ compression: BlockCompression, _ input: [UInt8], byteCount: Int) -> [UInt8]? {
    var output = [UInt8](repeating: 0, count: byteCount)
    let produced =
        switch compression {
        case .deflate: inflateBlock(input, into: &output)
        case .zstd: unpackZstandard(input, into: &output)
        }
    return produced == byteCount ? output : nil
}

private func inflateBlock(_ input: [UInt8], into output: inout [UInt8]) -> Int? {
    // In one place: the library compares its address.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    // Negative: there is no header.
    let windowBits: Int32 = -15
    guard inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
        return nil
    }
    defer { inflateEnd(stream) }
    let room = output.count
    let code = input.withUnsafeBufferPointer { bytes in
        output.withUnsafeMutableBufferPointer { buffer in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
            stream.pointee.avail_in = UInt32(bytes.count)
            stream.pointee.next_out = buffer.baseAddress
            stream.pointee.avail_out = UInt32(room)
            return inflate(stream, Z_FINISH)
        }
    }
    // With no room left, the end need not have been read.
    guard code == Z_STREAM_END || code == Z_BUF_ERROR || code == Z_OK else { return nil }
    return room - Int(stream.pointee.avail_out)
}

private func unpackZstandard(_ input: [UInt8], into output: inout [UInt8]) -> Int? {
    guard let stream = ZSTD_createDStream() else { return nil }
    defer { ZSTD_freeDStream(stream) }
    // 8 MiB of window: a cluster has at most 2 MiB.
    _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 23)
    var produced = 0
    var consumed = 0
    let room = output.count
    let isDone = input.withUnsafeBytes { bytes in
        output.withUnsafeMutableBytes { buffer in
            while true {
                var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: consumed)
                var destination = ZSTD_outBuffer(dst: buffer.baseAddress, size: room, pos: produced)
                let left = ZSTD_decompressStream(stream, &destination, &source)
                if ZSTD_isError(left) != 0 { return false }
                let isStuck = source.pos == consumed && destination.pos == produced
                consumed = source.pos
                produced = destination.pos
                if left == 0 || produced == room { return true }
                if isStuck { return false }
            }
        }
    }
    return isDone ? produced : nil
}
