// The page's terminal beside another one: what Debian's less, vi and top write, as both show it. The other one is tmux,
// in which they run, and which records what they write.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(
    "The page's terminal", .serialized, .enabled(if: Nightly.isOn),
    .needs(Browser.isThere && Multiplexer.isThere, Multiplexer.whyNot), .needs(Guest.areBuilt, Guest.whyNot))
struct TerminalTests {
    /// A program, and what is pressed once it shows something.
    struct Session: Sendable, CustomTestStringConvertible {
        var program: String
        var steps: [(text: String, keys: [String])]
        /// What is on the screen at the end.
        var last: String

        var testDescription: String { program }
    }

    static let sessions = [
        Session(
            program: "less numbers",
            steps: [
                ("23\n", ["Space", "Space", "b", "k"]), ("24\n", ["/15", "Enter"]), ("116\n", ["?3", "Enter", "G"]),
            ], last: "(END)"),
        Session(
            program: "vi numbers",
            steps: [
                ("300L", ["G", "o", "first", "Escape"]),
                ("first", ["k", "k", "d", "d", "O", "second", "Escape", "p", "x", "5", "k", "J"]),
                ("second", [":set number", "Enter"]), ("300 300", ["A", "third", "Escape"]),
            ], last: "third"),
        Session(program: "top -d 0.2 -n 3; echo; echo finished", steps: [], last: "finished"),
    ]

    @Test("It shows what tmux shows", arguments: sessions, ["vt220", "linux", "xterm"])
    func sameAsTmux(session: Session, terminal: String) throws {
        let browser = try PageTests().page { _ in }
        let other = try Multiplexer(session.program, terminal: terminal, in: browser.server.directory)
        for step in session.steps {
            try other.wait(for: step.text)
            try other.press(step.keys)
        }
        try other.wait(for: session.last)
        // What was recorded may be on its way still.
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while true {
            let bytes = try other.recorded().base64EncodedString()
            let shown = try browser.evaluate(
                String.self,
                """
                (() => {
                  const terminal = new Terminal();
                  terminal.write(new TextDecoder().decode(Uint8Array.from(atob("\(bytes)"), (c) => c.charCodeAt(0))));
                  return terminal.text;
                })()
                """)
            let expected = try other.screen()
            if Multiplexer.trimmed(shown) == expected, !expected.isEmpty { break }
            guard ContinuousClock.now < deadline else {
                Issue.record("the page:\n\(shown)\ntmux:\n\(expected)")
                break
            }
            usleep(100_000)
        }
    }

    @Test("What is no control sequence, or one without end, is passed over, and takes no room")
    func nonsense() throws {
        let browser = try PageTests().page { _ in }
        let texts = [
            #"\x1b[" + "1;".repeat(100000) + "mafter"#, #"\x1b]0;" + "title".repeat(100000) + "\x07after"#,
            #"\x1bP" + "x".repeat(100000) + "\x1b\\after"#, #"\x1b[\x18after"#,
            #"\x1b[999999999999;99999999Hx\x1b[Hafter"#,
            #"\x1b[99999999bx\x1b[Hafter"#, #"\x1b[99999999L\x1b[99999999M\x1b[99999999@\x1b[99999999Pafter"#,
            #"\x1b[99;1rafter"#, #"\x1b[38;5;999m\x1b[38;2;1mafter"#, #"a" + "\u0301".repeat(100000) + "\rafter"#,
            #"\x1b[99999999S\x1b[99999999Tafter"#, #"\x1b[?99999999hafter"#, #"\x1b[1$}after"#,
        ]
        for text in texts {
            let row = try browser.evaluate(
                String.self,
                """
                (() => {
                  const terminal = new Terminal();
                  terminal.write("\(text)");
                  const cells = terminal.screen.flatMap((row) => row.characters).join("").length;
                  return cells <= 24 * 80 + Terminal.characterLimit && terminal.history.length <= 2000
                    && terminal.sequence.length <= Terminal.sequenceLimit ? terminal.text.slice(0, 5) : "too much";
                })()
                """)
            #expect(row == "after", "\(text)")
        }
    }
}

/// tmux, with one program in it.
private final class Multiplexer {
    private static let tmux = Program.tool("tmux")
    static let isThere = tmux != nil && Program.tool("less") != nil && Program.tool("vi") != nil
    static let whyNot: Comment = "chromium, tmux, less or vi is not installed: run scripts/setup --browser"

    private let socket: String
    private let record: String

    init(_ program: String, terminal: String, in directory: String) throws {
        socket = "\(directory)/tmux"
        record = "\(directory)/record"
        let numbers = (1...300).map { "\($0)\n" }.joined()
        try Data(numbers.utf8).write(to: URL(filePath: "\(directory)/numbers"))
        let command = "cd \(directory) && read line && TERM=\(terminal) LANG=C.UTF-8 EXINIT= \(program); sleep 1000"
        try tell("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command)
        try tell("set-option", "status", "off")
        try tell("resize-window", "-x", "80", "-y", "24")
        try tell("pipe-pane", "-O", "cat >'\(record)'")
        while !FileManager.default.fileExists(atPath: record) { usleep(10_000) }
        try press(["Enter"])
    }

    deinit {
        _ = try? tell("kill-server")
    }

    @discardableResult
    private func tell(_ words: String...) throws -> String { try tell(words) }

    private func tell(_ words: [String]) throws -> String {
        let result = try Program.run(try #require(Self.tmux), ["-u", "-S", socket] + words)
        try #require(result.exitCode == 0, "\(words): \(result.error)")
        return result.output
    }

    func press(_ keys: [String]) throws { _ = try tell(["send-keys"] + keys) }

    /// Waits until that is on the screen.
    func wait(for text: String) throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while try !"\(screen())\n".contains(text) {
            try #require(ContinuousClock.now < deadline, "\(text) did not come")
            usleep(20_000)
        }
    }

    /// What it shows, without blanks at the ends of lines.
    func screen() throws -> String { Self.trimmed(try tell("capture-pane", "-p")) }

    static func trimmed(_ text: String) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines.joined(separator: "\n")
    }

    func recorded() throws -> Data { try Data(contentsOf: URL(filePath: record)) }
}
