import Glibc
import HostSupport
import Synchronization
import TestSupport
import Testing

@testable import DormouseCommand

/// A pipe whose ends are closed with the object.
private final class Pipe: Sendable {
    let reader: Int32
    let writer: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw FileError(path: "pipe", code: errno) }
        reader = ends[0]
        writer = ends[1]
    }

    deinit {
        close(reader)
        close(writer)
    }
}

/// Waits, for at most ten minutes, until `condition` holds.
private func eventually(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<60_000 {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return condition()
}

@Suite("Console input")
struct ConsoleInputTests {
    /// A guest that takes what it is let to.
    private final class Guest: Sendable {
        let taken = Mutex<[UInt8]>([])
        let room: Mutex<Int>

        init(room: Int) { self.room = Mutex(room) }

        func send(_ bytes: [UInt8]) -> Int {
            let count = room.withLock { room in
                defer { room -= min(room, bytes.count) }
                return min(room, bytes.count)
            }
            taken.withLock { $0 += bytes.prefix(count) }
            return count
        }

        var bytes: [UInt8] { taken.withLock { $0 } }
    }

    @Test("Nothing is lost when the guest takes a few bytes at a time")
    func slowGuest() async throws {
        let bytes = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let file = try TemporaryFile(bytes)
        let descriptor = open(file.path, O_RDONLY)
        defer { close(descriptor) }
        let guest = Guest(room: 16)
        let wakeUp = try WakeUp()
        let input = ConsoleInput(descriptor: descriptor, source: .stream, wakeUp: wakeUp, send: { guest.send($0) })
        try input.start()
        defer { input.stop() }
        // The guest reads its FIFO again and again.
        let isComplete = try await eventually {
            guest.room.withLock { $0 = 64 }
            wakeUp.signal()
            return guest.bytes.count == bytes.count
        }
        #expect(isComplete)
        #expect(guest.bytes == bytes)
    }

    @Test("Ctrl-A is data if the input is no terminal")
    func stream() async throws {
        let pipe = try Pipe()
        let guest = Guest(room: .max)
        let input = ConsoleInput(
            descriptor: pipe.reader, source: .stream, wakeUp: try WakeUp(), send: { guest.send($0) },
            command: { Issue.record("a command: \($0)") })
        try input.start()
        defer { input.stop() }
        _ = write(pipe.writer, "a\u{1}x", 3)
        #expect(try await eventually { guest.bytes.count == 3 })
        #expect(guest.bytes == Array("a\u{1}x".utf8))
    }

    @Test("Ctrl-A x on a terminal is a command even if the guest takes nothing")
    func commandDespiteHangingGuest() async throws {
        let pipe = try Pipe()
        let commands = Mutex<[ConsoleCommand]>([])
        let input = ConsoleInput(
            descriptor: pipe.reader, source: .terminal { true }, wakeUp: try WakeUp(), send: { _ in 0 },
            command: { command in commands.withLock { $0.append(command) } })
        try input.start()
        defer { input.stop() }
        for _ in 0..<100 { _ = write(pipe.writer, [UInt8](repeating: 65, count: 1000), 1000) }
        _ = write(pipe.writer, "\u{1}x", 2)
        #expect(try await eventually { commands.withLock { $0 } == [.quit] })
    }

    @Test("A terminal that belongs to somebody else is not read")
    func unclaimedTerminal() async throws {
        let pipe = try Pipe()
        let guest = Guest(room: .max)
        let isOurs = Atomic(false)
        let wakeUp = try WakeUp()
        let asked = Atomic(0)
        let input = ConsoleInput(
            descriptor: pipe.reader,
            source: .terminal {
                asked.add(1, ordering: .relaxed)
                return isOurs.load(ordering: .relaxed)
            },
            wakeUp: wakeUp, send: { guest.send($0) })
        _ = write(pipe.writer, "abc", 3)
        try input.start()
        defer { input.stop() }
        #expect(try await eventually { asked.load(ordering: .relaxed) > 0 })
        wakeUp.signal()
        #expect(try await eventually { asked.load(ordering: .relaxed) > 1 })
        #expect(guest.bytes.isEmpty)
        isOurs.store(true, ordering: .relaxed)
        #expect(try await eventually { guest.bytes == Array("abc".utf8) })
    }
}

@Suite("Console output")
struct ConsoleOutputTests {
    @Test("Everything arrives, in order, before finish returns")
    func order() async throws {
        let file = try TemporaryFile()
        let descriptor = open(file.path, O_WRONLY)
        defer { close(descriptor) }
        let output = ConsoleOutput(descriptor: descriptor) { Issue.record("\($0)") }
        try output.start()
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 11) }
        for byte in bytes { output.write([byte]) }
        output.finish()
        #expect(try file.contents == bytes)
    }

    @Test("A reader that does not read holds up nothing once the output is abandoned")
    func abandoned() async throws {
        // As the command does: the pipe goes at the end of this test.
        signal(SIGPIPE, SIG_IGN)
        let pipe = try Pipe()
        let output = ConsoleOutput(descriptor: pipe.writer) { _ in }
        try output.start()
        let isWritten = Atomic(false)
        // More than a pipe and the buffer hold.
        try HostThread.start {
            for _ in 0..<1000 { output.write([UInt8](repeating: 65, count: 1024)) }
            isWritten.store(true, ordering: .releasing)
        }
        try await Task.sleep(for: .milliseconds(100))
        let isWrittenSoon = isWritten.load(ordering: .acquiring)
        #expect(!isWrittenSoon)
        output.abandon()
        #expect(try await eventually { isWritten.load(ordering: .acquiring) })
        output.finish()
    }

    @Test("A reader that goes is told of once, and the guest writes on")
    func readerGoes() async throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        let failures = Mutex<[Int32]>([])
        let output = ConsoleOutput(descriptor: ends[1]) { code in failures.withLock { $0.append(code) } }
        try output.start()
        for _ in 0..<1000 { output.write([UInt8](repeating: 65, count: 1024)) }
        output.finish()
        #expect(failures.withLock { $0 } == [EPIPE])
    }
}
