// What every subcommand does about errors: one line on standard error, and an exit code.

import Hibernation
import Host
import HostSupport
import Machine

enum Command {
    /// Calls `body`, says what went wrong if it throws, and ends the process.
    static func run(_ body: () throws -> Machine.ExitCode) -> Never {
        runToEnd { Ending(code: try body()) }
    }

    /// The same, for what has more to say about its end.
    static func runToEnd(_ body: () throws -> Ending) -> Never {
        do {
            end(try body())
        } catch {
            end(Ending(code: exitCode(of: error), words: "\(error)"))
        }
    }

    private static func exitCode(of error: any Error) -> Machine.ExitCode {
        switch error {
        case let error as MachineError: error.exitCode
        case let error as HostError: error.exitCode
        case let error as RawDiskError: ImageReportError.disk(error).exitCode
        case let error as ImageReportError: error.exitCode
        case let error as ReportFileError: error.exitCode
        case let error as OutputFileError: error.exitCode
        case is AbsolutePathError: .usage
        default: .internalError
        }
    }
}
