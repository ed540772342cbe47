// What every subcommand does about errors: one line on standard error, and an exit code.

import Host
import Machine

enum Command {
    /// Calls `body`, and says what went wrong if it throws.
    static func exitCode(_ body: () throws -> Machine.ExitCode) -> Machine.ExitCode {
        do {
            return try body()
        } catch {
            Message.write("\(error)")
            return switch error {
            case let error as MachineError: error.exitCode
            case is HostError, is ReportFileError: .usage
            default: .internalError
            }
        }
    }
}
