// Guests of a few words, for what needs no more.

import TestSupport

/// Words of A64 code.
enum FlatCode {
    static let wfe: UInt32 = 0xD503_205F
    static let wfi: UInt32 = 0xD503_207F
    /// B to the instruction before.
    static let backByOne: UInt32 = 0x17FF_FFFF

    static let systemOff: [UInt32] = [
        0x52B0_8000,  // MOV W0, #0x84000000
        0x7280_0100,  // MOVK W0, #8
        0xD400_0002,  // HVC #0
        0x1400_0000,  // B .
    ]

    /// The path of a flat image of `words`.
    static func file(_ words: [UInt32], in directory: TemporaryDirectory) throws -> String {
        try directory.file("guest.bin", words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
    }
}
