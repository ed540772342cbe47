// The program under test, and the exit codes that it promises.

import Foundation
import Testing

enum Dormouse {
    /// The executable: beside the test bundle, or where DORMOUSE_EXECUTABLE says.
    static let executable: URL =
        override
        ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "dormouse")

    /// An unoptimised software CPU is too slow to boot Linux on.
    static let canBeTested = isOptimized || override != nil
    static let whyNot: Comment = """
        dormouse was built without optimisation: test with -c release, or set DORMOUSE_EXECUTABLE to a release build
        """

    private static let override = ProcessInfo.processInfo.environment["DORMOUSE_EXECUTABLE"].map { URL(filePath: $0) }

    #if DEBUG
    private static let isOptimized = false
    #else
    private static let isOptimized = true
    #endif
}

/// Exit codes of `dormouse run`, as docs/cli.md has them.
enum ExitCode {
    static let poweredOff: Int32 = 0
    static let reset: Int32 = 32
    static let crashed: Int32 = 33
    static let powerCut: Int32 = 35
    static let hibernated: Int32 = 40
    static let refusedEnvironment: Int32 = 50
    static let refusals: ClosedRange<Int32> = 50...52
    static let stoppedInstead: Int32 = 54
    static let endedInstead: Int32 = 55
    static let usage: Int32 = 64
    /// 128 and SIGTERM.
    static let terminated: Int32 = 143
}
