// Tokens, of which only hashes are kept: a file of lines `NAME:SHA-256`, in hexadecimal.
//
// A token is 256 random bits, so that one round of SHA-256 is as good as many: there is nothing to guess.

import Bytes
import Crypto
import FoundationEssentials
import HostSupport

/// The tokens that a server takes.
public struct TokenList: Sendable {
    /// What is wrong with a list of tokens.
    public struct Failure: AttributedError {
        public var description: String
        public var isHosts: Bool { false }
    }

    private var hashes: [(name: String, hash: [UInt8])] = []

    /// A new token, and the line for the list by which it is known.
    public static func make(name: String) throws(Failure) -> (token: String, line: String) {
        guard isName(name) else {
            throw Failure(description: "\"\(name)\" is no name for a token; take up to 64 letters, digits, '-', '_'")
        }
        var generator = SystemRandomNumberGenerator()
        let token = Hexadecimal.text(of: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        return (token, "\(name):\(Hexadecimal.text(of: Array(hash(token))))")
    }

    /// - Parameter text: of the file. Empty lines, and those that begin with "#", say nothing.
    public init(_ text: String) throws(Failure) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            let parts = line.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, Self.isName(String(parts[0])), let hash = Hexadecimal.bytes(of: String(parts[1])),
                hash.count == SHA256.byteCount
            else {
                throw Failure(
                    description:
                        "line \(index + 1) of the tokens is no NAME:SHA-256; make one with `dormouse serve token`")
            }
            hashes.append((String(parts[0]), hash))
        }
        guard !hashes.isEmpty else {
            throw Failure(description: "there is no token in the list; make one with `dormouse serve token`")
        }
    }

    /// The name of a token; nil if it is none.
    func name(of token: String) -> String? {
        let hash = Self.hash(token)
        // A digest is compared in constant time, which here says nothing that one could use anyway.
        return hashes.first { hash == Data($0.hash) }?.name
    }

    private static func hash(_ token: String) -> SHA256.Digest { SHA256.hash(data: Data(token.utf8)) }

    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.count)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
    }
}
