// The host's power goes while UEFI's variables are written. One run is recorded; what the flash holds after a cut at any
// write follows from the log, and is read by our reader, and for some of the cuts by the firmware itself.

import Devices
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Power cuts at UEFI's variables", .needs(UEFI.isThere, UEFI.whyNot))
    struct FlashPowerCutTests {
        private static let vendor = "6F1C5F3E-0A4D-4F7E-9D57-1D3C5A7B9E20"
        private static let id = "Dormouse \(vendor)"
        private static let isNightly = ProcessInfo.processInfo.environment["DORMOUSE_NIGHTLY"] != nil

        /// A flash that nothing was written to.
        private static func variables(_ scratch: Scratch) throws -> URL {
            try scratch.copy(UEFI.template, "variables.fd")
        }

        /// What was logged of a run that `body` is about, and what the flash was at its beginning.
        private static func record(
            _ scratch: Scratch, _ variables: URL, _ body: (EFIShell) throws -> [String: [UInt8]]
        ) throws -> (recording: FlashRecording, variables: [String: [UInt8]]) {
            let initial = try FlashRecording.contents(of: variables)
            let log = scratch.file("flash.log")
            let shell = try EFIShell(
                scratch, "1-recorded", variables: variables, disk: try scratch.makeDisk(),
                options: ["--lab", "disks.record=\(log.path)"])
            let found = try body(shell)
            return (try FlashRecording(log, initial: initial), found)
        }

        /// Has the firmware read what a cut leaves; but for how often it was booted.
        private static func boot(_ flash: [UInt8], _ scratch: Scratch, _ name: String) throws -> [String: [UInt8]] {
            let file = scratch.file("\(name).fd")
            try FlashRecording.write(flash, to: file)
            defer { try? FileManager.default.removeItem(at: file) }
            return try EFIShell(scratch, name, variables: file, disk: try scratch.makeDisk()).finish()
                .filter { $0.key != FlashVariables.bootCounter }
        }

        @Test("Wherever the power goes while a variable is replaced, the firmware finds the old value or the new one")
        func replaced() throws {
            let scratch = try Scratch("flash-replaced")
            let values: [[UInt8]] = [Array("first".utf8), Array(repeating: 0x5A, count: 200), [7]]
            let (recording, found) = try Self.record(scratch, try Self.variables(scratch)) { shell in
                for value in values { try shell.set("Dormouse", Self.vendor, value) }
                return try shell.finish()
            }
            // Our reader finds what the firmware does.
            #expect(found[Self.id] == values.last && found.count > 5)
            #expect(recording.variables(after: recording.writes.count) == found)

            var stage = 0
            var tears: [FlashCut] = []
            for cut in recording.cuts() {
                let variables = try #require(recording.variables(cut), "\(cut)")
                let value = variables[Self.id]
                let now = value.map { value in values.firstIndex(of: value).map { $0 + 1 } } ?? 0
                let reached = try #require(now, "\(cut): \(value ?? [])")
                #expect(reached == stage || reached == stage + 1, "\(cut): \(reached) after \(stage)")
                stage = max(stage, reached)
                if reached > 0 { tears.append(cut) }
            }
            #expect(stage == values.count)
            // The firmware reads some of them.
            let count = Self.isNightly ? 24 : 4
            for index in 0..<count {
                let cut = tears[index * (tears.count - 1) / (count - 1)]
                let expected = try #require(recording.variables(cut))
                let booted = try Self.boot(recording.flash(cut), scratch, "2-\(cut.write)-\(cut.tornBytes)")
                #expect(booted[Self.id] == expected[Self.id], "\(cut)")
                #expect(
                    expected.allSatisfy {
                        booted[$0.key] == $0.value || $0.key == FlashVariables.bootCounter
                    }, "\(cut)")
            }
        }
    }
}
