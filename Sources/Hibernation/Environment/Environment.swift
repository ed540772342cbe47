// What a guest can find out about its machine, as a value that is recorded with a hibernation and compared at the next
// start.
//
// Responsible for: the shape of the record, its canonical form and its fingerprints. Not responsible for: what a
// machine's environment is (a pure function of model and configuration, in Machine), or what a difference means
// (`EnvironmentDifference`). DEN0022 F.b §5.11.3 asks for it: after SYSTEM_OFF2 the next boot has to find the same
// memory layout, static device properties and firmware interfaces.

import Bytes
import FoundationEssentials

/// Everything about a machine that its guest can see, each fact by its path: `memory.size` is `536870912`.
///
/// A flat list of texts, because that is what is done with it: it is hashed, compared fact by fact, and shown. What a
/// newer Dormouse records and an older one does not know is then a difference like any other. docs/hibernation.md lists
/// the paths of schema 1.
public struct Environment: Hashable, Sendable {
    /// The meaning of the paths that this version of Dormouse writes.
    public static let currentSchema = 1

    public var schema = currentSchema
    public private(set) var facts: [String: String]

    public init(_ facts: [String: String] = [:]) {
        self.facts = facts
    }

    /// One fact; nil if it does not apply to this machine.
    public subscript(path: String) -> String? {
        get { facts[path] }
        set { facts[path] = newValue }
    }

    /// The canonical form: a JSON object with sorted keys, in UTF-8 without white space, of which the fingerprint is
    /// made. Without what is known of the model anyway (Environment+Unsaid.swift).
    public var canonicalJSON: [UInt8] { Self.canonicalJSON(schema, tellingFacts) }

    /// SHA-256 of the canonical form: another one for every change that a guest can see.
    public var fingerprint: Fingerprint { Fingerprint(of: canonicalJSON) }

    /// The same without the facts that may change under a guest that is resumed. The hardware signature comes from this
    /// one: a kernel that reads another signature throws its image away, which no change of a boot parameter is worth.
    public var resumeFingerprint: Fingerprint {
        Fingerprint(of: Self.canonicalJSON(schema, tellingFacts.filter { Consequence(ofPath: $0.key) != .mayChange }))
    }

    private static func canonicalJSON(_ schema: Int, _ facts: [String: String]) -> [UInt8] {
        // A dictionary of texts and a number can always be encoded.
        (try? StableJSON.bytes(of: Stored(schema: schema, facts: facts))) ?? []
    }
}

extension Environment: Codable {
    private struct Stored: Codable {
        var schema: Int
        var facts: [String: String]
    }

    public init(from decoder: any Decoder) throws {
        let stored = try Stored(from: decoder)
        schema = stored.schema
        facts = stored.facts
    }

    public func encode(to encoder: any Encoder) throws {
        try Stored(schema: schema, facts: facts).encode(to: encoder)
    }
}
