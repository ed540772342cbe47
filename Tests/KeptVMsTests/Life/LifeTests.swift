import Foundation
import Glibc
import Hibernation
import Machine
import Testing

@testable import KeptVMs

@Suite("The life of a VM, and its events")
struct LifeTests {
    private static let time: UInt64 = 1_800_000_000_123_456_789

    private func life(_ vm: VM) -> VMLife { VMLife(vm) { Self.time } }

    private func event(_ number: UInt64, _ state: LifeState = .running) -> VMEvent {
        VMEvent(number: number, time: Self.time, state: state, cause: "a test")
    }

    @Test("Every state but one of a later version can be left, and reached from a VM that was made")
    func reachable() {
        var reached: Set<LifeState> = [.defined]
        while true {
            let next = Set(LifeState.allCases.filter { next in reached.contains { $0.mayBecome(next) } })
            if next.isSubset(of: reached) { break }
            reached.formUnion(next)
        }
        #expect(reached == Set(LifeState.allCases).subtracting([.other]))
        for state in LifeState.allCases { #expect(LifeState.allCases.contains { state.mayBecome($0) }, "\(state)") }
    }

    @Test("A guest runs only after a start, and nothing follows an end but a start or what is done to its image")
    func order() {
        for state in LifeState.allCases where state.isLive == false {
            #expect(
                !state.mayBecome(.running) && !state.mayBecome(.suspended) && state.mayBecome(.starting), "\(state)")
        }
        for state in LifeState.allCases where state.isLive == true {
            #expect(state.mayBecome(.crashed) && state.mayBecome(.unknown) && !state.mayBecome(.defined), "\(state)")
        }
    }

    @Test("Events are counted from 1 without gaps, over processes, and keep their environment")
    func numbers() throws {
        let test = try TestStore()
        let vm = try test.make()
        let first = life(vm)
        #expect(first.move(to: .starting, cause: "asked for"))
        first.begin(generation: 7, fingerprint: "f")
        #expect(first.move(to: .running, cause: "boots"))
        #expect(!first.move(to: .refused, cause: "too late"))
        #expect(first.move(to: .poweredOff, cause: "off", call: "SYSTEM_OFF", exitCode: 0))
        var state = try vm.state()
        state.lastEnd = VMState.End(kind: "powered-off", exitCode: 0, words: "powered off", time: "0")
        try vm.write(state)
        #expect(life(vm).move(to: .starting, cause: "once more"))
        let events = try vm.events.entries().map(\.event)
        #expect(events.map(\.number) == [1, 2, 3, 4, 5])
        #expect(events.map(\.lifeState) == [.defined, .starting, .running, .poweredOff, .starting])
        #expect(events.map(\.generation) == [nil, nil, 7, 7, nil])
        #expect(events[3].call == "SYSTEM_OFF" && events[3].exitCode == 0 && events[3].fingerprint == "f")
        #expect(events[1].time == "2027-01-15T08:00:00.123Z")
        #expect(try vm.events.entries(after: 2).map(\.event.number) == [3, 4, 5])
    }

    @Test("A VM whose hibernation was given up is powered off, in words, too")
    func givenUp() throws {
        let test = try TestStore()
        let vm = try test.make()
        var state = try vm.state()
        for (kind, words) in [
            ("hibernated", "powered off: it hibernated, and that was given up since"), ("powered-off", "powered off"),
        ] {
            state.lastEnd = VMState.End(kind: kind, exitCode: 0, words: kind.replacing("-", with: " "), time: "0")
            try vm.write(state)
            let phase = try VMPhase(vm)
            #expect(phase.name == "powered-off" && phase.words == words)
        }
    }

    @Test("What a process could not say that was killed, the next one notes as state.json has it")
    func killed() throws {
        let test = try TestStore()
        let vm = try test.make()
        let first = life(vm)
        first.move(to: .starting, cause: "asked for")
        first.move(to: .running, cause: "boots")
        var state = try vm.state()
        state.run = VMState.Run(
            environment: Environment(), configuration: try vm.configuration(), generation: 1, since: "1", counter: "1",
            resumed: nil)
        try vm.write(state)
        #expect(life(vm).current == .unknown)
        // Nothing is noted twice.
        #expect(life(vm).current == .unknown)
        #expect(try vm.events.entries().map(\.event.lifeState) == [.defined, .starting, .running, .unknown])

        life(vm).move(to: .starting, cause: "asked for")
        state.run = nil
        state.lastEnd = VMState.End(kind: "crashed", exitCode: 33, words: "crashed: a test", time: "0")
        try vm.write(state)
        // It was killed between its state and its event.
        #expect(life(vm).current == .crashed)
        #expect(try vm.events.entries().last?.event.exitCode == 33)

        // A verb was, which changed what does not run.
        state.lastEnd = VMState.End(kind: "powered-off", exitCode: 0, words: "powered off", time: "0")
        try vm.write(state)
        #expect(life(vm).current == .poweredOff)
        #expect(try vm.events.entries().last?.event.lifeState == .poweredOff)
        // A start that was refused changed nothing, which is no secret.
        let refused = life(vm)
        refused.move(to: .starting, cause: "asked for")
        refused.move(to: .refused, cause: "another machine")
        #expect(life(vm).current == .refused)
    }

    @Test("A line that was being written when the host failed is no event, and its number is the next one's")
    func torn() throws {
        let test = try TestStore()
        let vm = try test.make()
        for number in 2...3 { try vm.events.append(event(UInt64(number))) }
        let path = "\(vm.path)/events.jsonl"
        let whole = try Data(contentsOf: URL(filePath: path))
        let lines = whole.split(separator: UInt8(ascii: "\n"))
        let second = lines[0].count + lines[1].count + 2
        for cut in second..<whole.count {
            try whole[..<cut].write(to: URL(filePath: path))
            #expect(try vm.events.entries().map(\.event.number) == [1, 2])
            let state = life(vm)
            state.move(to: .suspended, cause: "after \(cut) bytes")
            let events = try vm.events.entries().map(\.event)
            #expect(events.map(\.number) == Array(1...UInt64(events.count)) && events.count >= 3, "\(cut)")
        }
    }

    @Test("The events have a bound, and what is left of them has no gap")
    func bounded() throws {
        let test = try TestStore()
        let vm = try test.make()
        let log = EventLog(vm, byteLimit: 2000)
        for number in 2...200 { try log.append(event(UInt64(number))) }
        let numbers = try log.entries().map(\.event.number)
        #expect(numbers.last == 200 && numbers == Array((numbers.first ?? 0)...200))
        #expect(try log.last()?.event.number == 200)
        for known in [0, 150, numbers[0] - 1, numbers[0], 198, 199, 200, 300] {
            #expect(try log.entries(after: known).map(\.event.number) == numbers.filter { $0 > known })
        }
        let sizes = ["events.jsonl", "events.1.jsonl"].map { name in
            (try? Data(contentsOf: URL(filePath: "\(vm.path)/\(name)")).count) ?? 0
        }
        #expect(sizes.allSatisfy { $0 < 2200 } && numbers.count >= 10)
    }

    @Test("A state and keys of a later version are another state to this one, and are passed on as they are")
    func laterVersion() throws {
        let test = try TestStore()
        let vm = try test.make()
        let line =
            #"{"cause":"moved","number":2,"planet":"Mars","state":"migrating","time":"2030-01-01T00:00:00.000Z"}"#
        let file = try FileHandle(forWritingTo: URL(filePath: "\(vm.path)/events.jsonl"))
        try file.seekToEnd()
        try file.write(contentsOf: Data("\(line)\n".utf8))
        try file.close()
        let last = try #require(try vm.events.entries().last)
        #expect(last.event.lifeState == .other && last.line == line)
        // Nobody knows what may follow, so everything may.
        #expect(life(vm).move(to: .starting, cause: "asked for"))
        #expect(try vm.events.entries().last?.event.number == 3)
    }

    @Test("A VM whose events cannot be kept goes on, and says why")
    func unwritable() throws {
        let test = try TestStore()
        let vm = try test.make()
        try FileManager.default.removeItem(atPath: "\(vm.path)/events.jsonl")
        try FileManager.default.createDirectory(atPath: "\(vm.path)/events.jsonl", withIntermediateDirectories: false)
        let life = life(vm)
        #expect(life.move(to: .starting, cause: "asked for") && life.current == .starting)
        #expect(life.failure?.description.contains("events.jsonl") == true)
    }

    @Test("Times and spans are read as they are written, and nonsense is none")
    func times() {
        for time: UInt64 in [0, 1_000_000, 1_732_950_000_999_000_000] {
            #expect(Timestamp.nanoseconds(of: Timestamp.text(nanoseconds: time)) == time)
        }
        #expect(Timestamp.nanoseconds(of: "2026-11-30T10:00:00Z") == 1_796_032_800_000_000_000)
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "-1", "99999-01-01T00:00:00Z"] {
            #expect(Timestamp.nanoseconds(of: text) == nil, "\(text)")
        }
        #expect(TimeSpan.seconds(of: "2h") == 7200 && TimeSpan.seconds(of: "1w") == 604_800)
        for text in ["", "h", "2", "2y", "-1s", "99999999999999999999s", "9999999999999999999w"] {
            #expect(TimeSpan.seconds(of: text) == nil, "\(text)")
        }
    }
}
