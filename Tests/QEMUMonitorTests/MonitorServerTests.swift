import Foundation
import Testing

@testable import HostSupport
@testable import QEMUMonitor

@Suite("Serving monitors", .timeLimit(.minutes(5)))
struct MonitorServerTests {
    /// A directory, a server in it, and its machine.
    private final class Setting {
        let directory = FileManager.default.temporaryDirectory.appending(path: "monitor-\(UUID())").path
        let machine = FakeMachine()
        let server: MonitorServer

        init(_ modes: [MonitorMode] = [.control], _ limits: MonitorServer.Limits = .init()) throws {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let directory = directory
            let endpoints = try modes.enumerated().map { index, mode in
                MonitorEndpoint(
                    mode: mode,
                    access: .listening(
                        try .listening(directory: directory, name: "\(index)"), path: "\(directory)/\(index)"))
            }
            server = try MonitorServer(FakeMachine.identity, endpoints, limits: limits)
            server.monitor.attach(machine, isPaused: false)
        }

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        func connect(_ index: Int = 0) throws -> StreamSocket { try .connected(directory: directory, name: "\(index)") }

        /// A client of QMP that has agreed on capabilities.
        func agreed(_ index: Int = 0) throws -> StreamSocket {
            let client = try connect(index)
            #expect(try client.line().contains("QMP"))
            #expect(client.write(line: #"{"execute":"qmp_capabilities"}"#))
            #expect(try client.line().contains("return"))
            return client
        }
    }

    @Test("Clients are served one after the other, and on other sockets at once")
    func clients() throws {
        let setting = try Setting([.control, .readline, .control])
        try setting.server.start()
        for _ in 0..<3 {
            let first = try setting.agreed(), other = try setting.agreed(2)
            #expect(first.write(line: #"{"execute":"query-name"}"#))
            #expect(try first.line().contains("guest"))
            #expect(other.write(line: #"{"execute":"stop"}"#))
            #expect(try other.line().contains("STOP"))
            #expect(try other.line().contains("return"))
            #expect(try first.line().contains("STOP"))
            #expect(other.write(line: #"{"execute":"cont"}"#))
            #expect(try other.line().contains("RESUME"))
        }
        let human = try setting.connect(1)
        #expect(human.write(line: "info status"))
        #expect(try human.line().contains("(Test)"))
        #expect(try human.line() == "(qemu) VM status: running\r")
        setting.server.finish()
        #expect(try FileManager.default.contentsOfDirectory(atPath: setting.directory) == [])
    }

    @Test("Who goes before it has read an answer has been heard")
    func deaf() throws {
        let setting = try Setting([.readline])
        try setting.server.start()
        do { #expect(try setting.connect().write(line: "stop")) }
        let next = try setting.connect()
        #expect(try next.line().contains("monitor"))
        #expect(setting.machine.calls == ["pause"])
        setting.server.finish()
    }

    @Test("A thousand connections, and lines of megabytes, take nothing from who is served")
    func flood() throws {
        let setting = try Setting()
        try setting.server.start()
        let client = try setting.agreed()
        var waiting: [StreamSocket] = []
        // More than the queue has is refused by the host; who is in it waits.
        for _ in 0..<1000 {
            let socket = try StreamSocket.nonBlocking()
            if socket.connectsAtOnce(setting.directory + "/0") { waiting.append(socket) }
        }
        #expect(waiting.count < 100)
        for _ in 0..<64 {
            try client.say(Array(repeating: UInt8(ascii: "{"), count: 1 << 20))
        }
        try client.say([UInt8(ascii: "\n")] + Array(#"{"execute":"query-name"}"#.utf8))
        #expect(try client.line().contains("GenericError"))
        #expect(try client.line().contains("guest"))
        setting.server.finish()
    }

    @Test("A client that does not read holds nobody up, is not listened to meanwhile, and is left when events pile up")
    func unread() throws {
        var limits = MonitorServer.Limits()
        limits.maximumPendingByteCount = 1 << 18
        let setting = try Setting([.control, .control], limits)
        try setting.server.start()
        let lazy = try setting.agreed()
        let other = try setting.agreed(1)
        var asked = 0
        let request = Array(#"{"execute":"query-commands"}"#.utf8)
        // Until neither side takes more.
        for _ in 0..<200 where asked < 1 << 22 {
            while let count = lazy.send(request[...]), count == request.count { asked += count }
            usleep(1000)
        }
        #expect(asked < 1 << 22)
        #expect(other.write(line: #"{"execute":"query-name"}"#))
        #expect(try other.line().contains("guest"))
        // Each is read by one of them.
        for _ in 0..<20_000 {
            setting.server.monitor.post(.suspend)
            #expect(try other.line().contains("SUSPEND"))
        }
        while case .bytes = lazy.readAvailable(limit: 1 << 20) {}
        #expect(lazy.readsEnd())
        setting.server.finish()
    }

    @Test("What clients were told last they can read, and a client that does not read ends the wait soon")
    func end() throws {
        let setting = try Setting([.control, .control])
        try setting.server.start()
        let client = try setting.agreed(), lazy = try setting.agreed(1)
        for _ in 0..<500 { lazy.write(line: #"{"execute":"query-commands"}"#) }
        setting.server.monitor.post(.suspendDisk)
        setting.server.monitor.post(.shutdown(.guestShutdown))
        let time = ContinuousClock().measure { setting.server.finish() }
        #expect(time < .seconds(5))
        #expect(try client.line().contains("SUSPEND_DISK"))
        #expect(try client.line().contains(#""SHUTDOWN""#))
        #expect(client.readsEnd())
    }

    @Test("A monitor can be waited for, and one that is connected is served at once, by TCP too")
    func waits() throws {
        let listening = try StreamSocket.listening(host: "127.0.0.1", port: 0)
        let port = try #require(listening.port)
        let (ours, theirs) = try StreamSocket.pair()
        let server = try MonitorServer(
            FakeMachine.identity,
            [
                MonitorEndpoint(mode: .control, access: .listening(listening, path: nil)),
                MonitorEndpoint(mode: .readline, access: .connected(ours)),
            ])
        let connected = try HostThread {
            usleep(100_000); _ = try? StreamSocket.connected(host: "localhost", port: port)
        }
        server.waitForClient(of: 0)
        connected.join()
        try server.start()
        #expect(try theirs.line().contains("monitor"))
        // There is no machine yet.
        #expect(theirs.write(line: "stop"))
        #expect(try theirs.line().contains("Error: "))
        server.finish()
    }

    @Test("A file that is no socket is left alone, and a name that is too long is an error")
    func files() throws {
        let setting = try Setting([])
        try Data("x".utf8).write(to: URL(filePath: setting.directory + "/file"))
        #expect(throws: StreamSocketError.self) {
            try StreamSocket.listening(directory: setting.directory, name: "file")
        }
        #expect(try String(contentsOfFile: setting.directory + "/file", encoding: .utf8) == "x")
        #expect(throws: StreamSocketError.self) {
            try StreamSocket.listening(directory: setting.directory, name: String(repeating: "n", count: 100))
        }
    }
}

extension StreamSocket {
    /// A line, without its newline.
    func line() throws -> String {
        guard case .text(let text) = readLine(milliseconds: 60_000) else { throw QMPError("no line") }
        return text
    }

    /// Sends all of it, however slowly it is read.
    func say(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            _ = StreamSocket.wait(
                [SocketInterest(socket: self, reads: false, writes: true)], until: .now.advanced(by: .seconds(60)))
            guard let count = send(rest) else { throw QMPError("gone") }
            rest = rest.dropFirst(count)
        }
    }

    /// Whether the other end leaves within a minute, whatever it says before.
    func readsEnd() -> Bool {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while StreamSocket.readable([self], until: deadline) == [true] {
            if case .end = readAvailable(limit: 1 << 16) { return true }
        }
        return false
    }

    static func nonBlocking() throws -> StreamSocket {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        try #require(descriptor >= 0)
        return StreamSocket(descriptor)
    }

    func connectsAtOnce(_ path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } == 0
    }
}
