// `dormouse conformance`: runs the conformance guest at every version of PSCI, and prints what it found.

import ArgumentParser
import Bytes
import Emulator
import Glibc
import HostSupport
import Machine
import PSCI
import PSCIConformance

struct Conformance: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conformance",
        abstract: "Check PSCI from the inside, with a guest made for that.",
        discussion: """
            Prints how many checks passed for each function, version and width. Exit codes: 0 all passed, 1 some did not, \
            64 wrong options or files, 70 internal error. As JSON it is an object, with every check that did not pass in words. \
            The image also runs elsewhere: docs/psci.md says how.
            """)

    @Option(
        name: .customLong("psci-version"),
        help: ArgumentHelp("Only this version of PSCI. May be repeated. (default: all)", valueName: "version"),
        transform: { text in
            guard let version = Version(named: text) else {
                throw ValidationError("give \(Version.names.joined(separator: ", "))")
            }
            return version
        })
    var versions: [Version] = []

    @Option(help: ArgumentHelp("Cores, 1 to 8. May be repeated. (default: 1 and 4)", valueName: "n"))
    var cpus: [Int] = []

    @Option(
        help: ArgumentHelp("Changes to PSCI, as for `dormouse run`.", valueName: "settings"),
        transform: { text in
            do throws(PolicyChangesError) {
                return try PolicyChanges(text)
            } catch { throw ValidationError(error.description) }
        })
    var psci = PolicyChanges()

    @Option(help: ArgumentHelp("What moves the guest's time, as for `dormouse run`.", valueName: "clock"))
    var clock = ClockKind.host

    @Option(help: ArgumentHelp("The guest's image, instead of the one that Guests/build made.", valueName: "file"))
    var image: String?

    @Option(help: ArgumentHelp("Write the guest's image to a file, and run nothing.", valueName: "file"))
    var imageOut: String?

    @Flag(help: "Print every check.")
    var verbose = false

    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard image != "", imageOut != "" else {
            throw ValidationError("give --image and --image-out the path of a file")
        }
        guard cpus.allSatisfy({ (1...8).contains($0) }) else {
            throw ValidationError("give --cpus a number from 1 to 8")
        }
    }

    func run() throws {
        Command.run {
            guard let image = image ?? ConformanceImage.find() else {
                throw MachineError.file(
                    path: "Conformance.bin", role: "conformance guest",
                    reason: "there is none; run Guests/build, or name one with --image")
            }
            guard let imageOut else { return try check(image) }
            try OutputFile(path: imageOut).write(try ConformanceImage.bytes(ofFileAt: image))
            return .poweredOff
        }
    }

    private func check(_ image: String) throws(MachineError) -> ExitCode {
        var table = ConformanceTable()
        var words: [String] = []
        func report(_ lines: [ConformanceLine], _ machine: String) {
            let new = self.words(lines, machine)
            if output.isJSON { words += new } else { for line in new { Output.print(line) } }
        }
        for version in versions.isEmpty ? Version.allCases : versions {
            let policy = Policy(psci, over: MachineModel.virt1.psci, version: version)
            let run = ConformanceRun(image: image, policy: policy, clock: clock, backend: EmulatorBackend())
            for count in cpus.isEmpty ? [1, 4] : cpus {
                let lines = try run.checks(cpuCount: count)
                report(lines, "PSCI \(version.name), \(count) cores")
                table.add(lines, version: version)
            }
            let lines = try run.endings()
            report(lines, "PSCI \(version.name), calls that end the run")
            table.add(lines, version: version)
        }
        if output.isJSON {
            let summary = Summary(
                checks: table.count, failed: table.failureCount, notChecked: table.gaps, table: table.rows, lines: words
            )
            do {
                Output.print(try StableJSON.text(of: summary, indented: true))
            } catch { throw .host("what was found cannot be written as JSON: \(error)") }
        } else {
            Output.print(table.text)
            for gap in table.gaps { Output.print("not checked: \(gap)") }
            Output.print("\(table.count) checks, \(table.failureCount) failed")
        }
        return table.failureCount == 0 && table.gaps.isEmpty ? .poweredOff : .checksFailed
    }

    /// A line for each check that is to be told of.
    private func words(_ lines: [ConformanceLine], _ machine: String) -> [String] {
        lines.filter { verbose || !$0.isPassed }.map { line in
            let verdict = line.isSkipped ? "skipped" : line.isPassed ? "ok" : "FAILED"
            let width = line.width == .smc32 ? "SMC32" : "SMC64"
            return "\(machine): \(verdict): \(width) \(line.function.name): \(line.text)"
        }
    }

    private struct Summary: Encodable {
        var checks: Int
        var failed: Int
        /// Functions that no check names.
        var notChecked: [String]
        var table: [ConformanceTable.Row]
        /// Checks in words: those that did not pass, or all of them.
        var lines: [String]
    }
}
