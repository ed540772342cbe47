// What callers send, read strictly: a key that means nothing here is an error, and so is a value of another type or out
// of its range. Whoever misspells a key is told, rather than surprised.
//
// Responsible for: bounds and types. Not responsible for: what a value means, which `dormouse` says.

import Bytes
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

/// The fields of a body, an object of JSON.
struct RequestBodyFields: Sendable {
    /// Bytes of a body at most.
    static let byteLimit = 1 << 16

    private(set) var values: [String: JSONValue] = [:]

    /// - Throws: a `Problem` if the body is too large, or no object of JSON.
    init(of request: Request) async throws {
        let body = try await request.body.collect(upTo: Self.byteLimit)
        guard body.readableBytes > 0 else { return }
        let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.trimmingSpaces().lowercased() }
        guard type == "application/json" else {
            throw Problem(.unsupportedMediaType, "send the body as application/json")
        }
        do {
            values = try JSONDecoder().decode([String: JSONValue].self, from: Data(body.readableBytesView))
        } catch { throw Problem(.badRequest, "the body is no object of JSON") }
    }

    /// Says that each key has to be one of `keys`.
    func allow(_ keys: [String]) throws(Problem) {
        let unknown = values.keys.filter { !keys.contains($0) }.sorted()
        guard let first = unknown.first else { return }
        throw Problem(.invalid, "\"\(first)\" means nothing here; give \(keys.joined(separator: ", "))")
    }

    /// A text; nil if it is not there.
    func text(_ key: String, length: ClosedRange<Int> = 1...4096) throws(Problem) -> String? {
        guard let value = values[key] else { return nil }
        guard case .string(let text) = value else { throw Problem(.invalid, "\"\(key)\" has to be text") }
        return try Self.check(text, key, length)
    }

    /// Texts; empty if there are none.
    func texts(_ key: String, count: Int = 64) throws(Problem) -> [String] {
        guard let value = values[key] else { return [] }
        guard case .array(let items) = value, items.count <= count else {
            throw Problem(.invalid, "\"\(key)\" has to be an array of \(count) texts at most")
        }
        var texts: [String] = []
        for item in items {
            guard case .string(let text) = item else { throw Problem(.invalid, "\"\(key)\" has to be texts") }
            texts.append(try Self.check(text, key, 1...4096))
        }
        return texts
    }

    /// One of several words; nil if it is not there.
    func word(_ key: String, of words: [String]) throws(Problem) -> String? {
        guard let text = try text(key) else { return nil }
        guard words.contains(text) else {
            throw Problem(.invalid, "\"\(key)\" has to be one of \(words.joined(separator: ", "))")
        }
        return text
    }

    /// A whole number; nil if it is not there.
    func number(_ key: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let value = values[key] else { return nil }
        guard let whole = value.wholeNumber, range.contains(whole) else {
            throw Problem(
                .invalid, "\"\(key)\" has to be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }

    /// Whether something is wanted; false if it is not there.
    func flag(_ key: String) throws(Problem) -> Bool {
        guard let value = values[key] else { return false }
        guard case .boolean(let flag) = value else { throw Problem(.invalid, "\"\(key)\" has to be true or false") }
        return flag
    }

    /// A text becomes an argument of a program, which ends at a zero byte.
    private static func check(
        _ text: String, _ key: String, _ length: ClosedRange<Int>
    ) throws(Problem) -> String {
        guard length.contains(text.unicodeScalars.count), !text.unicodeScalars.contains("\0") else {
            throw Problem(
                .invalid,
                "\"\(key)\" has to have \(length.lowerBound) to \(length.upperBound) characters, none of them zero")
        }
        return text
    }
}

extension JSONValue {
    /// A number without a fraction, however it is written.
    var wholeNumber: Int? {
        switch self {
        case .integer(let number): Int(exactly: number)
        case .number(let number): Int(exactly: number)
        default: nil
        }
    }
}

/// The fields of a query.
struct QueryFields: Sendable {
    private var values: [String: String] = [:]

    init(_ query: String?, allowed: [String]) throws(Problem) {
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(pair[0])
            guard allowed.contains(key) else {
                throw Problem(
                    .badRequest,
                    allowed.isEmpty ? "nothing can be asked for here" : "give \(allowed.joined(separator: ", ")) only")
            }
            guard values[key] == nil else { throw Problem(.badRequest, "\(key) is given twice") }
            guard pair.count == 2, let value = PercentEncoding.decode(pair[1], plusIsSpace: true) else {
                throw Problem(.badRequest, "\(key) has no value that is understood")
            }
            values[key] = value
        }
    }

    func text(_ key: String) -> String? { values[key] }

    func number(_ key: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = values[key] else { return nil }
        guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(text), range.contains(number) else {
            throw Problem(
                .badRequest, "\(key) has to be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ key: String) throws(Problem) -> Bool? {
        switch values[key] {
        case nil: nil
        case "true": true
        case "false": false
        default: throw Problem(.badRequest, "\(key) has to be true or false")
        }
    }

    func word(_ key: String, of words: [String]) throws(Problem) -> String? {
        guard let text = values[key] else { return nil }
        guard words.contains(text) else {
            throw Problem(.badRequest, "\(key) has to be one of \(words.joined(separator: ", "))")
        }
        return text
    }
}

/// RFC 3986 §2.1.
enum PercentEncoding {
    /// Nil if `text` is not encoded as it should be, or no UTF-8.
    ///
    /// - Parameters:
    ///   - text: a part of a path, or a value of a query.
    ///   - plusIsSpace: as forms write it, in queries.
    static func decode(_ text: Substring, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> Substring {
        var text = self
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return text
    }
}
