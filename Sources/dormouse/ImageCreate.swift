// `dormouse image create`: an empty disk, or an overlay of one.

import ArgumentParser
import DiskImages
import Glibc

/// A size of a disk.
struct DiskSizeArgument: ExpressibleByArgument {
    var byteCount: UInt64

    private static let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]

    /// `8G`, or bytes without a unit.
    init?(argument: String) {
        let last = argument.last.map { Character($0.uppercased()) }
        let unit = last.flatMap { Self.units[$0] }
        guard let number = UInt64(unit == nil ? argument : String(argument.dropLast())) else { return nil }
        let (byteCount, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow, byteCount > 0, byteCount.isMultiple(of: 512), byteCount <= 1 << 62 else { return nil }
        self.byteCount = byteCount
    }
}

extension DiskFormat: ExpressibleByArgument {}

extension Image {
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make an empty disk, or an overlay of one.",
            discussion: "It needs room for what is written to it only. What is there is never replaced.")

        @Argument(help: "The new file.")
        var file: String

        @Argument(
            help: "Its size: 8G, 512M, or bytes, a multiple of 512. An overlay has that of its disk if it is left out.")
        var size: DiskSizeArgument?

        @Option(help: ArgumentHelp("qcow2 or raw.", valueName: "format"))
        var format = DiskFormat.qcow2

        @Option(help: ArgumentHelp("The disk that it is an overlay of.", valueName: "file"))
        var backing: String?

        @Option(
            help: ArgumentHelp(
                "What that disk is: qcow2 or raw. (default: what it looks like, if it has no other files behind it)",
                valueName: "format"))
        var backingFormat: DiskFormat?

        func validate() throws {
            guard !file.isEmpty, backing != "" else { throw ValidationError("name a file for the disk") }
            guard size != nil || backing != nil else { throw ValidationError("say how large the disk is to be: 8G") }
            guard backing == nil || format == .qcow2 else {
                throw ValidationError("--backing is for qcow2: a raw disk has nothing behind it")
            }
            guard backingFormat == nil || backing != nil else {
                throw ValidationError("--backing-format means nothing without --backing: give both or neither")
            }
        }

        func run() throws {
            Command.runToEnd {
                if let backing {
                    try OverlayBase(path: backing, format: backingFormat).create(at: file, byteCount: size?.byteCount)
                } else if let size {
                    try EmptyDisk.create(at: file, byteCount: size.byteCount, format: format)
                }
                return Command.Ending(code: .poweredOff)
            }
        }
    }
}
