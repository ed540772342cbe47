// How many answers go on without end: each has a connection, and looks at files again and again.

import Synchronization

/// Counts streams, up to a bound.
final class StreamCount: Sendable {
    static let limit = 64

    private let count = Mutex(0)

    /// Somebody who has a stream. It is given back with the object.
    final class Place: Sendable {
        private let owner: StreamCount

        fileprivate init(_ owner: StreamCount) {
            self.owner = owner
        }

        deinit {
            owner.count.withLock { $0 -= 1 }
        }
    }

    /// - Throws: a `Problem` if there are too many.
    func take() throws(Problem) -> Place {
        let isFree = count.withLock { count in
            guard count < Self.limit else { return false }
            count += 1
            return true
        }
        guard isFree else { throw Problem(.busy, "\(Self.limit) streams are open; end one of them") }
        return Place(self)
    }
}
