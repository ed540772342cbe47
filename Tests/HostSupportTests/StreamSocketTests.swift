import Glibc
import TestSupport
import Testing

@testable import HostSupport

@Suite("Stream sockets")
struct StreamSocketTests {
    /// What the other end reads once a client is gone: errno(3), or 0 for an end in order.
    private func end(ofClientThatResets resets: Bool) throws -> Int32 {
        let server = try StreamSocket.listening(host: "127.0.0.1", port: 0)
        var client: StreamSocket? = try StreamSocket.connected(host: "127.0.0.1", port: #require(server.port))
        guard StreamSocket.readable([server], until: nil) == [true], case .connection(let peer) = server.accept()
        else { return -1 }
        if resets { client?.endByReset() }
        client = nil
        var byte: UInt8 = 0
        return recv(peer.descriptor, &byte, 1, 0) == 0 ? 0 : errno
    }

    @Test("A connection that is to end by a reset does, and any other one ends in order")
    func reset() throws {
        #expect(try end(ofClientThatResets: true) == ECONNRESET)
        #expect(try end(ofClientThatResets: false) == 0)
    }

    @Test("Whoever takes no connections keeps nobody waiting without end")
    func unanswered() throws {
        let directory = try TemporaryDirectory()
        let server = try StreamSocket.listening(directory: directory.path, name: "socket")
        var waiting: [StreamSocket] = []
        var refusal: StreamSocketError?
        while refusal == nil && waiting.count < 1000 {
            do throws(StreamSocketError) {
                waiting.append(try .connected(directory: directory.path, name: "socket"))
            } catch { refusal = error }
        }
        #expect(refusal?.isUnanswered == true && !waiting.isEmpty)
        // Once they are taken there is room again.
        guard case .connection = server.accept() else { return #expect(Bool(false)) }
        #expect(throws: Never.self) { try StreamSocket.connected(directory: directory.path, name: "socket") }
    }

    private func line(_ socket: StreamSocket) -> String? {
        guard case .text(let text) = socket.readLine(milliseconds: 0) else { return nil }
        return text
    }

    @Test("What comes behind a line stays for whoever reads next, and a line may come in pieces and be long")
    func lines() throws {
        let (one, other) = try StreamSocket.pair()
        let long = String(repeating: "long ", count: 3000)
        for piece in ["one\ntwo\n", "thr", "ee\n\nrest"] {
            #expect(one.send(Array(piece.utf8)[...]) == piece.utf8.count)
        }
        #expect(line(other) == "one")
        #expect(line(other) == "two")
        #expect(line(other) == "three")
        #expect(line(other) == "")
        guard case .bytes(let rest) = other.readAvailable(limit: 100) else { return #expect(Bool(false)) }
        #expect(String(decoding: rest, as: UTF8.self) == "rest")
        #expect(one.write(line: long))
        #expect(line(other) == long)
        #expect(line(other) == nil)
    }

    @Test("Bytes without an end of a line are none, however many there are, and what is behind them is not lost")
    func endless() throws {
        let (one, other) = try StreamSocket.pair()
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 16) + Array("\nnext\n".utf8)
        #expect(one.send(bytes[...]) == bytes.count)
        #expect(line(other) == nil)
        #expect(line(other) == "")
        #expect(line(other) == "next")
    }
}
