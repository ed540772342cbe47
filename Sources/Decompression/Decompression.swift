// Unpacking a compressed file, piece by piece.
//
// Responsible for: bounds, and what is said of files that are cut short or damaged. Not responsible for: the formats,
// which the compressors' own libraries read (`Decoder`), and where the bytes come from and go to.

/// Unpacks all of a file.
///
/// Memory is used for a piece of the input, a piece of the output, and what the format's own window needs (xz and zstd:
/// at most 256 MiB, and 128 MiB). What follows the end of the data is not read: a kernel's build appends its size there.
///
/// - Parameters:
///   - format: the file's, by its first bytes.
///   - limit: bytes that may come out of it.
///   - read: returns the next bytes of the file; none at its end.
///   - write: called with what comes out of it, in order.
/// - Throws: a `DecompressionError`, or what `read` and `write` throw.
public func decompress(
    _ format: CompressionFormat, limit: UInt64, read: () throws -> [UInt8], write: (ArraySlice<UInt8>) throws -> Void
) throws {
    let decoder = try makeDecoder(format)
    var output = [UInt8](repeating: 0, count: 1 << 18)
    var input: ArraySlice<UInt8> = []
    var isWhole = false
    var total: UInt64 = 0
    while true {
        if input.isEmpty, !isWhole {
            input = try read()[...]
            isWhole = input.isEmpty
        }
        let step = try decoder.decode(input, into: &output, isWhole: isWhole)
        input = input.dropFirst(step.consumed)
        total += UInt64(step.produced)
        guard total <= limit else { throw DecompressionError.tooLarge(format, limit: limit) }
        if step.produced > 0 { try write(output[..<step.produced]) }
        if step.isAtEnd { return }
        // Nothing came of nothing: there will never be more.
        if isWhole && step.produced == 0 { throw DecompressionError.cutShort(format) }
        // A decoder that takes nothing while there is input has to give something.
        if !input.isEmpty && step.consumed == 0 && step.produced == 0 { throw DecompressionError.damaged(format) }
    }
}

/// What a decoder did in one call.
struct DecodingStep {
    /// Bytes of the input that are done with, and bytes of the output that are there.
    var consumed: Int
    var produced: Int
    /// Whether the data has ended.
    var isAtEnd: Bool
}

/// A stream of one format.
protocol Decoder: AnyObject {
    /// Goes on with `input`, as far as there is input and room.
    ///
    /// - Parameter isWhole: whether no input will follow.
    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8], isWhole: Bool
    ) throws(DecompressionError) -> DecodingStep
}

private func makeDecoder(_ format: CompressionFormat) throws(DecompressionError) -> any Decoder {
    switch format {
    case .gzip: try GzipDecoder()
    case .xz, .lzma: try LZMADecoder(format)
    case .bzip2: try Bzip2Decoder()
    case .zstd: try ZstandardDecoder()
    case .lz4: try LZ4Decoder()
    }
}
