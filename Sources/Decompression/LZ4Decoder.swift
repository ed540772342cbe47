// lz4: its frames by liblz4, and the legacy format, in which kernels are, block by block.
//
// Safe: as the other libraries' streams (`Decoders`).

import CCompression

/// lz4: its frames by liblz4, and the legacy format, in which kernels are, block by block.
final class LZ4Decoder: Decoder {
    private let context: OpaquePointer
    private var kind: Kind?
    /// What was read of a legacy file, and how much of it was used: less than a block and a piece are left.
    private var pending: [UInt8] = []
    private var used = 0
    /// Room for a block of a legacy file, made once: a block may be of one byte, and a file of millions of those.
    private var block: [UInt8] = []
    /// What of it nobody has yet.
    private var unpacked = 0..<0
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
    ///
    /// As many blocks as there is room for, and no input before those that are there are used: all of it together takes
    /// as long as the file is.
    private func decodeLegacy(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep {
        var consumed = 0
        var produced = 0
        while true {
            let count = min(unpacked.count, output.count - produced)
            output.replaceSubrange(produced..<produced + count, with: block[unpacked.prefix(count)])
            unpacked = unpacked.dropFirst(count)
            produced += count
            if produced == output.count { break }
            if try unpackNext(isWhole: isWhole) { continue }
            if consumed < input.count {
                pending.removeFirst(used)
                used = 0
                pending += input
                consumed = input.count
                continue
            }
            guard isWhole else { break }
            // The size of the whole, if anything.
            guard hasBlock, [0, 4].contains(pending.count - used) else { throw .cutShort(.lz4) }
            return DecodingStep(consumed: consumed, produced: produced, isAtEnd: true)
        }
        return DecodingStep(consumed: consumed, produced: produced, isAtEnd: false)
    }

    /// Unpacks the next block, if all of it is there.
    private func unpackNext(isWhole: Bool) throws(DecompressionError) -> Bool {
        let left = pending.count - used
        // Four bytes may be all that is left, and no block's length.
        guard left > 4 || isWhole && left == 4 else { return false }
        let count = pending[used..<used + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard left >= 4 + count else {
            guard count <= Self.largestLegacyBlock || isWhole else { throw .damaged(.lz4) }
            return false
        }
        guard count <= Self.largestLegacyBlock else { throw .damaged(.lz4) }
        if block.isEmpty { block = [UInt8](repeating: 0, count: Self.legacyBlockByteCount) }
        let produced = pending[used + 4..<used + 4 + count].withUnsafeBytes { source in
            block.withUnsafeMutableBytes { destination in
                LZ4_decompress_safe(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    destination.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(source.count),
                    Int32(destination.count))
            }
        }
        guard produced >= 0 else { throw .damaged(.lz4) }
        used += 4 + count
        unpacked = 0..<Int(produced)
        hasBlock = true
        return true
    }
}
