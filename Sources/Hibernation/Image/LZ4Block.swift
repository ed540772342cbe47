// Decompressing a block of LZ4, which hibernation takes with `hibernate.compressor=lz4`.
//
// Follows the LZ4 block format description (2022-07-31). Not responsible for LZ4's frames, which the kernel does not
// use.

/// A block of LZ4.
enum LZ4Block {
    private static let minimumMatchLength = 4
    /// A length of four bits that goes on in more bytes.
    private static let longLength = 15

    /// Appends what `input` is compressed from to `output`, which is empty.
    static func decompress(_ input: inout BlockInput, into output: inout BlockOutput) throws(DecompressionError) {
        while true {
            let token = try input.next()
            try input.copy(extended(token >> 4, &input), to: &output)
            // The last sequence has no match: it is where the block ends.
            if input.remainingCount == 0 { return }
            let distance = try input.nextPair()
            let length = try minimumMatchLength + extended(token & 15, &input)
            try output.repeatBytes(distance: distance, count: length)
        }
    }

    @inline(__always)
    private static func extended(_ bits: Int, _ input: inout BlockInput) throws(DecompressionError) -> Int {
        guard bits == longLength else { return bits }
        // Safe from overflow: each byte adds 255 at most, and there are not as many.
        var length = bits
        while true {
            let byte = try input.next()
            length += byte
            if byte != 255 { return length }
        }
    }
}
