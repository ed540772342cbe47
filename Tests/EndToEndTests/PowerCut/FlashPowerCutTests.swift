// The host's power goes while UEFI's variables are written. One run is recorded; what the flash holds after a cut at
// any write follows from the log, and is read by our reader, and for some of the cuts by the firmware itself.

import Devices
import Foundation
import TestSupport
import Testing

extension EndToEnd.Hibernating {
    @Suite("Power cuts at UEFI's variables", .needs(UEFI.isThere, UEFI.whyNot))
    struct FlashPowerCutTests {
        private static let vendor = "6F1C5F3E-0A4D-4F7E-9D57-1D3C5A7B9E20"
        private static let id = "Dormouse \(vendor)"

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
            let values: [[UInt8]] = [
                Array("first".utf8), Array(repeating: 0x5A, count: 200),
                // Longer than edk2's two buffers: it erases the block, and writes all of it again.
                Array(repeating: 0xA5, count: 600), [7],
            ]
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
            let count = Nightly.isOn ? 24 : 2
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

        @Test("Wherever the power goes while a full store is tidied up, the firmware finds what was there")
        func reclaimed() throws {
            let scratch = try Scratch("flash-reclaimed")
            let variables = try Self.variables(scratch)
            let first = try EFIShell(scratch, "0-first", variables: variables, disk: try scratch.makeDisk())
            try first.set("Dormouse", Self.vendor, [1])
            let before = try first.finish().filter { $0.key != FlashVariables.bootCounter }
            try #require(before.count > 5 && before[Self.id] == [1])
            try FlashLayout.fill(variables, free: 2048)
            let new = [UInt8](repeating: 2, count: 200)
            let (recording, found) = try Self.record(scratch, variables) { shell in
                // Until there is no room any more.
                for value in 0..<12 { try shell.set("Other", Self.vendor, Array(repeating: UInt8(value), count: 200)) }
                try shell.set("Dormouse", Self.vendor, new)
                return try shell.finish()
            }
            #expect(found[Self.id] == new)
            // What was deleted is gone.
            let isTidy = recording.flash(FlashCut(write: recording.writes.count)).filter { $0 == 0xA5 }.count < 1024
            #expect(isTidy)
            // edk2 keeps a second copy of the store meanwhile, which only the firmware itself knows how to use.
            let moved = recording.writes.indices.filter { recording.writes[$0].bytes.count > 2048 }
            try #require(!moved.isEmpty)
            let critical = moved.flatMap { index in
                let count = recording.writes[index].bytes.count
                return [0, 1, count / 2, count - 1].map { FlashCut(write: index, tornBytes: $0) }
                    + [-1, 1, 2].map { FlashCut(write: index + $0) }
            }.filter { recording.writes.indices.contains($0.write) }
            let count = Nightly.isOn ? critical.count : 3
            for index in 0..<count {
                let cut = critical[index * (critical.count - 1) / (count - 1)]
                let booted = try Self.boot(recording.flash(cut), scratch, "2-\(cut.write)-\(cut.tornBytes)")
                #expect(before.allSatisfy { booted[$0.key] == $0.value || $0.key == Self.id }, "\(cut)")
                #expect(booted[Self.id] == [1] || booted[Self.id] == new, "\(cut)")
            }
        }

        @Test(
            "Wherever the power goes while Debian writes variables, each is old or new",
            .enabled(if: Distribution.isWanted, Distribution.notWanted),
            .needs(Distribution.isThere, Distribution.whyNot), .needs(Distribution.hasSSH, Distribution.noSSH),
            .needs(VirtFirmware.isThere, VirtFirmware.whyNot))
        func distribution() throws {
            let debian = try DistributionVM("flash-debian", firmware: "acpi", cpus: 1)
            let scratch = debian.vm.scratch
            let initial = try FlashRecording.contents(of: debian.vm.variables)
            let log = scratch.file("flash.log")
            let run = try debian.start("1-recorded", options: ["--lab", "disks.record=\(log.path)"])
            let kernel = try debian.ssh("uname -r")
            try debian.ssh(
                """
                echo dormouse: writing >/dev/ttyAMA0
                for value in first another; do
                    printf $value >/run/value
                    efivar --write --name \(Self.vendor.lowercased())-Dormouse --datafile /run/value
                done
                bootctl set-timeout 7 && bootctl set-timeout 8
                """)
            _ = try debian.run("systemctl hibernate")
            #expect(try run.waitForEnd().exitCode == ExitCode.hibernated)

            let recording = try FlashRecording(log, initial: initial, after: "dormouse: writing")
            let found = try #require(recording.variables(after: recording.writes.count))
            // Another reader finds the same; of two variables with one name it has one.
            let others = try VirtFirmware.variables(debian.vm.variables)
            #expect(others.count > 10 && others.allSatisfy { found[$0.key] == $0.value })
            let place = try #require(found.first { $0.key.hasPrefix("HibernateLocation ") })
            #expect(utf16(place.value).contains(kernel))
            let timeout = "LoaderConfigTimeout 4A67B082-0A4C-41CF-B6C7-440B29BB8C4F"
            let stages: [String: [[UInt8]]] = [
                Self.id: [Array("first".utf8), Array("another".utf8)],
                timeout: ["7", "8"].map { Array($0.utf8) + [0, 0, 0] },
                place.key: [place.value],
            ]
            let before = try #require(recording.variables(after: 0))
            var reached = stages.mapValues { _ in 0 }
            for cut in recording.cuts() {
                let variables = try #require(recording.variables(cut), "\(cut)")
                for (id, values) in stages {
                    let stage = variables[id].map { value in values.firstIndex(of: value).map { $0 + 1 } } ?? 0
                    let now = try #require(stage, "\(cut): \(id)")
                    let last = reached[id, default: 0]
                    #expect(now == last || now == last + 1, "\(cut): \(id) is \(now) after \(last)")
                    reached[id] = max(last, now)
                }
                #expect(before.allSatisfy { stages[$0.key] != nil || variables[$0.key] == $0.value }, "\(cut)")
            }
            #expect(reached == stages.mapValues(\.count))
            // The firmware reads some of them.
            let cuts = recording.cuts()
            for index in 0..<12 {
                let cut = cuts[index * (cuts.count - 1) / 11]
                let expected = try #require(recording.variables(cut))
                let booted = try Self.boot(recording.flash(cut), scratch, "2-\(index)")
                for id in stages.keys { #expect(booted[id] == expected[id], "\(cut): \(id)") }
            }
        }

        private func utf16(_ bytes: [UInt8]) -> String {
            String(
                decoding: stride(from: 0, to: bytes.count - 1, by: 2).map {
                    UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
                }, as: UTF16.self)
        }
    }
}
