// One value of `vm.toml` that is changed, while everything else in the file stays as its owner wrote it.
//
// Responsible for: finding the line that has the value, or the place for one. What comes of it is read as ever before
// it is written, so that no file is left that cannot be used. Not responsible for: values that are written over several
// lines, which their owner edits.

import Bytes
import TOMLKit

/// A value to be set: `cpus`, `hibernation.on-change`, `disk[2].path`.
public struct ConfigurationSetting: Sendable, Hashable {
    /// Nil for what is before all sections.
    var section: String?
    /// Of sections in double brackets, from 1 on.
    var number: Int?
    var key: String
    /// Nil: the key is taken out.
    var value: String?

    /// - Parameter text: a key, `=` and its value, or nothing behind it for a key that is to go.
    public init(_ text: String) throws(VMConfigurationError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw VMConfigurationError("\"\(text)\" is no key=value, such as hibernation.on-change=keep")
        }
        value = parts[1].isEmpty ? nil : parts[1]
        let path = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        key = path[path.count - 1]
        guard path.count == 2 else { return }
        section = path[0]
        if path[0].hasSuffix("]"), let bracket = path[0].firstIndex(of: "[") {
            section = String(path[0][..<bracket])
            number = Int(path[0][path[0].index(after: bracket)...].dropLast())
            guard number.map({ $0 > 0 }) ?? false else {
                throw VMConfigurationError("\(path[0]) has to have a number from 1 on in its brackets")
            }
        }
    }

    /// As it is written in messages.
    var name: String {
        [section.map { $0 + (number.map { "[\($0)]" } ?? "") }, key].compactMap(\.self).joined(separator: ".")
    }
}

extension VMConfiguration {
    /// `text` with values changed, one after another. What comes of all of them can be used.
    ///
    /// - Parameters:
    ///   - text: of a `vm.toml` that can be read.
    ///   - settings: the values.
    public static func text(_ text: String, settings: [ConfigurationSetting]) throws(VMConfigurationError) -> String {
        var changed = text
        for setting in settings { changed = try Self.changed(changed, setting) }
        _ = try VMConfiguration(toml: changed).machine()
        return changed
    }

    private static func changed(
        _ text: String, _ setting: ConfigurationSetting
    ) throws(VMConfigurationError) -> String {
        let key = try key(of: setting)
        var place = ConfigurationPlace(text: text)
        if let section = setting.section { place = place.inside(section, number: setting.number) }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let literal: String? =
            if let value = setting.value { try key.value.literal(of: value, setting.name) } else { nil }
        if let number = place.line(of: setting.key) {
            let old = lines[number - 1]
            guard (try? TOMLTable(string: old.trimmed))?.contains(key: setting.key) == true else {
                throw VMConfigurationError(
                    "line \(number): \(setting.name) is not in a line by itself there; change it in the file")
            }
            if let literal {
                lines[number - 1] = "\(setting.key) = \(literal)"
            } else {
                lines.remove(at: number - 1)
            }
        } else if let literal {
            try insert("\(setting.key) = \(literal)", setting, into: &lines)
        } else {
            throw VMConfigurationError("\(setting.name) is not there, so that it cannot be taken out")
        }
        return lines.joined(separator: "\n")
    }

    private static func key(of setting: ConfigurationSetting) throws(VMConfigurationError) -> ConfigurationKey {
        func find(_ name: String, _ keys: [ConfigurationKey]) throws(VMConfigurationError) -> ConfigurationKey {
            if let key = keys.first(where: { $0.name == name }) { return key }
            let near = nearest(to: name, in: setting.section).map { "do you mean \($0)?" }
            throw VMConfigurationError(
                "\(setting.name) is no key; \(near ?? "there are \(keys.map(\.name).joined(separator: ", "))")")
        }
        guard let section = setting.section else { return try find(setting.key, keys) }
        switch try find(section, keys).value {
        case .table(let keys):
            guard setting.number == nil else { throw VMConfigurationError("there is one section \(section) only") }
            return try find(setting.key, keys)
        case .tables(let keys):
            guard setting.number != nil else {
                throw VMConfigurationError("say which \(section) is meant, such as \(section)[1].\(setting.key)")
            }
            return try find(setting.key, keys)
        case .text, .number, .flag, .texts, .choice: throw VMConfigurationError("\(section) is no section")
        }
    }

    /// Puts a line at the end of its section, which is made if it is one of a kind.
    private static func insert(
        _ line: String, _ setting: ConfigurationSetting, into lines: inout [String]
    ) throws(VMConfigurationError) {
        func isHeader(_ line: String) -> Bool { line.trimmed.hasPrefix("[") && !line.contains("=") }
        var begin = 0
        if let section = setting.section {
            let headers = lines.indices.filter { index in
                isHeader(lines[index])
                    && lines[index].prefix { $0 != "#" }.filter { !"[] \t\r".contains($0) } == section
            }
            if setting.number == nil, headers.isEmpty {
                while lines.last?.isEmpty == true { lines.removeLast() }
                lines += ["", "[\(section)]", line, ""]
                return
            }
            let index = (setting.number ?? 1) - 1
            guard headers.indices.contains(index) else {
                throw VMConfigurationError("there are \(headers.count) sections \(section), and no number \(index + 1)")
            }
            begin = headers[index] + 1
        }
        var end = lines[begin...].firstIndex(where: isHeader) ?? lines.count
        while end > begin, lines[end - 1].trimmed.isEmpty { end -= 1 }
        lines.insert(line, at: end)
    }
}

extension ConfigurationValue {
    /// A value as TOML has it.
    fileprivate func literal(of value: String, _ name: String) throws(VMConfigurationError) -> String {
        switch self {
        case .text, .choice: return Self.quoted(value)
        case .number, .flag: return value
        case .texts:
            if value.hasPrefix("[") { return value }
            return "[" + value.split(separator: ",").map { Self.quoted(String($0)) }.joined(separator: ", ") + "]"
        case .table, .tables: throw VMConfigurationError("\(name) is a section, and has no value; name a key in it")
        }
    }

    /// A basic string.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}

extension VM {
    /// Changes values in `vm.toml`: all of them, or none.
    ///
    /// - Parameter settings: each as `ConfigurationSetting` takes it.
    public func set(_ settings: [String]) throws(HostError) {
        try changeConfiguration { text throws(HostError) in try self.text(text, settings: settings) }
    }

    /// The text of `vm.toml` with other values in it.
    func text(_ text: String, settings: [String]) throws(HostError) -> String {
        do throws(VMConfigurationError) {
            var values: [ConfigurationSetting] = []
            for setting in settings { values.append(try ConfigurationSetting(setting)) }
            return try VMConfiguration.text(text, settings: values)
        } catch { throw .setting(name: name, reason: error.description) }
    }
}
