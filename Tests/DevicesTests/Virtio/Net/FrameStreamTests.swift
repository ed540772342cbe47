import Glibc
import Testing

@testable import Devices

@Suite("Frames in a stream")
struct FrameStreamTests {
    private let frames = [frame(14), frame(60, seed: 2), [], frame(1514, seed: 3), frame(65553, seed: 4)]

    @Test("However a stream is cut, the same frames come out", arguments: [1, 2, 3, 5, 64, 1000, 100_000])
    func fragmentation(piece: Int) throws {
        let stream = frames.flatMap(streamed)
        var decoder = FrameDecoder()
        var decoded: [[UInt8]] = []
        for start in stride(from: 0, to: stream.count, by: piece) {
            decoder.append(stream[start..<min(start + piece, stream.count)])
            while let frame = try decoder.next() { decoded.append(frame) }
        }
        #expect(decoded == frames)
    }

    @Test("A length that no frame can have ends the stream", arguments: [65554, 1 << 16 + 100, 1 << 31, 0xFFFF_FFFF])
    func hostileLength(length: Int) throws {
        var decoder = FrameDecoder()
        decoder.append(streamed(frame(60))[...])
        decoder.append((0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }[...])
        #expect(try decoder.next() == frame(60))
        #expect(throws: NetworkBackendError("the peer announced a frame of \(length) bytes")) { try decoder.next() }
    }

    @Test("A frame is written with its length before it, most significant byte first")
    func encoding() {
        var stream: [UInt8] = [9]
        stream.append(frame: frame(0x1234))
        #expect(stream == [9, 0, 0, 0x12, 0x34] + frame(0x1234))
    }
}

@Suite("A network behind a stream socket")
struct StreamSocketBackendTests {
    @Test("What a peer had sent before it went is received, then the reason is told")
    func peerGoes() throws {
        let sockets = try SocketPair()
        let backend = StreamSocketBackend(descriptor: sockets.ours) { "it went" }
        #expect(try backend.receive() == nil)
        #expect(sockets.write(streamed(frame(60)) + streamed(frame(70)) + [0, 0]))
        close(sockets.theirs)
        #expect(try backend.receive() == frame(60))
        #expect(try backend.receive() == frame(70))
        #expect(throws: NetworkBackendError("it went")) { try backend.receive() }
        #expect(try backend.send(frame(60)))
        #expect(throws: NetworkBackendError("it went")) { try backend.flush() }
    }

    @Test("A path where nobody listens, or that no socket can have, is refused with what to do")
    func paths() throws {
        #expect(throws: NetworkSocketError.nobodyListens("/nonexistent/passt.socket")) {
            try StreamSocketBackend(path: "/nonexistent/passt.socket")
        }
        let long = "/tmp/" + String(repeating: "x", count: 103)
        #expect(throws: NetworkSocketError.pathTooLong(long)) { try StreamSocketBackend(path: long) }
        #expect("\(NetworkSocketError.nobodyListens("/s"))".contains("passt --socket /s"))
    }

    @Test("A socket that somebody listens on is connected to")
    func connecting() throws {
        let path = "/tmp/dormouse-test-\(getpid())-stream.socket"
        unlink(path)
        defer { unlink(path) }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(code == 0 && listen(listener, 1) == 0)
        let backend = try StreamSocketBackend(path: path)
        let peer = accept(listener, nil, nil)
        try #require(peer >= 0)
        #expect(try backend.send(frame(60)))
        #expect(try backend.flush())
        var bytes = [UInt8](repeating: 0, count: 64)
        #expect(recv(peer, &bytes, bytes.count, Int32(MSG_WAITALL)) == 64)
        #expect(bytes == streamed(frame(60)))
        close(peer)
        #expect(throws: NetworkBackendError("the peer at \(path) has gone")) { try backend.receive() }
    }
}

@Suite("A network behind a TAP device")
struct TapBackendTests {
    @Test(
        "An interface that is not there, or cannot be, is refused with what to do",
        arguments: [
            "", "dormouse-none", "a-name-of-16-byte",
        ])
    func missing(name: String) {
        #expect(throws: TapError.noSuchInterface(name)) { try TapBackend(interface: name) }
        #expect(throws: TapError.self) { try TapBackend(interface: "lo\0") }
        #expect("\(TapError.noSuchInterface("tap7"))".contains("ip tuntap add dev tap7 mode tap"))
    }

    @Test("An interface that is no TAP device is not used")
    func notTap() {
        // What it is called depends on who asks: /dev/net/tun may be missing or forbidden.
        #expect(throws: TapError.self) { try TapBackend(interface: "lo") }
    }
}

@Suite("MAC addresses")
struct MACAddressTests {
    @Test("An address is read and written as six numbers of two hexadecimal digits")
    func text() {
        #expect(MACAddress("52:54:00:AB:cd:0f")?.bytes == [0x52, 0x54, 0, 0xAB, 0xCD, 0x0F])
        #expect(MACAddress("52:54:00:AB:cd:0f")?.description == "52:54:00:ab:cd:0f")
        #expect(MACAddress(virtualMachine: 29).description == "52:54:00:00:00:1d")
    }

    @Test(
        "What is no address of one station is none",
        arguments: [
            "", "52:54:00:00:00", "52:54:00:00:00:00:00", "52:54:00:00:00:0", "52:54:00:00:00:0g", "52-54-00-00-00-01",
            "00:00:00:00:00:00", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "+2:54:00:00:00:01", ":::::",
            "52:54:00:00:00:٠١",
        ])
    func wrong(text: String) {
        #expect(MACAddress(text) == nil)
    }
}
