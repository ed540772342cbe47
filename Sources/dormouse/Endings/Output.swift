// What the command prints, and how it ends.
//
// The one way to standard output, the guest's console aside: what could not be written is noticed, and the exit code is
// not 0 then. Not responsible for: a reader that goes away. SIGPIPE ends a command that prints, without a word, as it
// ends others.

import Glibc
import HostSupport
import Synchronization

/// Standard output.
enum Output {
    /// Why something that was printed got lost, as an error number.
    private static let failureCode = Mutex<Int32?>(nil)

    /// Prints a line, or several. It is written when this returns, so that what is said on standard error comes after
    /// it.
    static func print(_ text: String) {
        failureCode.withLock { failure in
            guard failure == nil else { return }
            failure =
                StandardDescriptors.wereClosed.contains(STDOUT_FILENO)
                ? EBADF : writeAll(Array((text + "\n").utf8), to: STDOUT_FILENO)
        }
    }

    /// What of the output got lost, in words.
    static var loss: String? {
        failureCode.withLock(\.self).map {
            "standard output could not be written (\(String(cString: strerror($0)))), and what was printed is not whole; "
                + "give it a place that takes all of it"
        }
    }
}

extension Command {
    /// How a command ends.
    struct Ending {
        var code: ExitCode
        /// The line that says so, if there is one.
        var words: String?
        /// What got lost besides printed lines.
        var losses: [String] = []
        /// Whether the code is worth nothing without what got lost: it is a part of the answer that was printed, or of a
        /// run that would have gone on.
        var needsAll = false
    }

    /// Ends the process. What was to be said or written and is lost makes a success or an answer a failure, and is said
    /// last; a code that means something else is kept.
    static func end(_ ending: Ending) -> Never {
        let losses = ending.losses + [Output.loss].compactMap(\.self)
        let words = [ending.words].compactMap(\.self)
        let isFailure = (ending.code == .poweredOff || ending.needsAll) && !losses.isEmpty
        for text in isFailure ? words + losses : losses + words { Message.write(text) }
        Glibc.exit((isFailure ? .internalError : ending.code).rawValue)
    }
}
