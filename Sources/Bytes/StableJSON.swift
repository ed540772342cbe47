// JSON that is the same for the same value: keys are sorted, and slashes are not escaped.
//
// Responsible for: the settings that everything that is written here shares, since it is hashed, compared and read by
// people.

import FoundationEssentials

/// JSON in a stable form.
public enum StableJSON {
    /// The bytes of `value`, in one line, or in several that people read.
    public static func bytes(of value: some Encodable, indented: Bool = false) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if indented { encoder.outputFormatting.insert(.prettyPrinted) }
        return [UInt8](try encoder.encode(value))
    }

    /// The same as text.
    public static func text(of value: some Encodable, indented: Bool = false) throws -> String {
        String(decoding: try bytes(of: value, indented: indented), as: UTF8.self)
    }
}
