// The way of bytes from the guest's console to a file descriptor.
//
// Responsible for: keeping the order, writing in pieces larger than the single characters that a UART sends, making
// the guest wait for a slow reader, and not making anybody wait any longer once the run is to end. Not responsible for:
// what the bytes mean.

import Glibc
import HostSupport
import Synchronization

/// Writes a guest's console output from a thread of its own.
final class ConsoleOutput: Sendable {
    private struct State {
        var pending: [UInt8] = []
        /// No more will come.
        var isClosing = false
        /// Nobody waits for the reader any more.
        var isAbandoned = false
        /// The reader is gone.
        var hasFailed = false
        var isDone = false

        /// Whether a writer need not wait.
        var hasRoom: Bool { pending.count < maximumPendingByteCount || isAbandoned || hasFailed }
    }

    /// Bytes that wait for the reader before the guest has to.
    private static let maximumPendingByteCount = 1 << 16
    /// How long `finish` waits for a reader that holds up the end of an abandoned output, in nanoseconds.
    private static let patience: UInt64 = 500_000_000

    private let descriptor: Int32
    private let state = Mutex(State())
    private let work = Parking()
    private let room = Parking()
    private let done = Parking()
    private let onFailure: @Sendable (Int32) -> Void

    /// - Parameters:
    ///   - descriptor: is written to, and not closed. SIGPIPE is to be ignored by the process.
    ///   - onFailure: called once if it cannot be written to any more, with the error number. What the guest writes
    ///     from then on is dropped.
    init(descriptor: Int32, onFailure: @escaping @Sendable (Int32) -> Void) {
        self.descriptor = descriptor
        self.onFailure = onFailure
    }

    /// Starts the thread.
    func start() throws(HostResourceError) {
        try HostThread.start { [self] in run() }
    }

    /// Takes bytes, in order. Waits while too many are on their way.
    func write(_ bytes: [UInt8]) {
        room.wait(until: nil) { state.withLock { $0.hasRoom } }
        let wasIdle = state.withLock { state in
            guard !state.hasFailed else { return false }
            // Whoever abandoned it does not want it to grow either.
            if state.isAbandoned && state.pending.count >= Self.maximumPendingByteCount { return false }
            defer { state.pending += bytes }
            return state.pending.isEmpty
        }
        if wasIdle { work.wake() }
    }

    /// Nobody waits for a slow reader from now on: the run is to end.
    func abandon() {
        state.withLock { $0.isAbandoned = true }
        room.wake()
        done.wake()
    }

    /// Waits until everything is written. If the reader does not read, that takes until `abandon` is called, and half a
    /// second more. May be called again, and does not wait again then.
    func finish() {
        let isFirst = state.withLock { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
        guard isFirst else { return }
        work.wake()
        done.wait(until: nil) { state.withLock { $0.isDone || $0.isAbandoned } }
        done.wait(until: BootClock.now + Self.patience) { state.withLock { $0.isDone } }
    }

    private func run() {
        while let bytes = next() {
            guard let code = writeAll(bytes, to: descriptor) else { continue }
            state.withLock { state in
                state.hasFailed = true
                state.pending = []
            }
            room.wake()
            onFailure(code)
        }
        state.withLock { $0.isDone = true }
        done.wake()
    }

    /// Everything that waits; nil at the end.
    private func next() -> [UInt8]? {
        work.wait(until: nil) { state.withLock { !$0.pending.isEmpty || $0.isClosing } }
        let bytes = state.withLock { state in
            defer { state.pending = [] }
            return state.pending
        }
        room.wake()
        return bytes.isEmpty ? nil : bytes
    }
}
