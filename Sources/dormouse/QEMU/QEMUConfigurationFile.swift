// A file of options: `-readconfig`.
//
// Responsible for: its syntax, and the options that its sections are. Not responsible for: what those mean.
//
// Follows QEMU's util/qemu-config.c: `[group "id"]` begins an option, and `key = "value"` is one of its settings; a
// line that begins with "#" says nothing.

import Glibc
import KeptVMs

/// Reads a file of options.
enum QEMUConfigurationFile {
    private static let byteLimit = 1 << 20

    /// Groups, and the options that they are.
    private static let groups = [
        "accel": "accel", "action": "action", "boot-opts": "boot", "chardev": "chardev", "device": "device",
        "drive": "drive", "fsdev": "fsdev", "icount": "icount", "machine": "machine", "memory": "m", "mon": "mon",
        "name": "name", "netdev": "netdev", "numa": "numa", "object": "object", "rtc": "rtc", "smbios": "smbios",
        "smp-opts": "smp",
    ]

    /// The options of a file.
    static func options(_ path: String) throws(QEMUError) -> [QEMUOption] {
        try options(text: text(path), path)
    }

    /// - Parameters:
    ///   - text: what is in the file.
    ///   - path: what it is called, for errors.
    static func options(text: String, _ path: String) throws(QEMUError) -> [QEMUOption] {
        var options: [QEMUOption] = []
        var values: [String] = []
        func error(_ line: Int, _ words: String) -> QEMUError {
            QEMUError("readconfig", "\(path), line \(line): \(words)")
        }
        func finish() {
            if !options.isEmpty { options[options.count - 1].value = values.joined(separator: ",") }
            values = []
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let number = index + 1
            let words = line.trimmingSpaces
            if words.isEmpty || words.hasPrefix("#") { continue }
            if words.hasPrefix("[") {
                guard let (group, id) = section(words) else {
                    throw error(number, "\(words) is no section [group \"id\"]")
                }
                guard let option = groups[group] else {
                    let names = groups.keys.sorted()
                    let nearest = EditDistance.nearest(to: group, of: names).map { "; do you mean [\(names[$0])]?" }
                    throw error(number, "[\(group)] is not taken\(nearest ?? "")")
                }
                finish()
                options.append(QEMUOption(name: option, value: ""))
                if let id { values.append("id=\(doubled(id))") }
                continue
            }
            guard let (key, value) = setting(words) else { throw error(number, "\(words) is no key = \"value\"") }
            guard !options.isEmpty else { throw error(number, "\(key) is in no section") }
            values.append("\(key)=\(doubled(value))")
        }
        finish()
        return options
    }

    private static func doubled(_ value: String) -> String { value.replacing(",", with: ",,") }

    /// `[group]` or `[group "id"]`.
    private static func section(_ words: Substring) -> (group: String, id: String?)? {
        guard words.hasSuffix("]") else { return nil }
        let inside = words.dropFirst().dropLast().trimmingSpaces
        guard let space = inside.firstIndex(where: { $0 == " " || $0 == "\t" }) else {
            return inside.isEmpty ? nil : (String(inside), nil)
        }
        guard let id = quoted(inside[space...].trimmingSpaces) else { return nil }
        return (String(inside[..<space]), id)
    }

    private static func setting(_ words: Substring) -> (key: String, value: String)? {
        guard let equals = words.firstIndex(of: "="),
            let value = quoted(words[words.index(after: equals)...].trimmingSpaces)
        else { return nil }
        let key = words[..<equals].trimmingSpaces
        guard !key.isEmpty, !key.contains(where: { " \t,\"".contains($0) }) else { return nil }
        return (String(key), value)
    }

    private static func quoted(_ text: Substring) -> String? {
        guard text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return nil }
        let inside = text.dropFirst().dropLast()
        return inside.contains("\"") ? nil : String(inside)
    }

    private static func text(_ path: String) throws(QEMUError) -> String {
        try SmallFile.text(path, limit: byteLimit, "readconfig")
    }
}

/// A file that is read whole.
enum SmallFile {
    /// - Parameters:
    ///   - path: of the file.
    ///   - limit: the most bytes that it may have.
    ///   - option: whose value it is, for errors.
    static func text(_ path: String, limit: Int, _ option: String) throws(QEMUError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw QEMUError(option, "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw QEMUError(option, "cannot read \(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            bytes += piece.prefix(count)
            guard bytes.count <= limit else { throw QEMUError(option, "\(path) has more than \(limit >> 10) KiB") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw QEMUError(option, "\(path) is no text in UTF-8")
        }
        return text
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
