// Changing a saved state, for tests: it is canonical JSON, and every number in it may be another one.

/// Changes of a text.
public enum StateText {
    private static let numbers = [
        "-1", "0", "1", "7", "255", "256", "65536", "4294967296", "18446744073709551615", "18446744073709551616", "1.5",
        "\"x\"", "null",
    ]
    /// A state of thousands of numbers has most of them in arrays of the same.
    private static let positionLimit = 60

    /// `text` with one number replaced, for numbers all over it, but for those with one of the names `excluded`.
    public static func changes(of text: String, except excluded: Set<String> = []) -> [String] {
        let characters = Array(text.utf8)
        var runs: [Range<Int>] = []
        var index = 0
        while index < characters.count {
            let start = index
            while index < characters.count, isDigit(characters[index]) { index += 1 }
            if index > start {
                // Not the digits of a name.
                let before = start > 0 ? characters[start - 1] : 0
                if [UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: ",")].contains(before),
                    !excluded.contains(name(before: start, in: characters))
                {
                    runs.append(start..<index)
                }
            } else {
                index += 1
            }
        }
        let step = max(1, runs.count / positionLimit)
        return stride(from: 0, to: runs.count, by: step).flatMap { run in
            numbers.map { number in
                let range = runs[run]
                return String(
                    decoding: characters[..<range.lowerBound] + Array(number.utf8) + characters[range.upperBound...],
                    as: UTF8.self)
            }
        }.filter { $0 != text }
    }

    /// `text` with the first `old` replaced; nil if there is none.
    public static func replacing(_ old: String, in text: String, by new: String) -> String? {
        guard let range = text.firstRange(of: old) else { return nil }
        var changed = text
        changed.replaceSubrange(range, with: new)
        return changed
    }

    private static func isDigit(_ character: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
    }

    /// The name in `"name":` before a number.
    private static func name(before start: Int, in characters: [UInt8]) -> String {
        guard start >= 2, characters[start - 1] == UInt8(ascii: ":") else { return "" }
        let end = start - 2
        guard let begin = characters[..<end].lastIndex(of: UInt8(ascii: "\"")) else { return "" }
        return String(decoding: characters[(begin + 1)..<end], as: UTF8.self)
    }
}
