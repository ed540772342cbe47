// Standard input, output and error, as this process needs them.

import FoundationEssentials
import Glibc
import HostSupport
import Synchronization

enum StandardDescriptors {
    private static let closed = Mutex<Set<Int32>>([])

    /// Those that were not open when the process was started: what is written to them goes nowhere.
    static var wereClosed: Set<Int32> { closed.withLock { $0 } }

    /// Closes all but these three and one more.
    static func closeOthers(but kept: Int32) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for number in names.compactMap({ Int32($0) }) where number > STDERR_FILENO && number != kept { close(number) }
    }

    /// Makes sure that all three are open. The next file would take the number of one that is closed, and a disk might
    /// become the console.
    static func open() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            closed.withLock { _ = $0.insert(descriptor) }
            // The lowest number that is free, which is this one.
            _ = Glibc.open("/dev/null", O_RDWR)
        }
    }
}

/// Lines for the user, on standard error, and wherever else they are kept.
enum Message {
    private struct Places {
        var isOnStandardError = true
        var copy: (@Sendable (String) -> Void)?
    }
    private static let places = Mutex(Places())

    /// Has each line kept by `copy` as well, from now on.
    static func keep(_ copy: @escaping @Sendable (String) -> Void) {
        places.withLock { $0.copy = copy }
    }

    /// Says nothing on standard error any more: whoever reads it is to be left alone.
    static func leaveStandardError() {
        places.withLock { $0.isOnStandardError = false }
    }

    /// Writes "dormouse: " and `text`, which becomes one line, whole.
    static func write(_ text: String) {
        // If nobody can be told, there is nobody to tell that.
        _ = writeLine("dormouse: " + text, keeping: text)
    }

    /// Writes `text` as one line in one piece, so that lines of several threads do not mix.
    ///
    /// - Parameters:
    ///   - text: the line.
    ///   - kept: what is kept of it elsewhere, if that is something else.
    /// - Returns: the error number if it could not be written.
    static func writeLine(_ text: String, keeping kept: String? = nil) -> Int32? {
        let line = text.map { $0.isNewline ? " " : $0 } + "\n"
        let places = places.withLock(\.self)
        places.copy?(kept ?? text)
        guard places.isOnStandardError else { return nil }
        if StandardDescriptors.wereClosed.contains(STDERR_FILENO) { return EBADF }
        return writeAll(Array(String(line).utf8), to: STDERR_FILENO)
    }
}

/// Where the log goes: where messages go.
struct MessageStream: TextOutputStream {
    mutating func write(_ string: String) {
        for line in string.split(whereSeparator: \.isNewline) { _ = Message.writeLine(String(line)) }
    }
}
