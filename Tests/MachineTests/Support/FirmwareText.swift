// What firmware hands to a guest, as text that people can compare: the device tree's source, and ACPI's tables.
//
// A printer of our own rather than `dtc` and `iasl`, whose output is another one with another version of theirs. What
// the bytes mean is tested with those two elsewhere.

@testable import Boot

extension DeviceTree {
    /// The tree's source.
    var source: String {
        "/dts-v1/;\n"
            + reservations.map { "/memreserve/ \(hex($0.lowerBound)) \(hex($0.upperBound - $0.lowerBound));\n" }
            .joined() + "// boots on \(hex(UInt64(bootCPU)))\n" + root.source(indent: "")
    }
}

extension DeviceTreeNode {
    fileprivate func source(indent: String) -> String {
        let inner = indent + "    "
        let lines =
            properties.map { inner + $0.source + "\n" } + children.map { $0.source(indent: inner) }
        return "\(indent)\(name.isEmpty ? "/" : name) {\n\(lines.joined())\(indent)};\n"
    }
}

extension DeviceTreeNode.Property {
    fileprivate var source: String {
        let bytes = value.bytes
        if bytes.isEmpty { return "\(name);" }
        if let strings = Self.strings(bytes) {
            return "\(name) = \(strings.map { "\"\($0)\"" }.joined(separator: ", "));"
        }
        guard bytes.count % 4 == 0 else {
            return "\(name) = [\(bytes.map { hexDigits(UInt64($0), 2) }.joined(separator: " "))];"
        }
        let cells = stride(from: 0, to: bytes.count, by: 4).map { start in
            hex(bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt64($1) })
        }
        return "\(name) = <\(cells.joined(separator: " "))>;"
    }

    /// The strings that `bytes` are, if they are some.
    private static func strings(_ bytes: [UInt8]) -> [String]? {
        guard bytes.last == 0 else { return nil }
        let parts = bytes.dropLast().split(separator: 0, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ part in !part.isEmpty && part.allSatisfy { (0x20..<0x7F).contains($0) } }) else {
            return nil
        }
        return parts.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension ACPITables {
    /// Every table: where it lies and what is in it.
    var text: String { (tables + [facs]).map(\.text).joined(separator: "\n") }
}

extension ACPITables.Placed {
    fileprivate var text: String {
        let body: String
        switch name {
        case "DSDT":
            let header = ACPITable.headerSize
            body = hexLines(bytes[..<header]) + AMLText.lines(bytes[header...], indent: "  ")
        case "APIC", "PPTT":
            // Structures, each with its type and length, behind what all MADTs have.
            let start = ACPITable.headerSize + (name == "APIC" ? 8 : 0)
            body = hexLines(bytes[..<start]) + structures(bytes[start...])
        default: body = hexLines(bytes[...])
        }
        return "\(name) at \(hex(address)), \(bytes.count) bytes\n\(body)"
    }
}

private func structures(_ bytes: ArraySlice<UInt8>) -> String {
    var text = ""
    var rest = bytes
    while rest.count >= 2 {
        let length = max(2, Int(rest[rest.startIndex + 1]))
        text += "  type \(rest[rest.startIndex])\n" + hexLines(rest.prefix(length))
        rest = rest.dropFirst(length)
    }
    return text
}

/// The objects of AML by name, and what is in each in hexadecimal.
private enum AMLText {
    static func lines(_ bytes: ArraySlice<UInt8>, indent: String) -> String {
        var text = ""
        var rest = bytes
        while !rest.isEmpty {
            let at = rest.startIndex
            let second = rest.dropFirst().first
            switch (rest[at], second) {
            case (0x10, _): rest = container("Scope", rest.dropFirst(1), indent, &text)
            case (0x5B, 0x82): rest = container("Device", rest.dropFirst(2), indent, &text)
            case (0x14, _): rest = container("Method", rest.dropFirst(1), indent, &text, isOpaque: true)
            case (0x5B, 0x81): rest = container("Field", rest.dropFirst(2), indent, &text, isOpaque: true)
            case (0x08, _):
                // A name and a value: to the next object, as far as can be told by looking at what follows one.
                let end = rest.index(at, offsetBy: valueEnd(rest), limitedBy: rest.endIndex) ?? rest.endIndex
                text += indent + "Name " + name(rest.dropFirst(1)).text + "\n" + hexLines(rest[at..<end], indent)
                rest = rest[end...]
            default:
                text += hexLines(rest, indent)
                rest = []
            }
        }
        return text
    }

    private static func container(
        _ kind: String, _ bytes: ArraySlice<UInt8>, _ indent: String, _ text: inout String, isOpaque: Bool = false
    ) -> ArraySlice<UInt8> {
        let (length, own) = packageLength(bytes)
        let content = bytes.prefix(length).dropFirst(own)
        let name = name(content)
        text += "\(indent)\(kind) \(name.text)\n"
        let inner = content.dropFirst(name.count)
        text += isOpaque ? hexLines(inner, indent + "  ") : lines(inner, indent: indent + "  ")
        return bytes.dropFirst(length)
    }

    private static func packageLength(_ bytes: ArraySlice<UInt8>) -> (length: Int, own: Int) {
        let lead = Int(bytes.first ?? 0)
        let following = lead >> 6
        guard following > 0 else { return (lead, 1) }
        let high = bytes.dropFirst().prefix(following).reversed().reduce(0) { $0 << 8 | Int($1) }
        return (high << 4 | lead & 0xF, 1 + following)
    }

    /// A name: one segment, or one from the root.
    private static func name(_ bytes: ArraySlice<UInt8>) -> (text: String, count: Int) {
        let prefix = bytes.first == UInt8(ascii: "\\") ? 1 : 0
        return (String(decoding: bytes.prefix(prefix + 4), as: UTF8.self), prefix + 4)
    }

    /// How many bytes a Name has with its value.
    private static func valueEnd(_ bytes: ArraySlice<UInt8>) -> Int {
        let head = 1 + name(bytes.dropFirst()).count
        let value = bytes.dropFirst(head)
        switch value.first {
        case 0x0A: return head + 2
        case 0x0B: return head + 3
        case 0x0C: return head + 5
        case 0x0E: return head + 9
        case 0x0D: return head + 2 + (value.dropFirst().firstIndex(of: 0).map { $0 - value.startIndex - 1 } ?? 0)
        case 0x11, 0x12: return head + 1 + packageLength(value.dropFirst()).length
        default: return head + 1
        }
    }
}

/// Sixteen bytes to a line, with what is text in them beside; an asterisk for lines that are like the one before.
func hexLines(_ bytes: ArraySlice<UInt8>, _ indent: String = "  ") -> String {
    var lines: [String] = []
    var before: ArraySlice<UInt8> = []
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 16) {
        let line = bytes[start..<min(start + 16, bytes.endIndex)]
        defer { before = line }
        guard !line.elementsEqual(before) else {
            if lines.last != indent + "  *" { lines.append(indent + "  *") }
            continue
        }
        let digits = line.map { hexDigits(UInt64($0), 2) }.joined(separator: " ")
        let characters = line.map { (0x21..<0x7F).contains($0) ? Character(Unicode.Scalar($0)) : "." }
        lines.append(
            indent + "  " + digits + String(repeating: " ", count: 3 * (16 - line.count) + 2) + String(characters))
    }
    return lines.map { $0 + "\n" }.joined()
}

private func hex(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }

private func hexDigits(_ number: UInt64, _ count: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: max(0, count - digits.count)) + digits
}
