// What every subcommand does about errors: one line on standard error, and an exit code.

import Hibernation
import HostSupport
import KeptVMs
import Machine

enum Command {
    /// Calls `body`, says what went wrong if it throws, and ends the process.
    static func run(_ body: () throws -> ExitCode) -> Never {
        runToEnd { Ending(code: try body()) }
    }

    /// The same, for what has more to say about its end.
    static func runToEnd(_ body: () throws -> Ending) -> Never {
        do {
            end(try body())
        } catch {
            end(Ending(code: ExitCode(of: error), words: words(error)))
        }
    }
}
