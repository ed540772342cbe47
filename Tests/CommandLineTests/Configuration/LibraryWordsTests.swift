import ArgumentParser
import FoundationEssentials
import Testing

@testable import DormouseCommand

/// A library's error says what is wrong; which option would help is the command's to say (`Command+Words`).
@Suite("Words of the command line")
struct LibraryWordsTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")

    /// Every option of every subcommand, such as `--memory`.
    private static var options: Set<String> {
        var options: Set<String> = []
        func collect(_ command: any ParsableCommand.Type) {
            let help = DormouseCommand.Dormouse.helpMessage(for: command, includeHidden: true, columns: 1000)
            for match in help.matches(of: #/--[a-z][a-z-]*/#) { options.insert(String(match.output)) }
            for subcommand in command.configuration.subcommands { collect(subcommand) }
        }
        collect(DormouseCommand.Dormouse.self)
        return options
    }

    /// The lines of the libraries' sources, without comments.
    private static func lines() throws -> [(place: String, text: String)] {
        var lines: [(String, String)] = []
        let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path())
        for file in files where file.hasSuffix(".swift") && !file.hasPrefix("dormouse/") {
            let text = String(decoding: try Data(contentsOf: sources.appending(path: file)), as: UTF8.self)
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                let code = line.prefix(upTo: line.firstRange(of: #/(^|\s)\/\//#)?.lowerBound ?? line.endIndex)
                if code.contains("\"") { lines.append(("\(file):\(index + 1)", String(code))) }
            }
        }
        return lines
    }

    @Test("No library names an option or a subcommand of the command")
    func noOptions() throws {
        let options = Self.options
        try #require(options.isSuperset(of: ["--memory", "--net", "--store", "--partition", "--report"]))
        let lines = try Self.lines()
        try #require(lines.count > 1000)
        for (place, text) in lines {
            // What other programs are started with, or are to be started with, is theirs. The server starts `dormouse`.
            guard !place.hasSuffix("PasstProcess.swift"), !text.contains("passt --socket"),
                !place.hasPrefix("HostServer/"), !place.hasPrefix("dormouse-serve/")
            else { continue }
            let named = text.matches(of: #/--[a-z][a-z-]*/#).map { String($0.output) }.filter(options.contains)
            #expect(named.isEmpty, "\(place) says \(named)")
            #expect(!text.contains("`dormouse "), "\(place)")
        }
    }
}
