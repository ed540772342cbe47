// Decompressing LZO1X, the default of hibernation.
//
// Follows the description of the stream in Linux's Documentation/staging/lzo.rst, version 0 of the stream, which is
// what the kernel's "lzo" writes (version 1, "lzo-rle", it never uses for this). A decoder of our own, since liblzo2 is
// GPL and this project is not; it is small, and total on any input.

/// LZO1X.
enum LZO1X {
    /// Distances of the instruction for far copies begin behind this; exactly this is the end of the stream.
    private static let farDistance = 16384
    /// Behind what the two instructions reach that are told apart by how many literals came before them.
    private static let nearDistance = 2048
    /// The first byte, above which it is a count of literals.
    private static let firstByteBase = 17

    /// What was copied before an instruction, which decides what 0 to 15 mean.
    private enum Preceding {
        case noLiterals
        case fewLiterals
        case run
    }

    /// Appends what `input` is compressed from to `output`, which is empty.
    static func decompress(_ input: inout BlockInput, into output: inout BlockOutput) throws(DecompressionError) {
        var preceding = Preceding.noLiterals
        if let first = input.first, first > firstByteBase {
            _ = try input.next()
            let count = first - firstByteBase
            try input.copy(count, to: &output)
            preceding = count < 4 ? .fewLiterals : .run
        }
        while true {
            let instruction = try input.next()
            let distance: Int
            let length: Int
            // How many literals follow, in the two lowest bits of the instruction or its operand.
            let literals: Int
            switch instruction {
            case 0..<16:
                if preceding == .noLiterals {
                    // A long run of literals, with nothing copied.
                    try input.copy(3 + extended(instruction, limit: 15, &input), to: &output)
                    preceding = .run
                    continue
                }
                let short = try input.next() << 2 + instruction >> 2 + 1
                distance = preceding == .run ? short + nearDistance : short
                length = preceding == .run ? 3 : 2
                literals = instruction & 3
            case 16..<32:
                length = try 2 + extended(instruction & 7, limit: 7, &input)
                let operand = try input.nextPair()
                distance = farDistance + (instruction & 8) << 11 + operand >> 2
                if distance == farDistance {
                    guard length == 3 else { throw .notAnInstruction }
                    guard input.remainingCount == 0 else { throw .afterEnd(byteCount: input.remainingCount) }
                    return
                }
                literals = operand & 3
            case 32..<64:
                length = try 2 + extended(instruction & 31, limit: 31, &input)
                let operand = try input.nextPair()
                distance = operand >> 2 + 1
                literals = operand & 3
            default:
                // 64 to 127 are lengths 3 and 4, 128 to 255 are 5 to 8.
                length = instruction >> 5 + 1
                distance = try input.next() << 3 + instruction >> 2 & 7 + 1
                literals = instruction & 3
            }
            try output.repeatBytes(distance: distance, count: length)
            if literals > 0 { try input.copy(literals, to: &output) }
            preceding = literals > 0 ? .fewLiterals : .noLiterals
        }
    }

    /// A length whose bits in the instruction are `bits`: 0 says that more bytes follow, each zero of which counts 255.
    @inline(__always)
    private static func extended(
        _ bits: Int, limit: Int, _ input: inout BlockInput
    ) throws(DecompressionError) -> Int {
        guard bits == 0 else { return bits }
        // Safe from overflow: each byte adds 255, and there are not as many.
        var length = limit
        while true {
            let byte = try input.next()
            if byte != 0 { return length + byte }
            length += 255
        }
    }
}
