// Recognising UEFI firmware, and its variables, by a firmware volume's header: UEFI Platform Initialization
// Specification 1.8, volume 3, section 3.2.1.

import Bytes

/// What the beginning of a flash says of what is in it.
public enum FirmwareVolume {
    /// How much of a file is looked at.
    public static let prefixByteCount = 0x1100

    private static let signature = Array("_FVH".utf8)
    private static let signatureOffset = 0x28
    /// Newer builds have a page of code before their first volume.
    private static let codeOffsets = [0, 0x1000]

    /// Whether code that is executed in place begins so.
    public static func isCode(prefix: [UInt8]) -> Bool {
        codeOffsets.contains { isVolume(prefix, at: $0) }
    }

    /// Whether a flash of variables begins so: with a volume, or empty.
    public static func isVariables(prefix: [UInt8]) -> Bool {
        isVolume(prefix, at: 0) || prefix.allSatisfy { $0 == 0 } || prefix.allSatisfy { $0 == 0xFF }
    }

    private static func isVolume(_ prefix: [UInt8], at offset: Int) -> Bool {
        prefix.dropFirst(offset + signatureOffset).starts(with: signature)
    }
}
