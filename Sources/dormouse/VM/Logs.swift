// `dormouse logs`: what a VM's console and Dormouse said, whether anybody listened or not.

import ArgumentParser
import Bytes
import KeptVMs

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Print what a VM's console and Dormouse said.",
        discussion: """
            Lines of Dormouse's own begin with "dormouse: ". The last 20 MB are kept, in files in the VM's directory. As \
            JSON it is an object in each line.
            """)

    @OptionGroup var vmOptions: VMOptions

    @Flag(name: .shortAndLong, help: "Go on with what is said, until the run ends.")
    var follow = false

    @Option(help: ArgumentHelp("Only what was said since then: \(Since.words).", valueName: "time"))
    var since: Since?

    @Option(
        name: [.customShort("n"), .customLong("tail")],
        help: ArgumentHelp("Only the last lines, as many as that.", valueName: "n"))
    var tail: Int?

    @Option(
        help: ArgumentHelp("Only what is from there: \(list(LogSource.allCases.map(\.rawValue))).", valueName: "source")
    )
    var source: LogSource?

    @Flag(name: .shortAndLong, help: "Begin each line with its time.")
    var timestamps = false

    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard tail.map({ (0...1_000_000).contains($0) }) ?? true else {
            throw ValidationError("give --tail 0 to 1000000 lines")
        }
    }

    func run() throws {
        Command.run {
            let vm = try vmOptions.vm()
            var reader = LogReader(vm)
            var assembler = LineAssembler()
            var lines: [LogLine] = []
            while true {
                let entries = try reader.next()
                if entries.isEmpty { break }
                for entry in entries { lines += assembler.add(entry).filter(isWanted) }
                if let tail, lines.count > 2 * tail { lines.removeFirst(lines.count - tail) }
                if tail == nil, !follow { lines = try printAll(lines) }
            }
            if let tail { lines = lines.suffix(tail) }
            lines = try printAll(lines)
            var follower = Follower()
            while follow {
                follower.prepare { vm.tellOfLog($0) }
                // Before the last look, so that nothing of its end is missed.
                let isRunning = vm.user != nil
                let entries = try reader.next()
                for entry in entries { lines += assembler.add(entry).filter(isWanted) }
                lines = try printAll(lines)
                if entries.isEmpty {
                    guard isRunning else { break }
                    if let rest = assembler.takeRest(), isWanted(rest) { try printAll([rest]) }
                    follower.wait()
                }
            }
            if let rest = assembler.takeRest(), isWanted(rest) { try printAll([rest]) }
            return .poweredOff
        }
    }

    private func isWanted(_ line: LogLine) -> Bool {
        (source.map { $0 == line.source } ?? true) && (since.map { $0.time <= line.time } ?? true)
    }

    @discardableResult
    private func printAll(_ lines: [LogLine]) throws -> [LogLine] {
        guard !lines.isEmpty else { return [] }
        let texts = try lines.map { line in
            if output.isJSON { return try StableJSON.text(of: line.object) }
            let head = timestamps ? "\(Timestamp.text(nanoseconds: line.time)) " : ""
            return head + (line.source == .dormouse ? "dormouse: " : "") + line.words
        }
        Output.print(texts.joined(separator: "\n"))
        return []
    }
}

extension LogSource: ExpressibleByArgument {}
