// DecodeBitMasks: DDI 0487, shared/functions/common.

/// The immediate of the logical instructions.
enum BitMask {
    /// `wmask` for the N:imms:immr of an encoding, replicated over 64 bits; nil for reserved values.
    static func decode(n: UInt32, imms: UInt32, immr: UInt32) -> (w: UInt64, size: UInt32)? {
        let pattern = n << 6 | (~imms & 0x3F)
        guard pattern > 1 else { return nil }
        let length = 31 - UInt32(pattern.leadingZeroBitCount)
        let size: UInt32 = 1 << length
        let levels = size - 1
        let ones = (imms & levels) + 1
        guard ones <= levels else { return nil }
        let rotation = immr & levels
        let elementMask = size == 64 ? ~UInt64(0) : (UInt64(1) << UInt64(size)) - 1
        let run = (UInt64(1) << UInt64(ones)) - 1
        let element = (run >> UInt64(rotation) | run << UInt64(size - rotation)) & elementMask
        var result: UInt64 = 0
        for position in stride(from: UInt32(0), to: 64, by: Int(size)) {
            result |= element << UInt64(position)
        }
        return (result, size)
    }
}
