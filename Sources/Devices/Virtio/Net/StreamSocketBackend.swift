// A network behind a UNIX stream socket: passt, or whoever else speaks as QEMU does.
//
// Responsible for: the socket, and the bytes that are on their way. The framing is in `FrameDecoder`.

import Glibc
import Synchronization

/// Why a socket cannot be had. The text is for the user, one line.
public enum NetworkSocketError: Error, Equatable, CustomStringConvertible {
    case pathTooLong(String)
    case nobodyListens(String)
    case failed(path: String, errno: Int32)

    public var description: String {
        switch self {
        case .pathTooLong(let path):
            "the socket's path \(path) is longer than the \(StreamSocketBackend.maximumPathByteCount) bytes that a "
                + "socket may have; use a shorter one"
        case .nobodyListens(let path):
            "nobody listens on the socket \(path); start passt --socket \(path) first, or correct the path"
        case .failed(let path, let code):
            "cannot connect to the socket \(path): \(String(cString: strerror(code))); is it passt's, and may this "
                + "user write to it?"
        }
    }
}

/// A connected stream socket that carries frames.
public final class StreamSocketBackend: NetworkBackend {
    /// `sun_path` of unix(7), without the byte that ends it.
    static let maximumPathByteCount = 107

    /// Bytes that are taken from the guest before the host has to take some.
    private static let maximumPendingByteCount = 256 << 10
    private static let chunkByteCount = 128 << 10

    private struct State {
        var decoder = FrameDecoder()
        var chunk = [UInt8](repeating: 0, count: chunkByteCount)
        /// What the socket has not taken yet.
        var pending: [UInt8] = []
    }

    public let descriptor: Int32
    private let whyGone: @Sendable () -> String
    private let state = Mutex(State())

    /// Takes over a connected socket.
    ///
    /// - Parameters:
    ///   - descriptor: of the socket; closed in the end.
    ///   - whyGone: what to say when the peer is gone.
    public init(descriptor: Int32, whyGone: @escaping @Sendable () -> String) {
        self.descriptor = descriptor
        self.whyGone = whyGone
    }

    /// Connects to the socket at `path`.
    public convenience init(path: String) throws(NetworkSocketError) {
        let bytes = Array(path.utf8)
        guard bytes.count <= Self.maximumPathByteCount else { throw .pathTooLong(path) }
        // Not blocking from the start: a listener that accepts nobody must not hold us up.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw .failed(path: path, errno: errno) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        // Safe: every socket address is a sockaddr to the C library, and the length is that of what it is.
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else {
            let code = errno
            close(descriptor)
            throw code == ENOENT || code == ECONNREFUSED ? .nobodyListens(path) : .failed(path: path, errno: code)
        }
        self.init(descriptor: descriptor) { "the peer at \(path) has gone" }
    }

    deinit {
        close(descriptor)
    }

    public func receive() throws(NetworkBackendError) -> [UInt8]? {
        try state.withLock { state throws(NetworkBackendError) in
            while true {
                if let frame = try state.decoder.next() { return frame }
                let count = recv(descriptor, &state.chunk, Self.chunkByteCount, Int32(MSG_DONTWAIT))
                guard count > 0 else {
                    if count < 0, Self.isTemporary(errno) { return nil }
                    throw NetworkBackendError(whyGone())
                }
                state.decoder.append(state.chunk[..<count])
            }
        }
    }

    public func send(_ frame: [UInt8]) throws(NetworkBackendError) -> Bool {
        try state.withLock { state throws(NetworkBackendError) in
            if state.pending.count >= Self.maximumPendingByteCount {
                _ = try flush(&state)
                guard state.pending.count < Self.maximumPendingByteCount else { return false }
            }
            state.pending.append(frame: frame)
            return true
        }
    }

    public func flush() throws(NetworkBackendError) -> Bool {
        try state.withLock { state throws(NetworkBackendError) in try flush(&state) }
    }

    private func flush(_ state: inout State) throws(NetworkBackendError) -> Bool {
        var sent = 0
        defer { state.pending.removeSubrange(..<sent) }
        while sent < state.pending.count {
            // MSG_NOSIGNAL: a peer that has gone is an error, not a signal.
            let count = state.pending[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            guard count >= 0 else {
                if Self.isTemporary(errno) { return false }
                throw NetworkBackendError(whyGone())
            }
            sent += count
        }
        return true
    }

    private static func isTemporary(_ code: Int32) -> Bool {
        code == EAGAIN || code == EINTR || code == ENOBUFS || code == ENOMEM
    }
}
