// The libraries' streams: zlib, liblzma, libbz2 and libzstd, each behind the same small protocol.
//
// Safe, for all of them: a library is given pointers to the arrays' own bytes with their counts, and keeps none of them
// when its call returns; what it allocates is freed with the object.

import CCompression

/// gzip, by zlib's inflate.
final class GzipDecoder: Decoder {
    /// In one place: the library compares its address.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    /// Bits of the window, and 16 for a gzip header.
    private static let windowBits: Int32 = 15 + 16

    init() throws(DecompressionError) {
        stream.initialize(to: z_stream())
        guard inflateInit2_(stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .noMemory(.gzip)
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep {
        var code = Z_OK
        let room = output.count
        input.withUnsafeBufferPointer { bytes in
            output.withUnsafeMutableBufferPointer { buffer in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
                stream.pointee.avail_in = UInt32(bytes.count)
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = UInt32(room)
                code = inflate(stream, Z_NO_FLUSH)
            }
        }
        guard [Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(code) else {
            throw code == Z_MEM_ERROR ? .noMemory(.gzip) : .damaged(.gzip)
        }
        return DecodingStep(
            consumed: input.count - Int(stream.pointee.avail_in), produced: room - Int(stream.pointee.avail_out),
            isAtEnd: code == Z_STREAM_END)
    }
}

/// xz and its predecessor, by liblzma.
final class LZMADecoder: Decoder {
    private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
    private let format: CompressionFormat
    /// Bytes that the window may take.
    private static let memoryLimit: UInt64 = 256 << 20

    init(_ format: CompressionFormat) throws(DecompressionError) {
        self.format = format
        stream.initialize(to: lzma_stream())
        let code =
            format == .xz
            ? lzma_stream_decoder(stream, Self.memoryLimit, 0) : lzma_alone_decoder(stream, Self.memoryLimit)
        guard code == LZMA_OK else { throw .noMemory(format) }
    }

    deinit {
        lzma_end(stream)
        stream.deallocate()
    }

    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep {
        var code = LZMA_OK
        let room = output.count
        input.withUnsafeBufferPointer { bytes in
            output.withUnsafeMutableBufferPointer { buffer in
                stream.pointee.next_in = bytes.baseAddress
                stream.pointee.avail_in = bytes.count
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = room
                code = lzma_code(stream, LZMA_RUN)
            }
        }
        guard [LZMA_OK, LZMA_STREAM_END, LZMA_BUF_ERROR].contains(code) else {
            throw [LZMA_MEM_ERROR, LZMA_MEMLIMIT_ERROR].contains(code) ? .noMemory(format) : .damaged(format)
        }
        return DecodingStep(
            consumed: input.count - stream.pointee.avail_in, produced: room - stream.pointee.avail_out,
            isAtEnd: code == LZMA_STREAM_END)
    }
}

/// bzip2, by libbz2.
final class Bzip2Decoder: Decoder {
    /// In one place: the library compares its address.
    private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)

    init() throws(DecompressionError) {
        stream.initialize(to: bz_stream())
        guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else { throw .noMemory(.bzip2) }
    }

    deinit {
        BZ2_bzDecompressEnd(stream)
        stream.deallocate()
    }

    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep {
        var code = BZ_OK
        let room = output.count
        input.withUnsafeBufferPointer { bytes in
            output.withUnsafeMutableBytes { buffer in
                stream.pointee.next_in = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?
                    .assumingMemoryBound(to: CChar.self)
                stream.pointee.avail_in = UInt32(bytes.count)
                stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
                stream.pointee.avail_out = UInt32(room)
                code = BZ2_bzDecompress(stream)
            }
        }
        guard code == BZ_OK || code == BZ_STREAM_END else {
            throw code == BZ_MEM_ERROR ? .noMemory(.bzip2) : .damaged(.bzip2)
        }
        return DecodingStep(
            consumed: input.count - Int(stream.pointee.avail_in), produced: room - Int(stream.pointee.avail_out),
            isAtEnd: code == BZ_STREAM_END)
    }
}

/// zstd, by libzstd.
final class ZstandardDecoder: Decoder {
    private let stream: OpaquePointer

    init() throws(DecompressionError) {
        guard let stream = ZSTD_createDStream() else { throw .noMemory(.zstd) }
        self.stream = stream
        // 128 MiB: what the kernel's build uses at its highest level.
        _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27)
    }

    deinit { ZSTD_freeDStream(stream) }

    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep {
        var source = ZSTD_inBuffer()
        var destination = ZSTD_outBuffer()
        var left = 0
        let room = output.count
        input.withUnsafeBytes { bytes in
            output.withUnsafeMutableBytes { buffer in
                source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
                destination = ZSTD_outBuffer(dst: buffer.baseAddress, size: room, pos: 0)
                left = ZSTD_decompressStream(stream, &destination, &source)
            }
        }
        guard ZSTD_isError(left) == 0 else { throw .damaged(.zstd) }
        return DecodingStep(consumed: source.pos, produced: destination.pos, isAtEnd: left == 0)
    }
}
