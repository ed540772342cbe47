// Recognising U-Boot for 64-bit Arm by the words behind its first instruction (U-Boot, arch/arm/cpu/armv8/start.S): where
// it was linked to, and how far its end and its zeroed memory are from there. It is EFI firmware, too, as far as loaders
// of operating systems ask.

import Bytes

/// The beginning of U-Boot's binary, `u-boot.bin`.
public enum UBootHeader {
    private static let linkedOffset = 8
    private static let endOffset = 16
    private static let zeroedOffset = 24
    /// B: six bits of the first instruction.
    private static let branchMask: UInt32 = 0xFC00_0000
    private static let branch: UInt32 = 0x1400_0000

    /// Whether it is U-Boot that is executed in place at address 0.
    ///
    /// - Parameters:
    ///   - prefix: how it begins, 32 bytes at least.
    ///   - byteCount: the most bytes that it may have.
    public static func isCode(prefix: [UInt8], within byteCount: UInt64) -> Bool {
        guard prefix.count >= 32 else { return false }
        let instruction = prefix.littleEndian(at: 0, as: UInt32.self)
        func word(_ offset: Int) -> UInt64 { prefix.littleEndian(at: offset, as: UInt64.self) }
        let end = word(endOffset)
        return instruction & branchMask == branch && word(linkedOffset) == 0 && end == word(zeroedOffset)
            && (UInt64(prefix.count)...byteCount).contains(end)
    }
}
