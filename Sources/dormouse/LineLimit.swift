// How often Dormouse says the same thing about a guest, which may bring it about as often as it likes: a journal is not
// filled with it.
//
// Responsible for: counting lines of one kind. Not responsible for: what they say.

import HostSupport
import Synchronization

/// Lines of one kind that a guest can cause. From any thread.
final class LineLimit: Sendable {
    private let most: Int
    private let now: @Sendable () -> UInt64
    private static let hour: UInt64 = 3_600_000_000_000
    /// How many there were in the hour that goes on, and when that began: with a line.
    private let said = Mutex((count: 0, since: UInt64?.none))

    /// - Parameters:
    ///   - most: how many there may be in an hour.
    ///   - now: the host's clock, in nanoseconds.
    init(most: Int = 20, now: @escaping @Sendable () -> UInt64 = { BootClock.now }) {
        self.most = most
        self.now = now
    }

    /// What to say behind a line; nil: it is not said.
    func more() -> String? {
        let number = said.withLock { said in
            // Read in here, or another thread could have begun an hour that is later.
            let now = now()
            if said.since.map({ now &- $0 > Self.hour }) ?? true { said = (0, now) }
            said.count = min(said.count + 1, most + 1)
            return said.count
        }
        guard number <= most else { return nil }
        return number == most ? "; that is not said again within the hour" : ""
    }
}
