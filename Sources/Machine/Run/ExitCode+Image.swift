// Exit codes of `dormouse image inspect`. docs/image.md documents them.

import Hibernation

extension ExitCode {
    /// `dormouse image inspect`: there is no image.
    public static let noImage = ExitCode(rawValue: 1)
    /// `dormouse image inspect`: there is one, and it is not whole.
    public static let tornImage = ExitCode(rawValue: 2)
}

extension ImageReport.Verdict {
    public var exitCode: ExitCode {
        switch self {
        case .whole: ExitCode(rawValue: 0)
        case .none: .noImage
        case .torn: .tornImage
        }
    }
}

extension ImageReportError {
    public var exitCode: ExitCode {
        switch self {
        case .noPartition, .foreign, .disk(.cannotOpen), .disk(.inUse), .disk(.notDisk): .usage
        case .disk(.cannotRead), .disk(.cannotWrite): .internalError
        }
    }
}
