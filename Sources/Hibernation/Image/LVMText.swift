// The text in which LVM2 keeps its metadata: names with values, in sections.
//
//   name { key = 1  other = "text"  list = ["a", 2]  section { … } }
//
// Responsible for: its syntax, as lvm.conf(5) and LVM2's lib/config describe it. Not responsible for what it says
// (`VolumeGroup`). The text is anybody's: its depth is bounded, and how much is in it; its length is by whoever reads it.

/// A section, or a value in one.
indirect enum LVMText: Equatable {
    case number(UInt64)
    case text(String)
    case list([LVMText])
    case section([String: LVMText])

    /// The text in `bytes`; nil if it is none.
    init?(_ bytes: [UInt8]) {
        var parser = Parser(bytes: bytes)
        guard let section = parser.section(isOutermost: true, depth: 0) else { return nil }
        self = .section(section)
    }

    subscript(name: String) -> LVMText? {
        if case .section(let section) = self { section[name] } else { nil }
    }

    var number: UInt64? { if case .number(let number) = self { number } else { nil } }
    var text: String? { if case .text(let text) = self { text } else { nil } }
    var list: [LVMText]? { if case .list(let list) = self { list } else { nil } }
    var section: [String: LVMText]? { if case .section(let section) = self { section } else { nil } }

    private struct Parser {
        private static let maximumDepth = 8
        /// Values, lists and sections: each takes many times the memory that it has as text. A group of a thousand volumes
        /// has a tenth of that.
        private static let maximumCount = 1 << 18

        let bytes: [UInt8]
        var index = 0
        var count = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        private var next: UInt8? { index < bytes.count && bytes[index] != 0 ? bytes[index] : nil }

        /// Skips white space and comments.
        private mutating func skip() {
            var isComment = false
            while let byte = next {
                if byte == UInt8(ascii: "#") { isComment = true }
                if byte == UInt8(ascii: "\n") { isComment = false }
                guard isComment || byte == UInt8(ascii: " ") || (9...13).contains(byte) else { return }
                index += 1
            }
        }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            skip()
            guard next == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        /// What follows as long as it is a letter, a digit or one of a name's other characters.
        private mutating func word() -> String? {
            skip()
            let start = index
            while let byte = next, Self.isOfName(byte) { index += 1 }
            return index > start ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
        }

        private static func isOfName(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "+"):
                true
            default: false
            }
        }

        /// Counts one more; false if it is too deep, or one too many.
        private mutating func mayHave(depth: Int) -> Bool {
            count += 1
            return depth <= Self.maximumDepth && count <= Self.maximumCount
        }

        mutating func section(isOutermost: Bool, depth: Int) -> [String: LVMText]? {
            guard mayHave(depth: depth) else { return nil }
            var section: [String: LVMText] = [:]
            while true {
                skip()
                if next == nil { return isOutermost ? section : nil }
                if !isOutermost && take("}") { return section }
                guard let name = word() else { return nil }
                if take("{") {
                    guard let inner = self.section(isOutermost: false, depth: depth + 1) else { return nil }
                    section[name] = .section(inner)
                } else {
                    guard take("="), let value = value(depth: depth + 1) else { return nil }
                    section[name] = value
                }
            }
        }

        private mutating func value(depth: Int) -> LVMText? {
            guard mayHave(depth: depth) else { return nil }
            if take("[") {
                var list: [LVMText] = []
                while !take("]") {
                    guard list.isEmpty || take(","), let value = value(depth: depth + 1) else { return nil }
                    list.append(value)
                }
                return .list(list)
            }
            if take("\"") {
                var text: [UInt8] = []
                while let byte = next, byte != UInt8(ascii: "\"") {
                    index += byte == UInt8(ascii: "\\") ? 2 : 1
                    if byte == UInt8(ascii: "\\") {
                        guard index <= bytes.count else { return nil }
                        text.append(bytes[index - 1])
                    } else {
                        text.append(byte)
                    }
                }
                return take("\"") ? .text(String(decoding: text, as: UTF8.self)) : nil
            }
            guard let word = word() else { return nil }
            return UInt64(word).map { .number($0) } ?? .text(word)
        }
    }
}
