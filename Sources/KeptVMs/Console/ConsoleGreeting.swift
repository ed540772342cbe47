// What is said on a VM's console socket before it carries the console's bytes: a line with what the caller wants, and a
// line of JSON that says what it gets. From then on, bytes of the guest come from one side, and bytes for the guest go
// to it from the other.

import Bytes
import FoundationEssentials

/// What somebody wants of a console.
public enum ConsoleRole: String, Sendable {
    case read
    /// To read, and to write if nobody else does.
    case write
}

/// The answer.
public struct ConsoleGreeting: Codable, Sendable, Hashable {
    /// Whether the caller gets the console at all.
    public var isOpen: Bool
    /// Whether what it sends goes to the guest.
    public var writes: Bool
    /// For people.
    public var detail: String
    /// Bytes that the guest wrote before, and that come first: a terminal answers no question in them. Of a run of an
    /// earlier version, nobody knows.
    public var old: Int?

    init(isOpen: Bool, writes: Bool = false, detail: String = "") {
        self.isOpen = isOpen
        self.writes = writes
        self.detail = detail
    }

    var line: [UInt8] { ((try? StableJSON.bytes(of: self)) ?? Array("{}".utf8)) + [UInt8(ascii: "\n")] }

    init?(line: String) {
        guard let greeting = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else { return nil }
        self = greeting
    }
}
