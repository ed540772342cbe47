// The value of an option as a list: `virt,gic-version=3`, `file=a,,b.img,readonly=on`.
//
// Responsible for: QEMU's syntax, and that whoever reads a list has read all of it. Not responsible for: what keys mean.
//
// Follows QEMU's util/qemu-option.c and docs/about/deprecated.rst: a comma in a value is doubled; a key without a value
// is on, or off if it begins with "no"; the first value may stand for a key that the option implies.

/// Keys and values, each to be taken once.
struct QEMUList {
    let option: String
    private var pairs: [(key: String, value: String)]
    /// Keys that were said without a value.
    private var bare: Set<String> = []

    /// - Parameters:
    ///   - option: the option's name, for errors.
    ///   - implied: what the first part is the value of, if it names no key.
    init(_ text: String, of option: String, implied: String? = nil) throws(QEMUError) {
        self.option = option
        pairs = []
        for (index, part) in Self.parts(text).enumerated() {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if words.count == 2, !words[0].isEmpty {
                pairs.append((words[0], words[1]))
            } else if index == 0, let implied {
                pairs.append((implied, part))
            } else if part.isEmpty {
                throw QEMUError(option, "has an empty part in \"\(text)\"; a comma of a name is written twice")
            } else {
                pairs.append((part, "on"))
                bare.insert(part)
            }
        }
    }

    /// Cuts at single commas, and makes one of each two.
    private static func parts(_ text: String) -> [String] {
        var parts = [""]
        var rest = text[...]
        while let character = rest.popFirst() {
            if character != "," {
                parts[parts.count - 1].append(character)
            } else if rest.first == "," {
                rest.removeFirst()
                parts[parts.count - 1].append(",")
            } else {
                parts.append("")
            }
        }
        return parts
    }

    /// The value of a key, by any of its names; the last one, if it was said several times.
    mutating func take(_ names: String...) -> String? {
        let value = pairs.last { names.contains($0.key) }?.value
        pairs.removeAll { names.contains($0.key) }
        return value
    }

    /// All values of a key that may be said several times, in their order.
    mutating func takeAll(_ name: String) -> [String] {
        let values = pairs.filter { $0.key == name }.map(\.value)
        pairs.removeAll { $0.key == name }
        return values
    }

    /// The value of a key that is on or off.
    mutating func takeSwitch(_ names: String...) throws(QEMUError) -> Bool? {
        guard let (key, value) = pairs.last(where: { names.contains($0.key) }) else { return nil }
        pairs.removeAll { names.contains($0.key) }
        switch value {
        case "on", "yes", "true", "y": return true
        case "off", "no", "false", "n": return false
        default: throw QEMUError(option, "\(key)=\(value): say on or off")
        }
    }

    /// The value of a key that may be one of `values`, which make no difference here.
    mutating func ignore(_ key: String, _ values: String...) throws(QEMUError) {
        guard let value = take(key), !values.isEmpty, !values.contains(value) else { return }
        throw QEMUError(option, "\(key)=\(value) is not to be had; say \(list(values))")
    }

    /// - Throws: what was said and nobody took.
    func finish() throws(QEMUError) {
        guard let (key, value) = pairs.first else { return }
        throw QEMUError(option, "\(bare.contains(key) ? key : "\(key)=\(value)") is not taken; see docs/qemu.md")
    }
}
