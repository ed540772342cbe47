// Telling a person who waits that a disk is being read.
//
// Not responsible for the reading. Where it is over soon, nothing is said.

/// A line now and then while much of a disk is read.
final class ReadingMessage {
    private static let interval = Duration.seconds(5)
    private var last = ContinuousClock.now

    /// Notes that so many bytes of the disk at `path` are read.
    func note(path: String, done: UInt64, total: UInt64) {
        let now = ContinuousClock.now
        guard now - last >= Self.interval, total > 0 else { return }
        last = now
        Message.write("reading disk \(path) to compare it: \(done / (1 << 20)) of \(total / (1 << 20)) MiB")
    }
}
