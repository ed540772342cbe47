// Frames in a stream of bytes: each is preceded by its length, four bytes in network order.
//
// It is what QEMU's `-netdev stream` and passt speak (passt(1)). Not responsible for: where the bytes come from.

/// Takes a stream apart, however it is cut.
struct FrameDecoder {
    static let lengthByteCount = 4

    private var buffer: [UInt8] = []
    /// Bytes at the start of `buffer` that were handed out.
    private var consumed = 0

    /// Adds what came.
    mutating func append(_ bytes: ArraySlice<UInt8>) {
        buffer.removeSubrange(..<consumed)
        consumed = 0
        buffer += bytes
    }

    /// The next frame; nil if it is not complete.
    ///
    /// A length that no frame can have means that the peer speaks something else: nothing behind it can be found.
    mutating func next() throws(NetworkBackendError) -> [UInt8]? {
        let rest = buffer[consumed...]
        guard rest.count >= Self.lengthByteCount else { return nil }
        let length = Int(rest.prefix(Self.lengthByteCount).reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        guard length <= EthernetFrame.maximumByteCount else {
            throw NetworkBackendError("the peer announced a frame of \(length) bytes")
        }
        let body = rest.dropFirst(Self.lengthByteCount)
        guard body.count >= length else { return nil }
        consumed += Self.lengthByteCount + length
        return Array(body.prefix(length))
    }
}

extension [UInt8] {
    /// Adds a frame as the stream has it. Frames are at most `EthernetFrame.maximumByteCount` long.
    mutating func append(frame: [UInt8]) {
        let length = UInt32(truncatingIfNeeded: frame.count)
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: length >> shift))
        }
        self += frame
    }
}
