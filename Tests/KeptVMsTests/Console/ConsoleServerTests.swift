import Foundation
import Glibc
import HostSupport
import Synchronization
import Testing

@testable import KeptVMs

@Suite("Console socket")
struct ConsoleServerTests {
    /// What a guest takes.
    private final class Guest: Sendable {
        private let state = Mutex<(bytes: [UInt8], room: Int)>(([], .max))
        let room: Int

        init(room: Int = .max) {
            self.room = room
            state.withLock { $0.room = room }
        }

        func take(_ bytes: [UInt8]) -> Int {
            state.withLock { state in
                let count = min(state.room, bytes.count)
                state.bytes += bytes.prefix(count)
                state.room -= count
                return count
            }
        }

        func makeRoom(_ count: Int) { state.withLock { $0.room += count } }

        var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    }

    private func server(
        _ vm: VM, _ guest: Guest = Guest(), isTaken: Bool = false,
        _ change: (inout ConsoleServer.Limits) -> Void = { _ in }
    ) throws -> ConsoleServer {
        var limits = ConsoleServer.Limits()
        limits.patience = .seconds(3600)
        change(&limits)
        let server = try ConsoleServer(vm, isTaken: isTaken, limits: limits) { guest.take($0) }
        try server.start()
        return server
    }

    /// Reads until `count` bytes are there, or the end.
    private func read(_ socket: StreamSocket, _ count: Int) -> String {
        var bytes: [UInt8] = []
        while bytes.count < count {
            _ = StreamSocket.readable([socket], until: ContinuousClock.now.advanced(by: .seconds(600)))
            switch socket.readAvailable(limit: count - bytes.count) {
            case .bytes(let more): bytes += more
            case .nothing: continue
            case .end: return String(decoding: bytes, as: UTF8.self)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads until what is read ends with `end`.
    private func read(_ socket: StreamSocket, toTheEnd end: String) -> [UInt8] {
        var bytes: [UInt8] = []
        while !bytes.suffix(end.utf8.count).elementsEqual(end.utf8) {
            _ = StreamSocket.readable([socket], until: ContinuousClock.now.advanced(by: .seconds(600)))
            guard case .bytes(let more) = socket.readAvailable(limit: 1 << 16) else { break }
            bytes += more
        }
        return bytes
    }

    private func wait(_ condition: () -> Bool) {
        while !condition() { usleep(1000) }
    }

    @Test("Whoever comes reads first what was said before, and then what is said")
    func replay() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm)
        server.take(Array("before ".utf8))
        let (one, greeting) = try vm.openConsole(.read)
        #expect(!greeting.writes && greeting.isOpen)
        #expect(read(one, 7) == "before ")
        server.take(Array("after".utf8))
        let (other, _) = try vm.openConsole(.read)
        #expect(read(one, 5) == "after" && read(other, 12) == "before after")
        server.finish()
        #expect(read(one, 1) == "" && !FileManager.default.fileExists(atPath: "\(vm.path)/console"))
        #expect(throws: HostError.self) { try vm.openConsole(.read) }
    }

    @Test("One writes at a time, and another one when it has gone; a reader's bytes go nowhere")
    func oneWriter() throws {
        let test = try TestStore()
        let vm = try test.make()
        let guest = Guest()
        let server = try server(vm, guest)
        let (reader, _) = try vm.openConsole(.read)
        reader.write(line: "from a reader")
        do {
            let (writer, first) = try vm.openConsole(.write)
            let (_, second) = try vm.openConsole(.write)
            #expect(first.writes && !second.writes && second.detail == "somebody else writes")
            writer.write(line: "from the writer")
            wait { guest.text == "from the writer\n" }
        }
        var next = try vm.openConsole(.write)
        // That the other one has gone is noticed in a turn of the server's.
        while !next.1.writes { next = try vm.openConsole(.write) }
        next.0.write(line: "from the next")
        wait { guest.text == "from the writer\nfrom the next\n" }
        withExtendedLifetime(server) {}
    }

    @Test("At a VM with a terminal of its own everybody reads")
    func taken() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm, isTaken: true)
        #expect(try vm.openConsole(.write).1.writes == false)
        withExtendedLifetime(server) {}
    }

    @Test("What the guest does not take yet waits, in order, and so does whoever writes")
    func slowGuest() throws {
        let test = try TestStore()
        let vm = try test.make()
        let guest = Guest(room: 3)
        let server = try server(vm, guest)
        let (writer, _) = try vm.openConsole(.write)
        writer.write(line: "0123456789")
        wait { guest.text == "012" }
        guest.makeRoom(100)
        server.guestIsReady()
        wait { guest.text == "0123456789\n" }
    }

    @Test("A slow reader is told how much it has missed, and holds nobody up")
    func slowReader() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm) { $0.backlogByteCount = 1000 }
        let (slow, _) = try vm.openConsole(.read)
        // More than sockets have room for.
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 999) + [UInt8(ascii: "\n")]
        for _ in 0..<4000 { server.take(piece) }
        server.take(Array("the end".utf8))
        let (quick, _) = try vm.openConsole(.read)
        #expect(read(quick, toTheEnd: "the end").count <= 2007)
        let text = read(slow, toTheEnd: "the end")
        let missed = String(decoding: text, as: UTF8.self).components(separatedBy: "[dormouse: ").dropFirst()
            .compactMap { Int($0.prefix { $0.isNumber }) }.reduce(0, +)
        let count = text.count { $0 == UInt8(ascii: "x") }
        // Whole pieces are not what is missed, but bytes.
        #expect(missed > 0 && count + missed <= 4_000_007 && count + missed > 3_990_000)
    }

    @Test("One that has no more to say reads on")
    func halfClosed() throws {
        let test = try TestStore()
        let vm = try test.make()
        let guest = Guest()
        let server = try server(vm, guest)
        let (writer, _) = try vm.openConsole(.write)
        writer.write(line: "last")
        shutdown(writer.descriptor, Int32(SHUT_WR))
        wait { guest.text == "last\n" }
        server.take(Array("answer".utf8))
        #expect(read(writer, 6) == "answer")
    }

    @Test("Who says nothing is left after its time, who says nonsense is told, and more than there is room for are too")
    func strangers() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm) {
            $0.patience = .milliseconds(1)
            $0.clients = 2
        }
        let silent = try StreamSocket.connected(directory: vm.path, name: "console")
        guard case .end = silent.readLine(milliseconds: 600_000) else {
            Issue.record("the silent one is still there")
            return
        }
        withExtendedLifetime(server) {}

        let other = try test.make("other")
        let patient = try self.server(other) { $0.clients = 2 }
        for line in ["", "sing", String(repeating: "x", count: 200)] {
            let caller = try StreamSocket.connected(directory: other.path, name: "console")
            caller.write(line: line)
            switch caller.readLine(milliseconds: 600_000) {
            case .text(let text): #expect(ConsoleGreeting(line: text)?.isOpen == false, "\(line)")
            case .end: #expect(line.count > 64)
            case .timeout: Issue.record("no answer to \(line)")
            }
        }
        let both = try (0..<2).map { _ in try other.openConsole(.read) }
        #expect(throws: HostError.self) { try other.openConsole(.read) }
        withExtendedLifetime((patient, both)) {}
    }

    @Test("A hundred who come and go take nobody's place")
    func comingAndGoing() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm)
        for index in 0..<100 {
            let (socket, _) = try vm.openConsole(index % 2 == 0 ? .read : .write)
            if index % 3 == 0 { shutdown(socket.descriptor, Int32(SHUT_WR)) }
        }
        server.take([0x21])
        // Those that have gone are noticed within a few turns: the limit is 32.
        let (last, _) = try vm.openConsole(.read)
        #expect(read(last, 1) == "!")
        server.finish()
    }
}
