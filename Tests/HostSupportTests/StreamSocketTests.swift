import Glibc
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
}
