// Stream sockets in the file system, as far as a VM's control needs them: lines of text, with deadlines.
//
// The C library's calls and nothing more; swift-system has no sockets.

import Glibc

/// A connected or listening UNIX stream socket. Closed with the object.
final class UnixSocket: Sendable {
    let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Listens at `name` in `directory`, replacing a socket that nobody listens at any more.
    static func listening(directory: String, name: String) throws(UnixSocketError) -> UnixSocket {
        let socket = try make()
        _ = unsafe unlink("\(directory)/\(name)")
        try unsafe at(directory, name, socket) { unsafe bind($0, $1, $2) }
        guard listen(socket.descriptor, 16) == 0, fcntl(socket.descriptor, F_SETFL, O_NONBLOCK) == 0 else {
            throw UnixSocketError(code: errno)
        }
        return socket
    }

    /// Connects to `name` in `directory`.
    static func connected(directory: String, name: String) throws(UnixSocketError) -> UnixSocket {
        let socket = try make()
        try unsafe at(directory, name, socket) { unsafe connect($0, $1, $2) }
        return socket
    }

    private static func make() throws(UnixSocketError) -> UnixSocket {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw UnixSocketError(code: errno) }
        return UnixSocket(descriptor)
    }

    /// Calls `body` with the address. The kernel takes 108 bytes for it, which a path may exceed, so the directory is
    /// named by a descriptor.
    private static func at(
        _ directory: String, _ name: String, _ socket: UnixSocket,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(UnixSocketError) {
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw UnixSocketError(code: errno) }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array("/proc/self/fd/\(descriptor)/\(name)".utf8)
        // Safe: the path, of some forty bytes, fits into the 108 of `sun_path`, which begins as zeros.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        // Safe: every socket address may be looked at as a `sockaddr`, with its own size.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw UnixSocketError(code: errno) }
    }

    /// What came of taking a connection.
    enum Accepted {
        case connection(UnixSocket)
        /// Whoever was there went again.
        case nobody
        /// The process, or the host, has no descriptor left, or no memory. Whoever connects stays in the queue.
        case noDescriptor
    }

    /// Takes a connection, without waiting for one.
    func accept() -> Accepted {
        let connection = Glibc.accept(descriptor, nil, nil)
        guard connection >= 0 else {
            switch errno {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .noDescriptor
            default: return .nobody
            }
        }
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        return .connection(UnixSocket(connection))
    }

    /// Waits until one of `sockets` can be read from, or is closed, or until `deadline`, and says of each whether it
    /// can.
    static func readable(_ sockets: [UnixSocket], until deadline: ContinuousClock.Instant?) -> [Bool] {
        let timeout = deadline.map { max(0, Int32(clamping: milliseconds(ContinuousClock.now.duration(to: $0)))) } ?? -1
        var polled = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        // Safe: `poll` fills in as many elements as it is told that there are.
        let ready = unsafe poll(&polled, nfds_t(polled.count), timeout)
        return polled.map { ready > 0 && $0.revents != 0 }
    }

    // MARK: Lines

    /// Writes a line; false if the other end is gone or does not read.
    @discardableResult
    func write(line: String) -> Bool {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            // Safe: `send` reads as many bytes as there are. MSG_NOSIGNAL: a peer that is gone is an error, not a
            // signal.
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// What came of reading what is there.
    enum Available {
        case bytes([UInt8])
        case nothing
        case end
    }

    /// Reads what has arrived, at most `limit` bytes, without waiting.
    func readAvailable(limit: Int) -> Available {
        var bytes = [UInt8](repeating: 0, count: limit)
        // Safe: `recv` fills at most as many bytes as there are, and says how many it did.
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
        }
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return .nothing }
        return count > 0 ? .bytes(Array(bytes.prefix(count))) : .end
    }

    /// What came of waiting for a line.
    enum Line {
        case text(String)
        case end
        case timeout
    }

    private static let longestLine = 1 << 16

    /// Reads a line, for at most `milliseconds`; without a limit if nil.
    func readLine(milliseconds: Int?) -> Line {
        let deadline = milliseconds.map { ContinuousClock.now.advanced(by: .milliseconds($0)) }
        var line: [UInt8] = []
        while line.count < Self.longestLine {
            let left = deadline.map { max(0, Int32(clamping: Self.milliseconds(ContinuousClock.now.duration(to: $0)))) }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Safe: one descriptor, which `poll` fills in.
            let ready = unsafe poll(&polled, 1, left ?? -1)
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else { return .timeout }
            var byte: UInt8 = 0
            // Safe: one byte is read into one byte.
            let count = unsafe recv(descriptor, &byte, 1, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return .end }
            if byte == UInt8(ascii: "\n") { return .text(String(decoding: line, as: UTF8.self)) }
            line.append(byte)
        }
        return .end
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        // Rounded up, or the last fraction of one would be spent in a busy loop.
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}

/// What the host said of a socket.
struct UnixSocketError: Error {
    var code: Int32

    var reason: String { String(errno: code) }
}
