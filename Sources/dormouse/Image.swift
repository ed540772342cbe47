// `dormouse image`: disks without their guest, and hibernation images on them.
//
// Making and copying disks is in `ImageCreate` and `ImageConvert`.

import ArgumentParser
import Bytes
import DiskImages
import Glibc
import Hibernation
import Machine

struct Image: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image",
        abstract: "Make and copy disks, and look at hibernation images on them.",
        subcommands: [Create.self, Convert.self, Inspect.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect",
            abstract: "Find the hibernation image on a disk, and check whether it is whole.",
            discussion: """
                The disk as a whole, its MBR or GPT partitions and linear volumes of LVM are searched; what was not looked into \
                is named. Nothing is written.

                Exit codes: 0 a whole image, 1 no image, 2 a torn one, 64 wrong options or files, 70 the disk cannot be \
                read, or the report not be written. The last line on standard error says the same in words. As JSON the report \
                is an object: docs/image.md.
                """)

        @Argument(help: "A disk image (raw or qcow2), or a block device.")
        var disk: String

        @Option(help: ArgumentHelp("Search only this partition: 1 for vda1.", valueName: "n"))
        var partition: Int?

        @Option(
            help: ArgumentHelp(
                """
                The kernel's resume_offset of a swap file: how many of the guest's pages it is behind the beginning of \
                the disk or partition.
                """, valueName: "n"))
        var resumeOffset: UInt64 = 0

        @Flag(help: "Look at every page of the disk, for an image in a swap file. Reads all that is not a hole.")
        var scan = false

        @Flag(name: .customLong("no-checksum"), help: "Check the image's structure only, without reading its data.")
        var omitsChecksum = false

        @Option(
            help: ArgumentHelp(
                "raw, qcow2: what the disk is, whatever it looks like.", valueName: "format"))
        var diskFormat = DiskFormatArgument.auto

        @OptionGroup var output: FormatOptions

        func validate() throws {
            guard !disk.isEmpty else { throw ValidationError("name a raw disk image, or a block device") }
            guard (partition ?? 1) > 0 else { throw ValidationError("give --partition a number from 1 on") }
        }

        func run() throws {
            Command.runToEnd { try inspect() }
        }

        private func inspect() throws -> Command.Ending {
            var selection = SwapSelection(partition: partition, resumeOffset: resumeOffset)
            selection.scansAllPages = scan
            let report = try ImageReport(
                diskAt: disk, selection, readingData: !omitsChecksum, format: diskFormat.format)
            if output.isJSON {
                Output.print(try StableJSON.text(of: report, indented: true))
            } else {
                for line in report.lines { Output.print(line) }
            }
            return Command.Ending(code: report.verdict.exitCode, words: report.summary, needsAll: true)
        }
    }
}

/// What a disk is taken for.
enum DiskFormatArgument: String, CaseIterable, ExpressibleByArgument {
    case auto
    case raw
    case qcow2

    /// nil: what it looks like.
    var format: DiskFormat? { DiskFormat(rawValue: rawValue) }
}
