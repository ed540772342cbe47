// What holds for the state of every device, whatever it is.

import FoundationEssentials
import Hypervisor
import TestSupport
import Testing

@testable import Devices

@Suite("A device's state")
struct DeviceStateTests {
    /// Kinds that what is below does not hold for, and why.
    private static let others = [
        "vmclock": "restoring it counts as a change of its page, so that it saves another sequence: see VMClockTests"
    ]

    @Test("Every kind of state that a device has is that of a subject, or is listed with the reason why not")
    func completeness() throws {
        let saved = try StateSubject.allCases.map { try $0.makeUsed().device.save() }
        let known = saved.map { "\"\($0.kind.name)\" \($0.fields)" }.joined()
        let root = URL(filePath: #filePath).appending(path: "../../../../Sources/Devices").standardized
        var kinds: [String] = []
        for file in try FileManager.default.subpathsOfDirectory(atPath: root.path()) where file.hasSuffix(".swift") {
            let text = String(decoding: try Data(contentsOf: root.appending(path: file)), as: UTF8.self)
            kinds += text.matches(of: #/DeviceState\.Kind\("([^"]+)"/#).map { String($0.1) }
        }
        #expect(kinds.count > 5)
        for kind in kinds where !known.contains("\"\(kind)\"") && Self.others[kind] == nil {
            Issue.record("no case of StateSubject has a device whose state is of the kind \(kind)")
        }
    }

    @Test("Saved twice it is the same", arguments: StateSubject.allCases)
    func savedTwice(_ subject: StateSubject) throws {
        let bench = try subject.makeUsed()
        let state = try bench.device.save()
        #expect(try bench.device.save() == state)
    }

    @Test("Restored into a new device, that one saves the same", arguments: StateSubject.registerOnly)
    func restored(_ subject: StateSubject) throws {
        let bench = try subject.makeUsed()
        let state = try bench.device.save()
        let other = try subject.make()
        if let clock = bench.clock { other.clock?.set(clock.time) }
        #expect(try other.device.save() != state)
        try other.device.restore(state)
        #expect(try other.device.save() == state)
    }

    @Test(
        "Restored into a new device, that one does and answers the same from then on",
        arguments: StateSubject.registerOnly, [1, 2, 3] as [UInt64])
    func behaviour(_ subject: StateSubject, seed: UInt64) throws {
        let original = try subject.make()
        let other = try subject.make()
        let originalStep = try #require(original.step)
        let otherStep = try #require(other.step)
        var random = SeededGenerator(state: seed)
        for round in 0..<20 {
            for _ in 0..<100 { _ = originalStep(&random) }
            // The other one has a past of its own by then.
            if let clock = original.clock { other.clock?.set(clock.time) }
            try other.device.restore(original.device.save())
            var same = random
            var seen: [[UInt64]] = []
            for _ in 0..<100 { seen.append(originalStep(&random)) }
            for step in 0..<100 {
                let found = otherStep(&same)
                guard found == seen[step] else {
                    Issue.record("round \(round), step \(step): \(found) instead of \(seen[step])")
                    return
                }
            }
        }
    }

    @Test(
        "One with any number changed is refused and changes nothing, or is taken as it is",
        arguments: StateSubject.allCases)
    func changed(_ subject: StateSubject) throws {
        let bench = try subject.makeUsed()
        let before = try bench.device.save()
        var refused = 0
        let changes = StateText.changes(of: before.fields, except: bench.hostFields)
        for fields in changes {
            var state = before
            state.fields = fields
            do throws(DeviceStateError) {
                try bench.device.restore(state)
            } catch {
                refused += 1
                #expect(try bench.device.save() == before, "\(error)")
                continue
            }
            #expect(try bench.device.save().fields == fields)
            try bench.device.restore(before)
        }
        // Numbers that do not fit, and text, at the least.
        #expect(refused > changes.count / 4)
    }

    @Test(
        "That of another kind, of another version, or what is no state at all is refused",
        arguments: StateSubject.allCases)
    func foreign(_ subject: StateSubject) throws {
        let bench = try subject.makeUsed()
        let before = try bench.device.save()
        var state = before
        state.kind.name = "toaster"
        #expect(throws: DeviceStateError.kind("toaster", expected: before.kind.name)) {
            try bench.device.restore(state)
        }
        state = before
        state.kind.version += 1
        #expect(throws: DeviceStateError.version(state.kind)) { try bench.device.restore(state) }
        let more = before.fields.dropLast() + ",\"more\":0}"
        for fields in ["", "{}", "[]", "null", "\u{0}", " " + before.fields, String(more)] {
            state = before
            state.fields = fields
            #expect(throws: DeviceStateError.malformed(before.kind.name)) { try bench.device.restore(state) }
        }
        #expect(try bench.device.save() == before)
    }
}
