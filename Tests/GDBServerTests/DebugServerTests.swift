import Foundation
import Testing

@testable import GDBServer
@testable import HostSupport

@Suite("Serving debuggers", .timeLimit(.minutes(5)))
struct DebugServerTests {
    /// A directory, a server in it, and its machine.
    private final class Setting {
        let directory = FileManager.default.temporaryDirectory.appending(path: "debug-\(UUID())").path
        let machine = FakeMachine()
        let server: DebugServer

        init() throws {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            server = try DebugServer(
                .listening(try .listening(directory: directory, name: "gdb"), path: "\(directory)/gdb"))
            try server.start(machine)
        }

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        func connect() throws -> StreamSocket { try .connected(directory: directory, name: "gdb") }

        /// Waits until the machine was asked for this.
        func wait(for call: String) {
            var calls: [String] = []
            while !calls.contains(where: { $0.hasPrefix(call) }) {
                calls += machine.takeCalls()
                usleep(1000)
            }
        }
    }

    private static let start = "+$OK#9a"

    @Test("Debuggers are served one after the other; each stops the guest, and lets it go on when it goes")
    func clients() throws {
        let setting = try Setting()
        for _ in 0..<3 {
            let client = try setting.connect()
            client.say("$QStartNoAckMode#b0")
            #expect(client.hear(Self.start.utf8.count) == Self.start)
            setting.wait(for: "stop")
            client.say("$vCont;c#a8")
            setting.wait(for: "resume")
            setting.server.post(DebuggedStop(cpu: 1, signal: .trap))
            setting.server.post(DebuggedStop(cpu: 0, signal: .trap))
            #expect(client.hear(17) == "$T05thread:02;#08")
        }
        setting.server.finish()
        #expect(try FileManager.default.contentsOfDirectory(atPath: setting.directory) == [])
    }

    @Test("One that goes without a word leaves the guest running, whatever it was at")
    func gone() throws {
        let setting = try Setting()
        for half in ["", "$", "$m100", "$g#6", "$Z0,1000,4#7d$c"] {
            do {
                let client = try setting.connect()
                client.say(half)
                setting.wait(for: "stop")
            }
            setting.wait(for: "resume")
        }
        setting.server.finish()
    }

    @Test("A guest that stops when its debugger has gone is let go on")
    func late() throws {
        let setting = try Setting()
        do {
            let client = try setting.connect()
            client.say("$c#63")
            setting.wait(for: "resume")
        }
        setting.wait(for: "resume")
        setting.server.post(DebuggedStop(cpu: 0, signal: .trap))
        setting.wait(for: "resume")
        setting.server.finish()
    }

    @Test("One that asks and does not read is held up, and nothing grows")
    func deaf() throws {
        let setting = try Setting()
        let client = try setting.connect()
        let ask = Array(repeating: Packet.framed("mffff800000001000,1f00".utf8), count: 1000).flatMap(\.self)
        var sent = 0
        // Until nothing more is taken.
        var refusals = 0
        while refusals < 50, sent < 1 << 26 {
            guard let count = client.send(ask[...]) else { break }
            sent += count
            refusals = count == 0 ? refusals + 1 : 0
            if count == 0 { usleep(10_000) }
        }
        #expect(sent < 1 << 26)
        setting.server.finish()
    }

    @Test("Others that connect wait, and take nothing from who is served")
    func flood() throws {
        let setting = try Setting()
        let client = try setting.connect()
        client.say("$QStartNoAckMode#b0")
        #expect(client.hear(Self.start.utf8.count) == Self.start)
        let others = try (0..<10).map { _ in try setting.connect() }
        client.say("$?#3f")
        #expect(client.hear(17) == "$T05thread:01;#07")
        withExtendedLifetime(others) {}
        setting.server.finish()
    }

    @Test("The end of the run is told who waits for it")
    func end() throws {
        let setting = try Setting()
        let client = try setting.connect()
        client.say("$QStartNoAckMode#b0$c#63")
        setting.wait(for: "resume")
        setting.server.finish()
        #expect(client.hear(Self.start.utf8.count + 7) == Self.start + "$W00#b7")
    }
}

extension StreamSocket {
    fileprivate func say(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty, let count = send(rest) { rest = rest.dropFirst(count) }
    }

    /// The next `count` bytes.
    fileprivate func hear(_ count: Int) -> String {
        var bytes: [UInt8] = []
        while bytes.count < count {
            _ = StreamSocket.readable([self], until: nil)
            guard case .bytes(let more) = readAvailable(limit: count - bytes.count) else { break }
            bytes += more
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
