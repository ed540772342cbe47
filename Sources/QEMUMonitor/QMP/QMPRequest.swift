// A command as a client sends it.
//
// Follows QEMU's docs/interop/qmp-spec.rst, "Issuing Commands".

import Bytes
import FoundationEssentials

/// What a client asks for.
struct QMPRequest: Equatable {
    var command: String
    var arguments: [String: JSONValue]

    /// What the client knows the answer by, and the request, or what is wrong with it.
    static func parse(_ bytes: [UInt8]) -> (id: JSONValue?, Result<QMPRequest, QMPError>) {
        let value: JSONValue
        do {
            value = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch { return (nil, .failure(QMPError("this is no JSON"))) }
        guard case .object(var members) = value else {
            return (nil, .failure(QMPError("a command is an object, and this is \(value.kind)")))
        }
        let id = members.removeValue(forKey: "id")
        do throws(QMPError) { return (id, .success(try QMPRequest(&members))) } catch { return (id, .failure(error)) }
    }

    private init(_ members: inout [String: JSONValue]) throws(QMPError) {
        guard members["exec-oob"] == nil else {
            throw QMPError("exec-oob: commands out of their order were not agreed on")
        }
        switch members.removeValue(forKey: "execute") {
        case .string(let name)?: command = name
        case let value?: throw QMPError("\"execute\" is the name of a command, and no \(value.kind.dropArticle)")
        case nil: throw QMPError("\"execute\" is missing")
        }
        switch members.removeValue(forKey: "arguments") {
        case .object(let values)?: arguments = values
        case let value?: throw QMPError("\"arguments\" is an object, and no \(value.kind.dropArticle)")
        case nil: arguments = [:]
        }
        if let name = members.keys.min() { throw QMPError("\"\(name)\" is no part of a command") }
    }
}

extension String {
    fileprivate var dropArticle: Substring { self[(firstIndex(of: " ").map(index(after:)) ?? startIndex)...] }
}
