// What a VM's guest and Dormouse itself said, on disk and bounded.
//
// Responsible for: the order of both, lines with the time of their beginning, and that nobody waits for a slow disk:
// the guest's bytes are written by a thread, and those that it does not keep up with are counted and left out.
// Dormouse's own words are in the file when `say` returns, since a process may end with them. Not responsible for:
// reading (`LogReader`), or what is durable: a host that fails may lose the last seconds.

import Glibc
import HostSupport
import Synchronization

/// Writes a VM's log. One that has the VM's lock does.
public final class VMLog: Sendable {
    /// Bytes of the guest's that wait for the disk; more are left out.
    private static let pendingByteCount = 1 << 20
    /// How long the rest of a line waits for its end, in nanoseconds: a prompt has none.
    private static let restPatience: UInt64 = 300_000_000
    /// How long what the guest writes is gathered before it is written, in nanoseconds.
    private static let gathering: UInt64 = 20_000_000

    /// What a guest wrote, up to the end of a line: a UART's bytes come one by one.
    private struct Piece {
        var time: UInt64
        var bytes: [UInt8]

        /// Bytes of memory besides those that are written, roughly: a guest may write empty lines only.
        static let overhead = 64

        var isLine: Bool { bytes.last == UInt8(ascii: "\n") }
    }

    /// What waits for the thread.
    private struct Pending {
        var pieces: [Piece] = []
        var byteCount = 0
        /// Bytes that were left out.
        var lost: UInt64 = 0
        var isClosing = false
    }

    /// What is in one hand at a time.
    private struct Writing {
        var descriptor: Int32 = -1
        var size = 0
        var console = LogLines(.console)
        var buffer: [UInt8] = []
        var failure: Int32?
        /// The thread is at its end, or was never started.
        var isDone = true
    }

    private let files: LogFiles
    private let now: @Sendable () -> UInt64
    private let pending = Mutex(Pending())
    private let writing = Mutex(Writing())
    private let work = Parking()
    private let done = Parking()

    /// - Parameters:
    ///   - vm: whose log it is.
    ///   - now: nanoseconds since 1970-01-01 UTC.
    public convenience init(_ vm: VM, now: @escaping @Sendable () -> UInt64 = { WallClock.now }) {
        self.init(LogFiles(vm), now: now)
    }

    init(_ files: LogFiles, now: @escaping @Sendable () -> UInt64 = { WallClock.now }) {
        self.files = files
        self.now = now
    }

    deinit {
        writing.withLock { if $0.descriptor >= 0 { close($0.descriptor) } }
    }

    /// Why something could not be written, as an error number, the first time.
    public var failure: Int32? { writing.withLock(\.failure) }

    // MARK: Writing

    /// Takes what the guest wrote to its console. Does not wait.
    public func take(_ bytes: [UInt8]) {
        let wasIdle = pending.withLock { pending in
            guard pending.byteCount + bytes.count <= Self.pendingByteCount else {
                pending.lost += UInt64(bytes.count)
                return false
            }
            pending.byteCount += bytes.count
            guard let last = pending.pieces.indices.last, !pending.pieces[last].isLine else {
                defer { pending.pieces.append(Piece(time: now(), bytes: bytes)) }
                pending.byteCount += Piece.overhead
                return pending.pieces.isEmpty
            }
            pending.pieces[last].bytes += bytes
            return false
        }
        if wasIdle { work.wake() }
    }

    /// Writes a line of Dormouse's own, behind all that the guest has written.
    public func say(_ text: String) {
        let time = now()
        writing.withLock { writing in
            drain(&writing)
            writing.console.flush { writing.buffer += $0.line }
            var lines = LogLines(.dormouse)
            lines.add(Array(text.utf8) + [UInt8(ascii: "\n")], time: time) { writing.buffer += $0.line }
            write(&writing)
        }
    }

    /// Starts the thread, which ends after `finish`.
    public func start() throws(HostResourceError) {
        writing.withLock { $0.isDone = false }
        do throws(HostResourceError) {
            try HostThread.start { [self] in
                while turn() {}
                writing.withLock { $0.isDone = true }
                done.wake()
            }
        } catch {
            writing.withLock { $0.isDone = true }
            throw error
        }
    }

    /// The guest writes no more: everything is in the file when this returns. `say` goes on as before.
    public func finish() {
        pending.withLock { $0.isClosing = true }
        work.wake()
        done.wait(until: nil) { writing.withLock(\.isDone) }
        writing.withLock { writing in
            drain(&writing)
            writing.console.flush { writing.buffer += $0.line }
            write(&writing)
        }
    }

    // MARK: On the thread

    /// Waits for something to write, and writes it; false at the end.
    private func turn() -> Bool {
        let hasRest = writing.withLock { $0.console.hasRest }
        let deadline = hasRest ? BootClock.now &+ Self.restPatience : nil
        work.wait(until: deadline) { pending.withLock { !$0.pieces.isEmpty || $0.isClosing } }
        // What comes meanwhile is written with it: nobody waits for a line of a log.
        if pending.withLock({ !$0.pieces.isEmpty && !$0.isClosing }) {
            work.wait(until: BootClock.now &+ Self.gathering) { pending.withLock(\.isClosing) }
        }
        let isClosing = pending.withLock(\.isClosing)
        writing.withLock { writing in
            let isIdle = pending.withLock(\.pieces.isEmpty)
            drain(&writing)
            if isIdle { writing.console.flush { writing.buffer += $0.line } }
            write(&writing)
        }
        return !isClosing
    }

    /// Makes lines of what waits.
    private func drain(_ writing: inout Writing) {
        let (pieces, lost) = pending.withLock { pending in
            defer {
                pending.pieces = []
                pending.byteCount = 0
                pending.lost = 0
            }
            return (pending.pieces, pending.lost)
        }
        for piece in pieces {
            writing.console.add(piece.bytes, time: piece.time) { writing.buffer += $0.line }
            if writing.buffer.count >= LogLines.byteLimit { write(&writing) }
        }
        guard lost > 0 else { return }
        writing.console.flush { writing.buffer += $0.line }
        let words = "\(lost) bytes of the console came faster than the disk of this log, and are not in it"
        writing.buffer += LogEntry(time: now(), source: .dormouse, isWhole: true, text: Array(words.utf8)).line
    }

    /// Writes the lines that there are. If it cannot be done, they are lost, and the next are tried again.
    private func write(_ writing: inout Writing) {
        guard !writing.buffer.isEmpty else { return }
        defer { writing.buffer = [] }
        if writing.descriptor >= 0, writing.size + writing.buffer.count > files.byteLimit {
            close(writing.descriptor)
            writing.descriptor = -1
            files.rotate()
        }
        if writing.descriptor < 0 {
            guard let file = files.open() else {
                writing.failure = writing.failure ?? errno
                return
            }
            (writing.descriptor, writing.size) = file
        }
        if let code = writeAll(writing.buffer, to: writing.descriptor) {
            writing.failure = writing.failure ?? code
        }
        writing.size += writing.buffer.count
    }
}
