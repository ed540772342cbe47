// What was written to a flash in a run that was recorded once, and what it holds after a power cut at any of the
// writes.

import Devices
import Foundation
import Testing

/// Where the power goes: at a write, counted from 0, of which so many bytes are there.
struct FlashCut: Hashable, CustomStringConvertible {
    var write: Int
    var tornBytes = 0

    var description: String { "write \(write), \(tornBytes) bytes of it" }
}

struct FlashRecording {
    /// In their order.
    let writes: [(offset: UInt64, bytes: [UInt8])]
    private let log: DiskLog
    private let initial: [UInt8]

    /// What of a flash is looked at: AAVMF uses three blocks.
    private static let byteCount = 1 << 20

    /// - Parameters:
    ///   - file: the log, which is taken away.
    ///   - initial: what the flash was at the beginning of the run.
    ///   - mark: only what came after the guest said this; nil: everything.
    init(_ file: URL, initial: [UInt8], after mark: String? = nil) throws {
        let entries = try DiskLog(bytes: Array(try Data(contentsOf: file))).entries
        try FileManager.default.removeItem(at: file)
        var isWanted = mark == nil
        var flash = DiskLog()
        var before = DiskLog()
        for entry in entries {
            switch entry {
            case .console(let text) where !isWanted:
                isWanted = mark.map { String(decoding: text, as: UTF8.self).contains($0) } ?? true
            case .flashWrite where isWanted: flash.entries.append(entry)
            case .flashWrite: before.entries.append(entry)
            case .console, .read, .write, .flush: break
            }
        }
        try #require(isWanted, "the guest never said \(mark ?? "")")
        log = flash
        self.initial = before.flash(after: before.entries.count, initial: initial)
        writes = flash.entries.compactMap {
            if case .flashWrite(let offset, let bytes) = $0 { (offset, bytes) } else { nil }
        }
        try #require(!writes.isEmpty)
    }

    /// Every write, not done at all, done in part, and done but for its last byte.
    func cuts() -> [FlashCut] {
        writes.indices.flatMap { index in
            let count = writes[index].bytes.count
            return Set([0, 1, 2, 3, count / 2, count - 1]).filter { $0 < count }.sorted().map {
                FlashCut(write: index, tornBytes: $0)
            }
        } + [FlashCut(write: writes.count)]
    }

    func flash(_ cut: FlashCut) -> [UInt8] {
        log.flash(after: cut.write, tornBytes: cut.tornBytes, initial: initial)
    }

    /// The variables that last, by name and vendor; nil if there is no store.
    func variables(_ cut: FlashCut) -> [String: [UInt8]]? { FlashVariables.read(flash(cut)) }

    func variables(after write: Int) -> [String: [UInt8]]? { variables(FlashCut(write: write)) }

    static func contents(of file: URL) throws -> [UInt8] {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        return Array(try handle.read(upToCount: byteCount) ?? Data())
    }

    /// Makes a flash's file.
    static func write(_ flash: [UInt8], to file: URL) throws {
        try Data(flash).write(to: file)
        let handle = try FileHandle(forWritingTo: file)
        try handle.truncate(atOffset: 64 << 20)
        try handle.close()
    }
}
