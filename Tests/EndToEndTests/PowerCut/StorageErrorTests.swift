// The host's storage fails while a guest hibernates: the guest has to say so and go on, and the host must not say
// "hibernated".

import Devices
import Foundation
import TestSupport
import Testing

/// A write of the hibernation that fails.
struct StorageError: CustomTestStringConvertible {
    var action: String
    /// Which of the writes of the image, as a part of all; nil for that of the header that makes it one.
    var part: Double?

    var testDescription: String {
        "\(action) \(part.map { "after \(Int($0 * 100)) % of the image" } ?? "at the header")"
    }

    static let all = [
        StorageError(action: "EIO", part: 0), StorageError(action: "ENOSPC", part: 0.5),
        StorageError(action: "short:3", part: 0.9), StorageError(action: "EIO", part: nil),
    ]
}

extension EndToEnd.Hibernating {
    @Suite(
        "Storage that fails", .needs(LinuxGuest.areThere, LinuxGuest.whyNot),
        .needs(Ext4.isThere, Ext4.whyNot))
    struct StorageErrorTests {
        @Test(
            "A guest whose image cannot be written goes on, and is not reported as hibernated",
            arguments: StorageError.all)
        func imageWrite(error: StorageError) throws {
            let recording = try PowerCutRecording.shared.get()
            let scratch = try Scratch(
                "storage-error-\(StorageError.all.firstIndex { $0.testDescription == error.testDescription } ?? 0)")
            let disks = try PowerCutDisks(scratch, "disk")
            let number = try recording.imageWrite(error.part)
            let end = try scratch.run(
                .powerCut(disks, deterministic: true, laboratory: ["disk0.write#\(number)=\(error.action)"]),
                "1-hibernate")
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.words.hasPrefix("powered off; 1 request to disk \(disks.swap.path) failed ("))
            let report = try #require(end.report)
            #expect(report.end.kind == "powered-off")
            #expect(report.psci.lastSystemCall?.name == "SYSTEM_OFF")
            #expect(report.hibernationImages.map(\.found) == [false, false])
            #expect(report.disks[0].failures == 1)

            #expect(end.console.contains("dormouse: hibernation failed, sha256 ok"))
            let console = PowerCutConsole(text: end.console)
            #expect(console.checkedFiles == 8)
            #expect(console.synced == 16)
            #expect(try Ext4.complaint(about: disks.store) == nil)
        }

        @Test(
            "Linux overlooks that the last page of the map was not written, and says that it hibernated; the next start boots clean"
        )
        func mapWrite() throws {
            let recording = try PowerCutRecording.shared.get()
            let scratch = try Scratch("storage-error-map")
            let disks = try PowerCutDisks(scratch, "disk")
            let rule = "disk0.write#\(try recording.lastMapPage())=EIO"
            let first = try scratch.run(.powerCut(disks, deterministic: true, laboratory: [rule]), "1-hibernate")
            // What the guest said is what the machine says. That a request failed is in the report.
            #expect(first.exitCode == ExitCode.hibernated)
            #expect(first.report?.disks.map(\.failures) == [1, 0])

            let second = try scratch.run(.powerCut(disks, deterministic: false, synced: 8), "2-next")
            let outcome = try PowerCutOutcome(
                second, store: disks.store, synced: 8, mayResume: true, checksum: recording.checksum)
            #expect(outcome == .imageRefused)
        }
    }
}

extension PowerCutRecording {
    /// The number of the write to the swap disk that follows the header's, and is the last: the last page of the
    /// image's map.
    func lastMapPage() throws -> Int {
        try imageWrite(nil) + 1
    }

    /// The number of a write to the swap disk in the hibernation, from 1: `part` of the way through the image, or of
    /// the header if nil.
    func imageWrite(_ part: Double?) throws -> Int {
        let writes = positions(.hibernation).compactMap { position in
            if case .write(disk: 0, let write) = log.entries[position] { write } else { nil }
        }
        // mkswap writes the header, hibernation writes the image, then the header again.
        let headers = writes.indices.filter { writes[$0].sector == 0 }
        try #require(headers.count == 2)
        guard let part else { return headers[1] + 1 }
        return headers[0] + 2 + Int(part * Double(headers[1] - headers[0] - 2))
    }
}
