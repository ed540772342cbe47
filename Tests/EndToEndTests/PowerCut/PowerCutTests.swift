// The power goes while a guest hibernates, and while it resumes: whatever is left of its disks, the next start is a
// resume with everything intact or a clean boot with every synced file. docs/faults.md describes the method and shows
// the table.

import Devices
import Foundation
import Synchronization
import TestSupport
import Testing

/// A part of the points: each has a time limit of its own.
struct PowerCutPart: CustomTestStringConvertible {
    var phase: PowerCutPhase
    var index: Int
    var count: Int

    var testDescription: String { "\(phase), part \(index + 1) of \(count)" }

    /// Points that are spread over a run, in all its parts.
    static func points(_ phase: PowerCutPhase) -> Int {
        switch phase {
        case .hibernation: Nightly.isOn ? 600 : 14
        case .resume: Nightly.isOn ? 400 : 14
        }
    }

    static let all = PowerCutPhase.allCases.flatMap { phase in
        let count = Nightly.isOn ? points(phase) / 80 : 1
        return (0..<count).map { PowerCutPart(phase: phase, index: $0, count: count) }
    }
}

extension EndToEnd.Hibernating {
    @Suite(
        "Power cuts", .needs(LinuxGuest.areThere, LinuxGuest.whyNot), .needs(Ext4.isThere, Ext4.whyNot))
    struct PowerCutTests {
        // MARK: The next start

        /// All parts' outcomes so far.
        private static let table = Mutex(PowerCutTable())

        @Test(
            "After a power cut the guest resumes intact, or boots clean and has every synced file",
            arguments: PowerCutPart.all)
        func nextStart(part: PowerCutPart) throws {
            let recording = try PowerCutRecording.shared.get()
            let name = "power-cut-\(part.phase)-\(part.index)"
            let scratch = try Scratch(name)
            let cuts = recording.points(part.phase, count: PowerCutPart.points(part.phase))
                .enumerated().filter { $0.offset % part.count == part.index }.map(\.element)

            var states = try PowerCutDiskStates(initial: try PowerCutDisks(scratch, "initial"))
            var groups: [PowerCutDiskStates.State: [PowerCut]] = [:]
            for cut in cuts {
                // What must be there depends on when it happened, too: the same disks with more files synced are
                // another case.
                let media = recording.log.contents(after: cut, diskCount: PowerCutRecording.diskCount)
                groups[states.state(media), default: []].append(cut)
            }
            let cases = groups.values.sorted { $0[0].position < $1[0].position }
            let results = Mutex<[(Int, Result<PowerCutOutcome, any Error>)]>([])
            DispatchQueue.concurrentPerform(iterations: cases.count) { index in
                let result = Result { try outcome(of: cases[index], recording, "\(name)/point-\(index)") }
                results.withLock { $0.append((index, result)) }
            }
            try Self.table.withLock { table in
                for (index, result) in results.withLock({ $0 }) {
                    let outcome =
                        switch result {
                        case .success(let outcome): outcome
                        case .failure(let error): PowerCutOutcome.wrong("\(error)")
                        }
                    table.add(cases[index].map { ($0, part.phase) }, outcome)
                }
                #expect(table.failures == [])
                let text = "\(table.points) power cuts so far, \(table.runs) different disks:\n\(table.markdown)"
                print(text)
                try text.write(to: scratch.file("table.md"), atomically: true, encoding: .utf8)
                // If one of them never came, something else was tested than what is meant.
                let isLast = part.phase == .resume && part.index == part.count - 1
                #expect(!isLast || table.kinds.isSuperset(of: [.resumed, .cleanBoot, .imageRefused, .repaired]))
            }
        }

        /// Starts the guest on the disks that all of `cuts` leave.
        private func outcome(
            of cuts: [PowerCut], _ recording: PowerCutRecording, _ name: String
        ) throws -> PowerCutOutcome {
            let scratch = try Scratch(name)
            let disks = try PowerCutDisks(scratch, "next")
            try disks.write(recording.log.contents(after: cuts[0], diskCount: PowerCutRecording.diskCount))
            // Of cuts that leave the same, the last one asks for most.
            let last = cuts.map(\.position).max() ?? 0
            let synced = recording.console(before: last).synced
            func start(_ run: String) throws -> PowerCutOutcome {
                let end = try scratch.run(.powerCut(disks, deterministic: false, synced: synced), run)
                return try PowerCutOutcome(
                    end, store: disks.store, synced: synced,
                    mayResume: !recording.resumedGuestHasWritten(before: last), checksum: recording.checksum)
            }
            let outcome = try start("next")
            // The one thing that needs a person: half of a superblock does not match its checksum.
            guard outcome.failure?.contains("cannot mount") == true, recording.tearsSuperblock(cuts[0]) else {
                return outcome
            }
            try Ext4.repair(disks.store)
            let repaired = try start("repaired")
            return repaired == .cleanBoot ? .repaired : repaired
        }

        // MARK: The method

        @Test("A real power cut leaves the disks that the log says, byte for byte, and the run says what it was")
        func constructionEqualsCut() throws {
            let recording = try PowerCutRecording.shared.get()
            let scratch = try Scratch("power-cut-real")
            for (index, cut) in try realCuts(recording).enumerated() {
                let phase = recording.phase(of: cut.position)
                let disks = try PowerCutDisks(scratch, "\(index)-cut")
                let start = phase == .hibernation ? 0 : recording.resumeStart
                // What the disks are at the start of the run in which the power goes.
                try disks.write(
                    recording.log.contents(
                        after: PowerCut(position: start, unflushed: .lose), diskCount: PowerCutRecording.diskCount))
                let end = try scratch.run(
                    .powerCut(disks, deterministic: true, laboratory: try recording.rules(cut)), "\(index)-cut")
                #expect(end.exitCode == ExitCode.powerCut)
                #expect(end.words == "stopped by a power cut of the laboratory")
                #expect(end.report?.end.kind == "stopped")
                // The guest got just as far. What it says in a resumed run does not begin at the beginning.
                let console = PowerCutConsole(text: end.console)
                #expect(max(console.synced, phase == .resume ? 8 : 0) == recording.console(before: cut.position).synced)

                let constructed = try PowerCutDisks(scratch, "\(index)-constructed")
                try constructed.write(recording.log.contents(after: cut, diskCount: PowerCutRecording.diskCount))
                for (real, constructed) in zip(disks.all, constructed.all) {
                    #expect(FileManager.default.contentsEqual(atPath: real.path, andPath: constructed.path), "\(cut)")
                }
                disks.remove()
                constructed.remove()
            }
        }

        /// One of each kind: at a write, in the middle of one, at a flush and a read, of either disk, in either run.
        private func realCuts(_ recording: PowerCutRecording) throws -> [PowerCut] {
            let hibernation = recording.positions(.hibernation)
            let resume = recording.positions(.resume)
            func position(_ positions: [Int], _ disk: Int, _ request: String, at part: Double) throws -> Int {
                let matching = positions.filter {
                    recording.log.entries[$0].disk == disk && recording.log.entries[$0].request == request
                }
                try #require(!matching.isEmpty)
                return matching[min(matching.count - 1, Int(part * Double(matching.count)))]
            }
            return [
                PowerCut(position: try position(hibernation, 1, "write", at: 0.5), tornSectors: 1, unflushed: .keep),
                PowerCut(position: try position(hibernation, 1, "flush", at: 0.6), unflushed: .reorder(seed: 1)),
                PowerCut(
                    position: try position(hibernation, 0, "write", at: 0.4), tornSectors: 5,
                    unflushed: .reorder(seed: 2)),
                // After SYSTEM_OFF2, at the machine's own flush: it is not hibernated before that.
                PowerCut(position: try position(hibernation, 0, "flush", at: 1), unflushed: .reorder(seed: 3)),
                PowerCut(position: try position(resume, 0, "write", at: 0), unflushed: .lose),
                PowerCut(position: try position(resume, 0, "read", at: 0.5), unflushed: .lose),
                PowerCut(position: try position(resume, 1, "write", at: 0.5), unflushed: .lose),
                PowerCut(position: try position(resume, 1, "flush", at: 0.5), unflushed: .reorder(seed: 4)),
            ]
        }

        @Test(
            "Without the machine's flush of the restored swap signature, the image would come back after the guest went on"
        )
        func restoredSignature() throws {
            let recording = try PowerCutRecording.shared.get()
            var log = recording.log
            #expect(recording.resumedGuestHasWritten(before: log.entries.count))
            /// Whether the last write to the header that reached the medium has the signature of an image.
            func imageIsThere() -> Bool {
                // Before the machine's own flushes of both disks, which end the run.
                let end = PowerCut(position: log.entries.count - 2, unflushed: .lose)
                let header = log.contents(after: end, diskCount: 2)[0].last { $0.sector == 0 }
                return header?.bytes.prefix(4096).suffix(10).starts(with: Array("S1SUSPEND".utf8)) == true
            }
            #expect(!imageIsThere())
            let restoring = try #require(
                log.entries.indices.first {
                    if case .write(disk: 0, _) = log.entries[$0] { $0 >= recording.resumeStart } else { false }
                })
            // The kernel asks for no flush of that disk here; the machine makes one.
            try #require(log.entries[restoring + 1] == .flush(disk: 0))
            log.entries.remove(at: restoring + 1)
            #expect(imageIsThere())
        }
    }
}
