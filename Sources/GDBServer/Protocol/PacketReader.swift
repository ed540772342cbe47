// Cuts what a debugger sends into packets.
//
// Responsible for: where a packet begins and ends, its checksum, and a bound for what is held of it. Not responsible for
// what it says.
//
// Follows GDB's manual, appendix E ("Remote Protocol", "Overview"): `$data#checksum`, acknowledged by `+` or `-`.

/// What arrives.
enum PacketEvent: Equatable {
    /// What is between `$` and `#`, as it was sent.
    case packet([UInt8])
    /// A packet whose checksum is another one's, or that is too long.
    case damaged
    /// `-`: the last packet is to be sent again.
    case repeatLast
    /// The key by which a guest that runs is stopped.
    case interrupt
}

/// Takes bytes as they come.
struct PacketReader {
    /// The longest packet, in bytes between `$` and `#`.
    static let maximumByteCount = 1 << 14

    private enum State {
        case outside
        case inside
        case checksum(first: UInt8?)
    }

    private var state = State.outside
    private var body: [UInt8] = []
    private var isTooLong = false

    /// The next event of what has arrived.
    ///
    /// - Parameter bytes: loses those that were looked at.
    /// - Returns: nil if there is none yet; then nothing is left of `bytes`.
    mutating func next(_ bytes: inout ArraySlice<UInt8>) -> PacketEvent? {
        while let byte = bytes.popFirst() {
            switch (state, byte) {
            // Also inside: the packet before it was not sent to its end.
            case (_, UInt8(ascii: "$")): begin()
            case (.outside, 0x03): return .interrupt
            case (.outside, UInt8(ascii: "-")): return .repeatLast
            case (.outside, _): break
            case (.inside, UInt8(ascii: "#")): state = .checksum(first: nil)
            case (.inside, _):
                if body.count < Self.maximumByteCount { body.append(byte) } else { isTooLong = true }
            case (.checksum(nil), _): state = .checksum(first: byte)
            case (.checksum(let first?), _):
                state = .outside
                let sum = body.reduce(0, &+)
                defer { body = [] }
                guard !isTooLong, let high = Packet.digit(first), let low = Packet.digit(byte), high << 4 | low == sum
                else { return .damaged }
                return .packet(body)
            }
        }
        return nil
    }

    private mutating func begin() {
        state = .inside
        body = []
        isTooLong = false
    }
}

/// How packets are written.
enum Packet {
    private static let escape = UInt8(ascii: "}")
    private static let escapeBit: UInt8 = 0x20
    /// Those that mean something to whoever reads a packet; `*` is said of repetitions in answers.
    private static let special = Set("$#}*".utf8)

    static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
    }

    /// A packet with `body`, which is escaped already.
    static func framed(_ body: some Sequence<UInt8>) -> [UInt8] {
        let body = Array(body)
        let digits = Array("0123456789abcdef".utf8)
        let sum = body.reduce(0, &+)
        return [UInt8(ascii: "$")] + body + [UInt8(ascii: "#"), digits[Int(sum >> 4)], digits[Int(sum & 15)]]
    }

    static func escaped(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { special.contains($0) ? [escape, $0 ^ escapeBit] : [$0] }
    }

    /// What `escaped` was made of; nil if nothing follows an escape.
    static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == escape else {
                result.append(byte)
                continue
            }
            guard let next = rest.popFirst() else { return nil }
            result.append(next ^ escapeBit)
        }
        return result
    }
}
