// Cuts what a client sends into the JSON objects that it consists of.
//
// Responsible for: where an object ends, and that neither a long nor a deep one costs more than its bound. An object
// ends with its last brace: no line end is waited for. Not responsible for: whether it is one (`QMPRequest`).
//
// Follows QEMU's docs/interop/qmp-spec.rst: objects follow each other, with white space between them; a byte 0xFF makes
// a fresh start.

/// A stream of objects.
struct MessageFramer {
    /// What was found.
    enum Piece: Equatable {
        case message([UInt8])
        /// What is no object; it has been skipped, up to the end of its line.
        case garbage
        /// An object that is longer, or deeper, than any that means something. Its line is skipped.
        case excessive
    }

    /// The longest object in bytes, and how deep one may be.
    static let maximumByteCount = 1 << 16
    static let maximumDepth = 64

    private var message: [UInt8] = []
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// The rest of the line is to be dropped.
    private var isSkipping = false

    private static let newline = UInt8(ascii: "\n")
    private static let restart: UInt8 = 0xFF

    /// Takes what has arrived, up to the end of the first piece.
    mutating func next(_ bytes: inout ArraySlice<UInt8>) -> Piece? {
        while let byte = bytes.popFirst() {
            if let piece = add(byte) { return piece }
        }
        return nil
    }

    private mutating func add(_ byte: UInt8) -> Piece? {
        if byte == Self.restart {
            let wasBegun = depth > 0
            self = MessageFramer()
            return wasBegun ? .garbage : nil
        }
        if isSkipping {
            if byte == Self.newline { isSkipping = false }
            return nil
        }
        guard depth > 0 else { return begin(byte) }
        message.append(byte)
        if isInString { return addToString(byte) }
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        default: break
        }
        guard depth > 0 else {
            defer { message = [] }
            return .message(message)
        }
        return isExcessive ? give(up: .excessive, at: byte) : nil
    }

    private mutating func begin(_ byte: UInt8) -> Piece? {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), Self.newline: return nil
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            message = [byte]
            depth = 1
            return nil
        default: return give(up: .garbage, at: byte)
        }
    }

    private mutating func addToString(_ byte: UInt8) -> Piece? {
        if isEscaped {
            isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
            isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
            isInString = false
        }
        // No string goes on in the next line: what began it was none.
        if byte == Self.newline { return give(up: .garbage, at: byte) }
        return isExcessive ? give(up: .excessive, at: byte) : nil
    }

    private var isExcessive: Bool { message.count >= Self.maximumByteCount || depth > Self.maximumDepth }

    private mutating func give(up piece: Piece, at byte: UInt8) -> Piece {
        self = MessageFramer()
        isSkipping = byte != Self.newline
        return piece
    }
}
