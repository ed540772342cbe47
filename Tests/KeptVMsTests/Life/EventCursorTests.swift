import Glibc
import HostSupport
import Synchronization
import Testing

@testable import KeptVMs

@Suite("Going on behind an event")
struct EventCursorTests {
    /// Appends events, each with a time of its own.
    private func append(_ numbers: ClosedRange<UInt64>, to log: EventLog, at hour: UInt64 = 0) throws {
        for number in numbers {
            let time = 1_800_000_000_000_000_000 + (hour * 3600 + number) * 1_000_000_000
            try log.append(VMEvent(number: number, time: time, state: .running, cause: "a test"))
        }
    }

    private func numbers(_ step: EventCursor.Step) -> [UInt64] { step.entries.map(\.event.number) }

    @Test("Each event is read once, from the one on that was named")
    func each() throws {
        let test = try TestStore()
        let vm = try test.make()
        var cursor = EventCursor()
        #expect(numbers(try cursor.next(vm.events)) == [1])
        #expect(numbers(try cursor.next(vm.events)) == [])
        try append(2...4, to: vm.events)
        #expect(numbers(try cursor.next(vm.events)) == [2, 3, 4])
        var later = EventCursor(after: 3)
        #expect(numbers(try later.next(vm.events)) == [4])
        // Not there yet.
        var future = EventCursor(after: 5)
        #expect(numbers(try future.next(vm.events)) == [])
        try append(5...6, to: vm.events)
        let step = try future.next(vm.events)
        #expect(numbers(step) == [6] && !step.isAnother && step.missing == nil)
    }

    @Test(
        "A VM that was removed and made again under its name begins anew, with fewer events, as many or more",
        arguments: [1, 3, 5])
    func another(count: UInt64) throws {
        let test = try TestStore()
        var cursor = EventCursor()
        let first = try test.make()
        try append(2...3, to: first.events)
        #expect(numbers(try cursor.next(first.events)) == [1, 2, 3])
        try first.remove(losing: true)
        let second = try test.make()
        if count > 1 { try append(2...count, to: second.events, at: 1) }
        let step = try cursor.next(second.events)
        #expect(step.isAnother && numbers(step) == Array(1...count) && step.missing == nil)
        #expect(numbers(try cursor.next(second.events)) == [])
        try append(count + 1...count + 1, to: second.events, at: 1)
        let next = try cursor.next(second.events)
        #expect(numbers(next) == [count + 1] && !next.isAnother)
    }

    @Test("What is not kept any more is said, and is no other VM")
    func missing() throws {
        let test = try TestStore()
        let vm = try test.make()
        let log = EventLog(vm, byteLimit: 500)
        var cursor = EventCursor()
        #expect(numbers(try cursor.next(log)) == [1])
        try append(2...40, to: log)
        let step = try cursor.next(log)
        let first = try #require(step.entries.first?.event.number)
        #expect(first > 2 && step.missing == 2...first - 1 && !step.isAnother)
        #expect(cursor.last == 40)
    }

    @Test("Whoever follows goes on while the file gets its other name and is made anew, at any moment of the reading")
    func renamedMeanwhile() throws {
        let test = try TestStore()
        let vm = try test.make()
        let directory = vm.path
        let count: UInt64 = 4000
        let lines = (0...count).map { number in
            let fields = #""cause":"a test","number":\#(number),"state":"running","time":"2030-01-01T00:00:00.000Z""#
            return Array("{\(fields)}\n".utf8)
        }
        let isDone = Mutex(false)
        // As `append` with a file for each event, but for the waits for stable storage.
        let writer = try HostThread {
            for line in lines.dropFirst(2) {
                rename("\(directory)/events.jsonl", "\(directory)/events.1.jsonl")
                let descriptor = open("\(directory)/events.jsonl", O_WRONLY | O_CREAT, 0o600)
                _ = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                close(descriptor)
            }
            isDone.withLock { $0 = true }
        }
        defer { writer.join() }
        var cursor = EventCursor()
        var read: [UInt64] = []
        while !isDone.withLock({ $0 }) { read += numbers(try cursor.next(vm.events)) }
        read += numbers(try cursor.next(vm.events))
        #expect(read.last == count && zip(read, read.dropFirst()).allSatisfy(<))
    }
}
