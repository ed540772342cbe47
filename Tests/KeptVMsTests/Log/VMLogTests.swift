import Foundation
import Glibc
import HostSupport
import Synchronization
import Testing

@testable import KeptVMs

@Suite("A VM's log")
struct VMLogTests {
    private func text(_ entries: [LogEntry]) -> [String] {
        entries.map { "\($0.source.rawValue) \($0.isWhole ? "F" : "P") \(String(decoding: $0.text, as: UTF8.self))" }
    }

    private func readAll(_ vm: VM) throws -> [LogEntry] {
        var reader = LogReader(vm)
        var all: [LogEntry] = []
        while true {
            let entries = try reader.next()
            if entries.isEmpty { return all }
            all += entries
        }
    }

    @Test("Lines of the console and words of Dormouse's own are kept in their order")
    func order() throws {
        let test = try TestStore()
        let vm = try test.make()
        let log = VMLog(vm)
        log.say("before")
        try log.start()
        log.take(Array("[0.0] Booting\r\n[0.1] half a ".utf8))
        log.say("between")
        log.take(Array("line\n\nlogin: ".utf8))
        log.finish()
        log.say("after")
        #expect(
            try text(readAll(vm)) == [
                "dormouse F before", "console F [0.0] Booting", "console P [0.1] half a ", "dormouse F between",
                "console F line", "console F ", "console P login: ", "dormouse F after",
            ])
    }

    @Test("A prompt without an end is in the log soon, though the guest says no more")
    func prompt() throws {
        let test = try TestStore()
        let vm = try test.make()
        let log = VMLog(vm)
        try log.start()
        log.take(Array("login: ".utf8))
        while try readAll(vm).isEmpty { usleep(10_000) }
        #expect(try text(readAll(vm)) == ["console P login: "])
        log.finish()
    }

    @Test("Any bytes come back as they were, cut only where a line is longer than an entry")
    func anyBytes() throws {
        let test = try TestStore()
        let vm = try test.make()
        let log = VMLog(vm)
        var bytes = (0..<200_000).map { _ in UInt8.random(in: 0...255) }
        bytes.append(UInt8(ascii: "\n"))
        for start in stride(from: 0, to: bytes.count, by: 777) {
            log.take(Array(bytes[start..<min(start + 777, bytes.count)]))
        }
        log.finish()
        var text: [UInt8] = []
        for entry in try readAll(vm) {
            #expect(entry.text.count <= LogLines.byteLimit)
            text += entry.text + (entry.isWhole ? [UInt8(ascii: "\n")] : [])
        }
        // The end of a line is the one thing that is written otherwise.
        func withoutReturns(_ bytes: [UInt8]) -> [UInt8] { bytes.filter { $0 != UInt8(ascii: "\r") } }
        #expect(withoutReturns(text) == withoutReturns(bytes))
    }

    @Test("The log has a bound, and a reader that follows it misses nothing when files change their names")
    func rotation() throws {
        let test = try TestStore()
        let vm = try test.make()
        var files = LogFiles(vm)
        files.byteLimit = 1000
        let log = VMLog(files)
        var reader = LogReader(files)
        var read: [String] = []
        for number in 0..<500 {
            log.say("line \(number)")
            while true {
                let entries = try reader.next()
                if entries.isEmpty { break }
                read += text(entries)
            }
        }
        #expect(read == (0..<500).map { "dormouse F line \($0)" })
        let left = try text(readAll(vm))
        #expect(left.last == "dormouse F line 499" && left == read.suffix(left.count) && left.count < 200)
        for path in files.all { #expect(try Data(contentsOf: URL(filePath: path)).count <= 1100) }
    }

    @Test("A reader that follows misses nothing, and reads nothing twice, while another thread goes from file to file")
    func rotationMeanwhile() throws {
        let test = try TestStore()
        let vm = try test.make()
        var files = LogFiles(vm)
        files.byteLimit = 700
        // All that is written is kept, so that no reader is too slow.
        files.earlierCount = 400
        let log = VMLog(files)
        let lines = (0..<4000).map { "line \($0)" }
        let writer = try HostThread { for line in lines { log.say(line) } }
        var reader = LogReader(files)
        var read: [String] = []
        let end = ContinuousClock.now + .seconds(300)
        while read.last?.hasSuffix(lines[3999]) != true && ContinuousClock.now < end { read += text(try reader.next()) }
        writer.join()
        #expect(read.count == lines.count)
        #expect(zip(read, lines).allSatisfy { $0.hasSuffix(" " + $1) })
        #expect(FileManager.default.fileExists(atPath: "\(files.current).50"))
    }

    @Test("What comes faster than it can be written is counted, and the guest does not wait")
    func flood() throws {
        let test = try TestStore()
        let vm = try test.make()
        // Nobody writes: there is no thread.
        let log = VMLog(vm)
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 4095) + [UInt8(ascii: "\n")]
        for _ in 0..<300 { log.take(piece) }
        log.finish()
        let entries = try readAll(vm)
        let kept = entries.filter { $0.source == .console }.count
        #expect((240...256).contains(kept))
        #expect(text(entries).last?.hasPrefix("dormouse F \((300 - kept) * 4096) bytes of the console") == true)
    }

    @Test("A log that cannot be written is said once, and holds up nothing")
    func unwritable() throws {
        let test = try TestStore()
        let vm = try test.make()
        try FileManager.default.createDirectory(atPath: "\(vm.path)/log", withIntermediateDirectories: false)
        let log = VMLog(vm)
        try log.start()
        log.take([0x21, 0x0A])
        log.say("words")
        log.finish()
        #expect(log.failure != nil)
    }

    @Test("Lines that are none of ours are passed over")
    func foreign() throws {
        let test = try TestStore()
        let vm = try test.make()
        let lines = [
            "", "x", "2026-11-30T10:00:00.000Z console F good", "2026-11-30T10:00:00.000Z kitchen F bad",
            "2026-11-30T10:00:00.000Z console X bad", "never console F bad", "2026-11-30T10:00:00.000Z console F",
        ]
        try Data((lines.joined(separator: "\n") + "\nhalf").utf8).write(to: URL(filePath: "\(vm.path)/log"))
        #expect(try text(readAll(vm)) == ["console F good"])
    }
}
