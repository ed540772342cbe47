// A hibernation and a resume that were recorded once, from which the disks after a power cut at any point follow.

import Devices
import Foundation
import Testing

/// A run that was recorded.
enum PowerCutPhase: String, CaseIterable {
    case hibernation, resume
}

/// Two runs in one log: the boot that ends in hibernation, and the one that resumes, writes more files and powers off.
/// The first ends with all disks flushed, so that the second's log just goes on.
final class PowerCutRecording: Sendable {
    /// Made by the first test that asks, for all: the runs repeat.
    static let shared = Result { try PowerCutRecording() }

    static let diskCount = 2

    let log: DiskLog
    /// Where the second run begins in the log.
    let resumeStart: Int
    /// The memory's checksum, as the guest said it when it hibernated.
    let checksum: String
    /// Where the guest begins to write to its disks.
    private let firstWrite: Int

    private init() throws {
        let scratch = try Scratch("power-cut-recording")
        let disks = try PowerCutDisks(scratch, "recorded")
        func record(_ name: String, exitCode: Int32) throws -> ([DiskLog.Entry], DormouseRun.End) {
            let file = scratch.file("\(name).log")
            let end = try scratch.run(
                .powerCut(disks, deterministic: true, laboratory: ["disks.record=\(file.path)"]), name)
            try #require(end.guestFailure == nil && end.exitCode == exitCode)
            // Requests that failed are not in the log, and would be counted by a rule.
            try #require(end.report?.disks.allSatisfy { $0.failures == 0 } == true)
            let log = try DiskLog(bytes: Array(try Data(contentsOf: file)))
            try FileManager.default.removeItem(at: file)
            return (log.entries, end)
        }
        let (hibernation, hibernationEnd) = try record("1-hibernation", exitCode: ExitCode.hibernated)
        let (resume, resumeEnd) = try record("2-resume", exitCode: ExitCode.poweredOff)
        disks.remove()
        log = DiskLog(entries: hibernation + resume)
        resumeStart = hibernation.count
        checksum = try #require(PowerCutConsole(text: hibernationEnd.console).hibernationChecksum)
        try #require(PowerCutConsole(text: resumeEnd.console).resumedChecksum == checksum)
        try #require(PowerCutConsole(text: resumeEnd.console).synced == 16)
        firstWrite = try #require(hibernation.firstIndex { if case .write = $0 { true } else { false } })
    }

    func phase(of position: Int) -> PowerCutPhase { position < resumeStart ? .hibernation : .resume }

    /// The positions at which a disk is asked for something, once the guest writes.
    func positions(_ phase: PowerCutPhase) -> [Int] {
        let range = phase == .hibernation ? firstWrite..<resumeStart : resumeStart..<log.entries.count
        return range.filter { log.entries[$0].disk != nil }
    }

    /// What the guest has said when the power goes at `position`, in both runs.
    func console(before position: Int) -> PowerCutConsole {
        let bytes = log.entries[..<position].flatMap { entry -> [UInt8] in
            if case .console(let text) = entry { text } else { [] }
        }
        return PowerCutConsole(text: String(decoding: bytes.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self))
    }

    /// Whether the resumed guest has written to the file system when the power goes at `position`: its memory before
    /// that is not to come back.
    func resumedGuestHasWritten(before position: Int) -> Bool {
        position > resumeStart
            && log.entries[resumeStart..<position].contains { if case .write(disk: 1, _) = $0 { true } else { false } }
    }

    /// The rules that make the run of `cut` end there.
    func rules(_ cut: PowerCut) throws -> [String] {
        let run = log.entries[(phase(of: cut.position) == .hibernation ? 0 : resumeStart)...cut.position]
        let entry = log.entries[cut.position]
        let disk = try #require(entry.disk)
        let number = run.count { $0.disk == disk && $0.request == entry.request }
        let action = cut.tornSectors.map { "tear:\($0)" } ?? "cut"
        let unflushed =
            switch cut.unflushed {
            case .lose: "lose"
            case .keep: "keep"
            case .reorder(let seed): "reorder:\(seed)"
            }
        return ["disk\(disk).\(entry.request)#\(number)=\(action)"]
            + (0..<Self.diskCount).map { "disk\($0).unflushed=\(unflushed)" }
    }
}

extension DiskLog.Entry {
    /// The disk that is asked; nil if none is.
    var disk: Int? {
        switch self {
        case .read(let disk, _, _), .write(let disk, _), .flush(let disk): disk
        case .flashWrite, .console: nil
        }
    }

    /// What a rule of the laboratory calls it.
    var request: String {
        switch self {
        case .read: "read"
        case .write: "write"
        case .flush: "flush"
        case .flashWrite, .console: ""
        }
    }
}
