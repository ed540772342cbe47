// The arguments of a command: each is taken once, and what nobody took is an error.

import Bytes

/// What a command was given.
struct QMPArguments {
    private var values: [String: JSONValue]

    init(_ values: [String: JSONValue]) { self.values = values }

    mutating func string(_ name: String) throws(QMPError) -> String {
        switch values.removeValue(forKey: name) {
        case .string(let value)?: return value
        case nil: throw QMPError("the argument \"\(name)\" is missing")
        case let value?: throw QMPError("the argument \"\(name)\" is a string; this is \(value.kind)")
        }
    }

    mutating func optionalString(_ name: String) throws(QMPError) -> String? {
        values[name] == nil ? nil : try string(name)
    }

    mutating func optionalBoolean(_ name: String) throws(QMPError) -> Bool? {
        switch values.removeValue(forKey: name) {
        case .boolean(let value)?: return value
        case nil: return nil
        case let value?: throw QMPError("the argument \"\(name)\" is true or false; this is \(value.kind)")
        }
    }

    mutating func optionalInteger(_ name: String) throws(QMPError) -> Int64? {
        switch values.removeValue(forKey: name) {
        case .integer(let value)?: return value
        case nil: return nil
        case let value?: throw QMPError("the argument \"\(name)\" is an integer; this is \(value.kind)")
        }
    }

    mutating func optionalStrings(_ name: String) throws(QMPError) -> [String]? {
        guard let value = values.removeValue(forKey: name) else { return nil }
        guard case .array(let elements) = value else {
            throw QMPError("the argument \"\(name)\" is an array; this is \(value.kind)")
        }
        var strings: [String] = []
        for element in elements {
            guard case .string(let text) = element else {
                throw QMPError("the argument \"\(name)\" has strings; this is \(element.kind)")
            }
            strings.append(text)
        }
        return strings
    }

    func finish() throws(QMPError) {
        if let name = values.keys.min() { throw QMPError("the argument \"\(name)\" is not expected") }
    }
}
