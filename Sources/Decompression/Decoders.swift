// The libraries' streams: zlib, liblzma, libbz2, libzstd and liblz4, each behind the same small protocol.
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

/// lz4: its frames by liblz4, and the legacy format, in which kernels are, block by block.
final class LZ4Decoder: Decoder {
    private let context: OpaquePointer
    /// What was read of a legacy file and not used yet.
    private var pending: [UInt8] = []
    private var kind: Kind?
    private var unpacked: ArraySlice<UInt8> = []
    private var hasBlock = false

    private enum Kind { case frame, legacy }

    private static let frameMagic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]
    private static let legacyMagic: [UInt8] = [0x02, 0x21, 0x4C, 0x18]
    /// Of each block of a legacy file but the last, unpacked.
    private static let legacyBlockByteCount = 8 << 20
    /// What such a block may take compressed.
    private static let largestLegacyBlock = legacyBlockByteCount + legacyBlockByteCount / 255 + 16

    init() throws(DecompressionError) {
        var context: OpaquePointer?
        guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0, let context else {
            throw .noMemory(.lz4)
        }
        self.context = context
    }

    deinit { LZ4F_freeDecompressionContext(context) }

    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep {
        if kind == nil {
            // The whole magic number comes with the first piece, unless the file has no more.
            guard input.count >= Self.frameMagic.count else { throw .cutShort(.lz4) }
            switch Array(input.prefix(4)) {
            case Self.frameMagic: kind = .frame
            case Self.legacyMagic:
                kind = .legacy
                return DecodingStep(consumed: 4, produced: 0, isAtEnd: false)
            default: throw .damaged(.lz4)
            }
        }
        return kind == .frame
            ? try decodeFrame(input, into: &output) : try decodeLegacy(input, into: &output, isWhole: isWhole)
    }

    private func decodeFrame(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(DecompressionError) -> DecodingStep {
        var consumed = input.count
        var produced = output.count
        var left = 0
        input.withUnsafeBytes { bytes in
            output.withUnsafeMutableBytes { buffer in
                left = LZ4F_decompress(context, buffer.baseAddress, &produced, bytes.baseAddress, &consumed, nil)
            }
        }
        guard LZ4F_isError(left) == 0 else { throw .damaged(.lz4) }
        return DecodingStep(consumed: consumed, produced: produced, isAtEnd: left == 0)
    }

    /// Blocks of a length in four bytes, little-endian, and so many bytes. Linux's build appends the size of the whole,
    /// which is no block's length, as no more bytes follow it.
    private func decodeLegacy(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep {
        if unpacked.isEmpty {
            pending += input
            let consumed = input.count
            guard pending.count >= 4 else {
                guard isWhole else { return DecodingStep(consumed: consumed, produced: 0, isAtEnd: false) }
                guard pending.isEmpty, hasBlock else { throw .cutShort(.lz4) }
                return DecodingStep(consumed: consumed, produced: 0, isAtEnd: true)
            }
            // Four bytes may be all that is left, and no block's length.
            guard isWhole || pending.count > 4 else {
                return DecodingStep(consumed: consumed, produced: 0, isAtEnd: false)
            }
            let count = pending[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard pending.count >= 4 + count else {
                if isWhole, hasBlock, pending.count == 4 {
                    return DecodingStep(consumed: consumed, produced: 0, isAtEnd: true)
                }
                guard !isWhole else { throw .cutShort(.lz4) }
                guard count <= Self.largestLegacyBlock else { throw .damaged(.lz4) }
                return DecodingStep(consumed: consumed, produced: 0, isAtEnd: false)
            }
            unpacked = try block(pending[4..<4 + count])[...]
            pending.removeFirst(4 + count)
            hasBlock = true
            return hand(into: &output, consumed: consumed)
        }
        return hand(into: &output, consumed: 0)
    }

    private func block(_ bytes: ArraySlice<UInt8>) throws(DecompressionError) -> [UInt8] {
        guard bytes.count <= Self.largestLegacyBlock else { throw .damaged(.lz4) }
        var block = [UInt8](repeating: 0, count: Self.legacyBlockByteCount)
        let count = bytes.withUnsafeBytes { source in
            block.withUnsafeMutableBytes { destination in
                LZ4_decompress_safe(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    destination.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(source.count),
                    Int32(destination.count))
            }
        }
        guard count >= 0 else { throw .damaged(.lz4) }
        return Array(block.prefix(Int(count)))
    }

    private func hand(into output: inout [UInt8], consumed: Int) -> DecodingStep {
        let count = min(unpacked.count, output.count)
        output.replaceSubrange(..<count, with: unpacked.prefix(count))
        unpacked = unpacked.dropFirst(count)
        return DecodingStep(consumed: consumed, produced: count, isAtEnd: false)
    }
}
