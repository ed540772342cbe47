// How many files of shares are open: each is a descriptor of this process.
//
// Responsible for: the bound that the shares of a machine have together, so that one of them may have what the others do
// not use. Not responsible for: what is open (`NinePSession`).

import Glibc
import Synchronization

/// A count of open files, and its limit.
public final class NinePOpenFiles: Sendable {
    private let limit: Int
    private let count = Atomic(0)

    /// - Parameter limit: how many descriptors there may be at once; nil for half of what the process may have now.
    public init(limit: Int? = nil) { self.limit = limit ?? Self.usualLimit }

    private static var usualLimit: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(min(limit.rlim_cur, 1 << 16) / 2)
    }

    /// Whether another one may be opened. Servers that ask at one moment may each open theirs: the other half of the
    /// descriptors has room for a few more.
    var hasRoom: Bool { count.load(ordering: .relaxed) < limit }

    func add(_ descriptors: Int) { count.add(descriptors, ordering: .relaxed) }
}
