// A network in memory, for tests of the device in front of it.

import Devices
import Glibc
import Synchronization

final class MemoryBackend: NetworkBackend {
    private struct State {
        var incoming: [[UInt8]] = []
        var outgoing: [[UInt8]] = []
        var isBusy = false
        var isGone = false
    }

    /// The reading end of a pipe into which nobody writes.
    let descriptor: Int32
    private let writer: Int32
    private let echoes: Bool
    private let state = Mutex(State())

    /// - Parameter echoes: what is sent comes back.
    init(echoes: Bool = false) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw NetworkBackendError("no pipe") }
        descriptor = ends[0]
        writer = ends[1]
        self.echoes = echoes
    }

    deinit {
        close(descriptor)
        close(writer)
    }

    /// What the guest has sent.
    var outgoing: [[UInt8]] { state.withLock { $0.outgoing } }
    /// Frames that nobody has asked for yet.
    var waitingCount: Int { state.withLock { $0.incoming.count } }

    func arrive(_ frame: [UInt8]) {
        state.withLock { $0.incoming.append(frame) }
    }

    func setBusy(_ isBusy: Bool) {
        state.withLock { $0.isBusy = isBusy }
    }

    func go() {
        state.withLock { $0.isGone = true }
    }

    func receive() throws(NetworkBackendError) -> [UInt8]? {
        try state.withLock { state throws(NetworkBackendError) in
            if !state.incoming.isEmpty { return state.incoming.removeFirst() }
            if state.isGone { throw NetworkBackendError("unplugged") }
            return nil
        }
    }

    func send(_ frame: [UInt8]) throws(NetworkBackendError) -> Bool {
        state.withLock { state in
            guard !state.isBusy else { return false }
            state.outgoing.append(frame)
            if echoes { state.incoming.append(frame) }
            return true
        }
    }

    func flush() -> Bool { true }
}

/// Both ends of a stream socket.
struct SocketPair {
    /// For a backend, which closes it.
    let ours: Int32
    let theirs: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw NetworkBackendError("no sockets")
        }
        ours = ends[0]
        theirs = ends[1]
    }

    /// Writes all of `bytes`; false if that cannot be done.
    func write(_ bytes: [UInt8]) -> Bool {
        Glibc.send(theirs, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Waits for `count` bytes; fewer if the other end is closed, or nothing came for ten seconds.
    func read(_ count: Int) -> [UInt8] {
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(theirs, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var bytes: [UInt8] = []
        while bytes.count < count {
            var piece = [UInt8](repeating: 0, count: count - bytes.count)
            let received = recv(theirs, &piece, piece.count, 0)
            guard received > 0 else { break }
            bytes += piece[..<received]
        }
        return bytes
    }
}

/// A frame of `count` bytes that looks like no other with another `seed`.
func frame(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ seed) ^ ($0 >> 8)) }
}

/// A frame as it is in the stream: its length in four bytes, most significant first, and itself (passt(1)).
func streamed(_ frame: [UInt8]) -> [UInt8] {
    [
        UInt8(frame.count >> 24), UInt8(frame.count >> 16 & 0xFF), UInt8(frame.count >> 8 & 0xFF),
        UInt8(frame.count & 0xFF),
    ]
        + frame
}

/// Waits until `condition` holds; false after ten minutes.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<600_000 {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}
