// What the next start after a power cut came to, and the table of all.

import Devices
import Foundation

/// What a guest made of the disks that a power cut left.
enum PowerCutOutcome: Hashable {
    /// It resumed, and its memory and its files were what they had been.
    case resumed
    /// There was no image; every file that was synced was there.
    case cleanBoot
    /// The same, after the kernel looked at an image and did not take it.
    case imageRefused
    /// A clean boot, with every synced file, but after e2fsck: the cut had torn the file system's superblock in two.
    case repaired
    /// Anything else.
    case wrong(String)

    /// Judges a next start.
    ///
    /// - Parameters:
    ///   - synced: files that were said to be synced before the cut, in both runs.
    ///   - mayResume: whether the guest's memory at hibernation may still come back.
    ///   - checksum: of that memory.
    init(_ end: DormouseRun.End, store: URL, synced: Int, mayResume: Bool, checksum: String) throws {
        let console = PowerCutConsole(text: end.console)
        func judge() throws -> PowerCutOutcome {
            if let failure = end.guestFailure { return .wrong(failure) }
            guard end.exitCode == ExitCode.poweredOff, end.report?.end.kind == "powered-off" else {
                return .wrong("the run ended with \(end.words)")
            }
            if let complaint = try Ext4.complaint(about: store) { return .wrong("e2fsck: \(complaint)") }
            guard end.report?.hibernationImages.contains(where: \.found) == false else {
                return .wrong("the image is still there")
            }
            if let resumed = console.resumedChecksum {
                guard resumed == checksum else { return .wrong("resumed with the checksum \(resumed)") }
                guard mayResume else { return .wrong("resumed once more, although the guest had gone on") }
                // It checks those that were synced before it hibernated, and writes the rest.
                guard console.checkedFiles == 8, console.synced == 16 else {
                    return .wrong("resumed, and did not go on")
                }
                return .resumed
            }
            guard console.checkedFiles == synced else { return .wrong("not every synced file was checked") }
            if console.refusedImage { return .imageRefused }
            return console.foundNoImage ? .cleanBoot : .wrong("neither resumed nor booted clean")
        }
        self = try judge()
    }

    var failure: String? { if case .wrong(let text) = self { text } else { nil } }
}

/// Outcomes, counted.
struct PowerCutTable {
    private struct Row: Hashable {
        var phase: PowerCutPhase
        var fate: PowerCutFate
    }

    private var outcomes: [Row: [PowerCutOutcome]] = [:]
    /// Next starts that were run; points with the same disks shared one.
    private(set) var runs = 0
    private(set) var points = 0
    private(set) var failures: [String] = []

    var kinds: Set<PowerCutOutcome> { Set(outcomes.values.joined()) }

    mutating func add(_ cuts: [(cut: PowerCut, phase: PowerCutPhase)], _ outcome: PowerCutOutcome) {
        runs += 1
        points += cuts.count
        for (cut, phase) in cuts {
            outcomes[Row(phase: phase, fate: PowerCutFate(of: cut)), default: []].append(outcome)
            if let failure = outcome.failure { failures.append("\(phase), \(cut): \(failure)") }
        }
    }

    /// As docs/faults.md has it.
    var markdown: String {
        var lines = [
            "| cut during | unflushed writes | points | resumed | clean boot, no image | clean boot, image refused | clean boot after e2fsck | wrong |",
            "|---|---|---|---|---|---|---|---|",
        ]
        func line(_ phase: String, _ fate: String, _ all: [PowerCutOutcome]) -> String {
            let counts = [PowerCutOutcome.resumed, .cleanBoot, .imageRefused, .repaired].map { kind in
                all.count { $0 == kind }
            }
            let cells = [all.count] + counts + [all.count { $0.failure != nil }]
            return "| \(phase) | \(fate) | \(cells.map(String.init).joined(separator: " | ")) |"
        }
        for phase in PowerCutPhase.allCases {
            for fate in PowerCutFate.allCases {
                guard let all = outcomes[Row(phase: phase, fate: fate)] else { continue }
                lines.append(line(phase.rawValue, fate.rawValue, all))
            }
        }
        lines.append(line("both", "", Array(outcomes.values.joined())))
        return lines.joined(separator: "\n") + "\n"
    }
}
