// A generation id as people and files have it: 32 hexadecimal digits, in the order of the bytes in memory.

import Bytes

/// The text of a generation id.
public enum GenerationID {
    /// How many bytes an id has.
    public static let byteCount = 16

    /// Hyphens may stand anywhere, as in a UUID; nil if `text` is no id.
    public static func bytes(of text: String) -> [UInt8]? {
        guard let bytes = Hexadecimal.bytes(of: text.filter { $0 != "-" }), bytes.count == byteCount else { return nil }
        return bytes
    }

    /// The digits, without hyphens.
    public static func text(of bytes: [UInt8]) -> String { Hexadecimal.text(of: bytes) }
}
