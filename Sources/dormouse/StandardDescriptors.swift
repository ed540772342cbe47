// Standard input, output and error, as this process needs them.

import Glibc

enum StandardDescriptors {
    /// Makes sure that all three are open. The next file would take the number of one that is closed, and a disk might
    /// become the console.
    static func open() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest number that is free, which is this one.
            _ = Glibc.open("/dev/null", O_RDWR)
        }
    }
}

/// Lines for the user, on standard error.
enum Message {
    /// Writes "dormouse: " and `text`, which becomes one line, whole.
    static func write(_ text: String) {
        writeLine("dormouse: " + text)
    }

    /// Writes `text` as one line in one piece, so that lines of several threads do not mix.
    static func writeLine(_ text: String) {
        let line = text.map { $0.isNewline ? " " : $0 } + "\n"
        let bytes = Array(String(line).utf8)
        // If nobody can be told, there is nobody to tell that.
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
