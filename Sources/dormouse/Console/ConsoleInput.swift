// The way of bytes from a file descriptor to the guest's console.
//
// Responsible for: reading whatever the descriptor is (a terminal, a pipe, a file), taking commands out of a terminal's
// input, and keeping what the guest does not take yet, so that nothing is lost. The end of the input ends nothing else.
// Not responsible for: the terminal's modes, or what a command does.

import Glibc
import HostSupport
import Synchronization

/// Feeds a guest's console from a thread of its own.
final class ConsoleInput: Sendable {
    /// What the bytes come from.
    enum Source: Sendable {
        /// Plain data. Reading stops while the guest is behind, so that whoever writes waits.
        case stream
        /// A terminal, on which Ctrl-A begins a command. It is always read, or a guest that hangs could not be left.
        ///
        /// `claim` says whether it is this process's to read; while it is not, it is asked again now and then.
        case terminal(_ commands: Set<ConsoleCommand> = ConsoleCommand.ofRun, claim: @Sendable () -> Bool)
    }

    /// Bytes that wait for the guest before a stream is left alone.
    private static let maximumPendingByteCount = 1 << 16
    /// Bytes read, and offered to the guest, at once.
    private static let chunkByteCount = 4096
    /// How soon the guest is offered again what it did not take, in milliseconds, the first time and at most. It says
    /// when it has room, but whether anybody reads is known by asking only.
    private static let retryInterval: ClosedRange<Int32> = 50...1000
    /// How often a terminal that belongs to somebody else is asked about, in milliseconds.
    private static let claimInterval: Int32 = 1000

    private let descriptor: Int32
    private let source: Source
    private let wakeUp: WakeUp
    private let escape: UInt8
    private let send: @Sendable ([UInt8]) -> Int
    private let command: @Sendable (ConsoleCommand) -> Void
    private let isStopped = Atomic(false)

    /// - Parameters:
    ///   - descriptor: is read, and not closed.
    ///   - source: what is read.
    ///   - wakeUp: signalled when the guest may take input again.
    ///   - escape: what commands of a terminal begin with.
    ///   - send: offers bytes to the guest and returns how many it took.
    ///   - command: called on the thread that reads.
    init(
        descriptor: Int32, source: Source, wakeUp: WakeUp, escape: UInt8 = EscapeSequence.escape,
        send: @escaping @Sendable ([UInt8]) -> Int,
        command: @escaping @Sendable (ConsoleCommand) -> Void = { _ in }
    ) {
        self.descriptor = descriptor
        self.source = source
        self.wakeUp = wakeUp
        self.escape = escape
        self.send = send
        self.command = command
    }

    /// Starts the thread. It ends with the process, or after `stop`.
    func start() throws(HostResourceError) {
        try HostThread.start { [self] in run() }
    }

    /// Ends the thread soon.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        wakeUp.signal()
    }

    private func run() {
        var escapes =
            if case .terminal(let commands, _) = source {
                EscapeSequence(commands, escape: escape)
            } else { EscapeSequence() }
        var pending: ArraySlice<UInt8> = []
        var isAtEnd = false
        var retryInterval = Self.retryInterval.lowerBound
        while !isStopped.load(ordering: .acquiring) {
            if deliver(&pending) { retryInterval = Self.retryInterval.lowerBound }
            var isClaimed = true
            var isWanted = !isAtEnd
            switch source {
            case .terminal(_, let claim):
                isClaimed = isAtEnd || claim()
                isWanted = isWanted && isClaimed
            case .stream:
                isWanted = isWanted && pending.count < Self.maximumPendingByteCount
            }
            var timeout = isClaimed ? -1 : Self.claimInterval
            if !pending.isEmpty {
                timeout = isClaimed ? retryInterval : min(timeout, retryInterval)
                retryInterval = min(retryInterval * 2, Self.retryInterval.upperBound)
            }
            guard waitForInput(isWanted: isWanted, timeout: timeout) else { continue }
            switch readChunk() {
            case .again: break
            case .end: isAtEnd = true
            case .bytes(let bytes):
                if case .stream = source {
                    pending += bytes
                    continue
                }
                for piece in escapes.process(bytes) {
                    switch piece {
                    case .input(let input): pending += input
                    case .command(let command): self.command(command)
                    }
                }
            }
        }
    }

    /// Offers the guest what waits, as long as it takes it. Returns whether it took some.
    private func deliver(_ pending: inout ArraySlice<UInt8>) -> Bool {
        let count = pending.count
        while !pending.isEmpty {
            let chunk = Array(pending.prefix(Self.chunkByteCount))
            let taken = send(chunk)
            pending = pending.dropFirst(taken)
            if taken < chunk.count { break }
        }
        return pending.count < count
    }

    /// Waits for `wakeUp`, and for input if it is wanted. Returns whether there is some, or the end.
    private func waitForInput(isWanted: Bool, timeout: Int32) -> Bool {
        var polled = [
            pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
            // A negative descriptor is not looked at.
            pollfd(fd: isWanted ? descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polled, nfds_t(polled.count), timeout) > 0 else { return false }
        if polled[0].revents != 0 { wakeUp.clear() }
        return polled[1].revents != 0
    }

    private enum Chunk {
        case bytes([UInt8])
        case end
        case again
    }

    private func readChunk() -> Chunk {
        var bytes = [UInt8](repeating: 0, count: Self.chunkByteCount)
        let count = read(descriptor, &bytes, bytes.count)
        if count > 0 { return .bytes(Array(bytes.prefix(count))) }
        guard count < 0 else { return .end }
        switch errno {
        case EINTR, EAGAIN: return .again
        case EIO:
            // A terminal says this to a process in the background, which is asked about before the next attempt;
            // one that was closed says it too.
            if case .terminal(_, let claim) = source, !claim() { return .again }
            return .end
        default: return .end
        }
    }
}
