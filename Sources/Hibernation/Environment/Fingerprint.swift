// SHA-256, as records and reports have it.

import Bytes
import Crypto

/// A SHA-256 digest.
public struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// The digest of `content`.
    public init(of content: some Sequence<UInt8>) {
        var hash = SHA256()
        hash.update(data: Array(content))
        bytes = Array(hash.finalize())
    }

    /// The digest of what `update` is called with, piece by piece.
    public init<Failure: Error>(
        ofPieces body: (_ update: ([UInt8]) -> Void) throws(Failure) -> Void
    ) throws(Failure) {
        var hash = SHA256()
        try body { hash.update(data: $0) }
        bytes = Array(hash.finalize())
    }

    /// 64 hexadecimal digits.
    public var description: String {
        Hexadecimal.text(of: bytes)
    }

    /// Nil if `text` is not 64 hexadecimal digits.
    public init?(_ text: String) {
        guard let bytes = Hexadecimal.bytes(of: text), bytes.count == 32 else { return nil }
        self.bytes = bytes
    }
}

extension Fingerprint: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Fingerprint(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no SHA-256 in hexadecimal")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
