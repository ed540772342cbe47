// The last of what a guest wrote to its console, and whether that says of a panic.
//
// Responsible for: a bounded number of lines as people read them, and Linux's words for a panic among them. A guest may
// write whatever it likes, so they are a hint, for people, and decide nothing: a machine knows of a panic by
// `PanicDevice` alone.

import Synchronization

/// Keeps the end of a console's output.
final class ConsoleTail: Sendable {
    /// Lines that are kept, and the most bytes of each; what is longer is cut.
    static let lineLimit = 24
    static let byteLimit = 512
    /// How Linux's panic() begins its line (kernel/panic.c).
    private static let panicWords = "Kernel panic - not syncing"

    private struct State {
        /// Without their ends, the one that is being written last.
        var lines: [[UInt8]] = [[]]
        var panic: String?
    }
    private let state = Mutex(State())

    /// Another boot: what a panic said is of the past, and so is a line that was not ended.
    func begin() {
        state.withLock { state in
            if state.lines.last?.isEmpty == false { Self.endLine(&state) }
            state.panic = nil
        }
    }

    func note(_ bytes: [UInt8]) {
        state.withLock { state in
            for byte in bytes { Self.add(byte, to: &state) }
        }
    }

    private static func add(_ byte: UInt8, to state: inout State) {
        guard byte == UInt8(ascii: "\n") else {
            let last = state.lines.count - 1
            // Keys and colours are for terminals.
            if byte >= 0x20, byte != 0x7F, state.lines[last].count < byteLimit { state.lines[last].append(byte) }
            return
        }
        if state.panic == nil { state.panic = panic(in: state.lines[state.lines.count - 1]) }
        endLine(&state)
    }

    private static func endLine(_ state: inout State) {
        state.lines.append([])
        if state.lines.count > lineLimit + 1 { state.lines.removeFirst() }
    }

    private static func panic(in line: [UInt8]) -> String? {
        guard line.count >= panicWords.utf8.count else { return nil }
        let text = String(decoding: line, as: UTF8.self)
        return text.firstRange(of: panicWords).map { String(text[$0.lowerBound...]) }
    }

    /// The last lines, the newest last; one that has not ended counts if there is something in it.
    var lines: [String] {
        state.withLock { state in
            let lines = state.lines.last?.isEmpty == true ? state.lines.dropLast() : state.lines[...]
            return lines.suffix(Self.lineLimit).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// What the console said of a panic in this boot.
    var panic: String? {
        state.withLock { state in state.panic ?? state.lines.last.flatMap(Self.panic) }
    }
}

extension VirtualMachine {
    /// The last lines that the guest wrote to its console, over all boots.
    public var consoleLines: [String] { consoleTail.lines }

    /// What the console said of a panic in the last boot, of which the guest did not tell in any better way; nil if
    /// nothing. A guest's word, and no fact.
    public var consolePanic: String? { panicCounts.isEmpty ? consoleTail.panic : nil }
}
