import Testing

@testable import QEMUMonitor

@Suite("Cutting a stream into objects")
struct MessageFramerTests {
    private func pieces(_ text: String) -> [MessageFramer.Piece] { pieces(Array(text.utf8), by: .max) }

    /// What comes of bytes that arrive in chunks.
    private func pieces(_ bytes: [UInt8], by count: Int) -> [MessageFramer.Piece] {
        var framer = MessageFramer()
        var pieces: [MessageFramer.Piece] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            var chunk = rest.prefix(count)
            rest = rest.dropFirst(chunk.count)
            while let piece = framer.next(&chunk) { pieces.append(piece) }
        }
        return pieces
    }

    private func message(_ text: String) -> MessageFramer.Piece { .message(Array(text.utf8)) }

    @Test("An object ends with its last brace, and what is in a string does not count")
    func objects() {
        #expect(pieces(#"{"a":{}} {"b":[1]}"#) == [message(#"{"a":{}}"#), message(#"{"b":[1]}"#)])
        #expect(pieces(#"{"a":"}\"}"}"#) == [message(#"{"a":"}\"}"}"#)])
        #expect(pieces(#"{"a":"\\"}{}"#) == [message(#"{"a":"\\"}"#), message("{}")])
        #expect(pieces("{\n\n}\r\n") == [message("{\n\n}")])
        #expect(pieces(#"{"a":"#) == [])
    }

    @Test("What is no object is skipped up to the end of its line")
    func garbage() {
        #expect(pieces("quit\n{}") == [.garbage, message("{}")])
        #expect(pieces("}\n{}") == [.garbage, message("{}")])
        #expect(pieces("\"{}\"{}\n{}") == [.garbage, message("{}")])
        #expect(pieces("{\"a\n{}") == [.garbage, message("{}")])
    }

    @Test("The byte 0xFF makes a fresh start")
    func restart() {
        #expect(pieces(Array("{\"a\":\"".utf8) + [0xFF] + Array("{}".utf8), by: 1) == [.garbage, message("{}")])
        #expect(pieces([0xFF] + Array("{}".utf8), by: 1) == [message("{}")])
    }

    @Test("Neither a long object nor a deep one is kept, and the next line counts again")
    func excessive() {
        let long = "{\"a\":\"" + String(repeating: "x", count: 3 << 20) + "\"}\n{}"
        #expect(pieces(long) == [.excessive, message("{}")])
        let deep = String(repeating: "[", count: 1 << 20) + "\n{}"
        #expect(pieces(deep) == [.excessive, message("{}")])
        let just =
            String(repeating: "[", count: MessageFramer.maximumDepth)
            + String(repeating: "]", count: MessageFramer.maximumDepth)
        #expect(pieces(just) == [message(just)])
        #expect(pieces("[" + just + "]\n{}") == [.excessive, message("{}")])
    }

    @Test("Random bytes give the same pieces however they arrive, and none that is too long")
    func random() {
        let alphabet = Array("{}[]\"\\\n ,:a1\u{7f}".utf8) + [0xFF, 0xC3]
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0..<400)).map { _ in alphabet.randomElement()! }
            let whole = pieces(bytes, by: .max)
            #expect(whole == pieces(bytes, by: 1))
            #expect(whole == pieces(bytes, by: Int.random(in: 1..<50)))
            for case .message(let message) in whole {
                #expect(message.first == UInt8(ascii: "{") || message.first == UInt8(ascii: "["))
                // Whatever it is, it has an answer.
                if case (_, .success(let request)) = QMPRequest.parse(message) { #expect(!request.command.isEmpty) }
            }
        }
    }
}
