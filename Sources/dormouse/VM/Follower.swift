// How a command that follows a file waits for more of it: until the host says that there may be, and a moment longer.
//
// Responsible for: that a command that follows what does not happen does nothing, and that one that follows what
// happens all the time looks ten times a second. Where the host tells nothing it looks as often. Not responsible for:
// what is followed.

import Glibc
import HostSupport

/// What waits between two looks.
struct Follower {
    private let watch: FileWatch? = try? FileWatch()
    private var isWatched = false

    /// How long what begins is given to become whole, such as a line: between two looks at least.
    private static let pauseMicroseconds: useconds_t = 100_000
    /// How long nothing may be told before there is a look at it all the same: a file system on a network need not.
    private static let longestMilliseconds = 5000

    /// Has changes told from now on. To be called before each look, so that nothing is missed between that and the
    /// wait.
    ///
    /// - Parameter add: adds what is to be told of; false if it cannot be watched.
    mutating func prepare(_ add: (FileWatch) throws -> Bool) rethrows { isWatched = try watch.map(add) ?? false }

    /// Waits for a reason to look again.
    func wait() {
        if isWatched { watch?.wait(milliseconds: Self.longestMilliseconds) }
        usleep(Self.pauseMicroseconds)
    }
}
