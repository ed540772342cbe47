// Stream sockets, as far as control needs them: in the file system, bytes that are there or can be sent, and lines of
// text with deadlines.
//
// The C library's calls and nothing more; swift-system has no sockets. Those of the internet are made in
// `StreamSocket+Internet`.

import Glibc

/// A connected or listening stream socket. Closed with the object.
public final class StreamSocket: Sendable {
    public let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// A connection that the process was started with. Its children do not have it.
    ///
    /// Nil if that descriptor is no socket.
    public convenience init?(inherited descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.init(descriptor)
    }

    /// Says that nothing more will be sent; the other end may go on.
    public func finishWriting() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Listens at `name` in `directory`, replacing a socket that nobody listens at any more.
    ///
    /// - Parameters:
    ///   - directory: where the socket is made.
    ///   - name: the socket's name there. What else has that name is left alone.
    public static func listening(directory: String, name: String) throws(StreamSocketError) -> StreamSocket {
        let socket = try make()
        removeSocket(at: "\(directory)/\(name)")
        try at(directory, name, socket) { bind($0, $1, $2) }
        try socket.listen()
        return socket
    }

    /// Removes a file if it is a socket.
    public static func removeSocket(at path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
        _ = unlink(path)
    }

    /// Lets others connect; `accept` does not wait for them.
    func listen() throws(StreamSocketError) {
        guard Glibc.listen(descriptor, 16) == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else {
            throw StreamSocketError(code: errno)
        }
    }

    /// Two sockets that are connected with each other.
    public static func pair() throws(StreamSocketError) -> (StreamSocket, StreamSocket) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw StreamSocketError(code: errno)
        }
        return (StreamSocket(ends[0]), StreamSocket(ends[1]))
    }

    /// Connects to `name` in `directory`.
    ///
    /// A process that hangs takes no connections, and once its queue is full the next one would wait without end: that
    /// is an error after a second (`StreamSocketError.isUnanswered`).
    ///
    /// - Parameters:
    ///   - directory: where the socket is.
    ///   - name: the socket's name there.
    ///   - waits: whether that second is waited; if not, a full queue is an error at once.
    public static func connected(
        directory: String, name: String, waits: Bool = true
    ) throws(StreamSocketError) -> StreamSocket {
        let socket = try make()
        guard waits else {
            // unix(7): to a full queue this is EAGAIN.
            let flags = fcntl(socket.descriptor, F_GETFL)
            _ = fcntl(socket.descriptor, F_SETFL, flags | O_NONBLOCK)
            try at(directory, name, socket) { connect($0, $1, $2) }
            _ = fcntl(socket.descriptor, F_SETFL, flags)
            return socket
        }
        // unix(7): connect heeds the limit for sending, and zero is none.
        socket.limitSending(timeval(tv_sec: 1, tv_usec: 0))
        try at(directory, name, socket) { connect($0, $1, $2) }
        socket.limitSending(timeval())
        return socket
    }

    private func limitSending(_ limit: timeval) {
        var limit = limit
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func make() throws(StreamSocketError) -> StreamSocket {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw StreamSocketError(code: errno) }
        return StreamSocket(descriptor)
    }

    /// Calls `body` with the address. The kernel takes 108 bytes for it, which a path may exceed, so the directory is
    /// named by a descriptor.
    private static func at(
        _ directory: String, _ name: String, _ socket: StreamSocket,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(StreamSocketError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StreamSocketError(code: errno) }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array("/proc/self/fd/\(descriptor)/\(name)".utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw StreamSocketError(code: ENAMETOOLONG)
        }
        // Safe: the path fits into `sun_path`, which begins as zeros.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // Safe: every socket address may be looked at as a `sockaddr`, with its own size.
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw StreamSocketError(code: errno) }
    }

    /// What came of taking a connection.
    public enum Accepted {
        case connection(StreamSocket)
        /// Whoever was there went again.
        case nobody
        /// The process, or the host, has no descriptor left, or no memory. Whoever connects stays in the queue.
        case noDescriptor
    }

    /// Takes a connection, without waiting for one.
    public func accept() -> Accepted {
        let connection = Glibc.accept(descriptor, nil, nil)
        guard connection >= 0 else {
            switch errno {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .noDescriptor
            default: return .nobody
            }
        }
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        return .connection(StreamSocket(connection))
    }

    /// Waits until one of `sockets` can be read from, or is closed, or until `deadline`, and says of each whether it
    /// can.
    ///
    /// - Parameters:
    ///   - sockets: what is waited for.
    ///   - deadline: when to give up; nil for never.
    public static func readable(_ sockets: [StreamSocket], until deadline: ContinuousClock.Instant?) -> [Bool] {
        wait(sockets.map { SocketInterest(socket: $0) }, until: deadline).map(\.isReadable)
    }

    /// Waits until something can be done with one of several sockets, until somebody signals `wakeUp`, or until
    /// `deadline`.
    ///
    /// - Parameters:
    ///   - interests: what is waited for.
    ///   - wakeUp: is cleared if it was signalled.
    ///   - deadline: when to give up; nil for never.
    /// - Returns: what can be done, for each of `interests`.
    public static func wait(
        _ interests: [SocketInterest], wakeUp: WakeUp? = nil, until deadline: ContinuousClock.Instant?
    ) -> [SocketReadiness] {
        let timeout = deadline.map { max(0, Int32(clamping: milliseconds(ContinuousClock.now.duration(to: $0)))) } ?? -1
        var polled = interests.map {
            pollfd(
                fd: $0.socket.descriptor, events: Int16($0.reads ? POLLIN : 0) | Int16($0.writes ? POLLOUT : 0),
                revents: 0)
        }
        // A negative descriptor is not looked at.
        polled.append(pollfd(fd: wakeUp?.descriptor ?? -1, events: Int16(POLLIN), revents: 0))
        let ready = poll(&polled, nfds_t(polled.count), timeout)
        if ready > 0, polled.last?.revents != 0 { wakeUp?.clear() }
        return polled.dropLast().map {
            guard ready > 0 else { return SocketReadiness(isReadable: false, isWritable: false) }
            let isGone = $0.revents & ~Int16(POLLIN | POLLOUT) != 0
            return SocketReadiness(
                isReadable: isGone || $0.revents & Int16(POLLIN) != 0,
                isWritable: isGone || $0.revents & Int16(POLLOUT) != 0)
        }
    }

    // MARK: Lines

    /// Writes a line; false if the other end is gone or does not read.
    ///
    /// - Parameter line: without its end.
    @discardableResult
    public func write(line: String) -> Bool {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            guard let count = send(rest), count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    // MARK: Bytes

    /// Sends as much as can be without waiting.
    ///
    /// - Parameter bytes: what is to be sent; not empty.
    /// - Returns: how many were; 0 if the other end has to read first, nil if it is gone.
    public func send(_ bytes: ArraySlice<UInt8>) -> Int? {
        while true {
            // MSG_NOSIGNAL: a peer that is gone is an error, not a signal.
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return 0
            default: return nil
            }
        }
    }

    /// What came of reading what is there.
    public enum Available {
        case bytes([UInt8])
        case nothing
        case end
    }

    /// Reads what has arrived, at most `limit` bytes, without waiting.
    ///
    /// - Parameter limit: at least 1.
    public func readAvailable(limit: Int) -> Available {
        var bytes = [UInt8](repeating: 0, count: limit)
        // Safe: `recv` fills at most as many bytes as there are, and says how many it did.
        let count = bytes.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
        }
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return .nothing }
        return count > 0 ? .bytes(Array(bytes.prefix(count))) : .end
    }

    /// What came of waiting for a line.
    public enum Line {
        case text(String)
        case end
        case timeout
    }

    private static let longestLine = 1 << 16
    /// Bytes of a line that are looked at together.
    private static let chunkByteCount = 1024

    /// Reads a line, for at most `milliseconds`.
    ///
    /// - Parameter milliseconds: nil for no limit.
    public func readLine(milliseconds: Int?) -> Line {
        let deadline = milliseconds.map { ContinuousClock.now.advanced(by: .milliseconds($0)) }
        var line: [UInt8] = []
        // Safe, for both calls of `recv`: it fills at most as many bytes as there are, and says how many it did.
        var chunk = [UInt8](repeating: 0, count: Self.chunkByteCount)
        while line.count < Self.longestLine {
            let left = deadline.map { max(0, Int32(clamping: Self.milliseconds(ContinuousClock.now.duration(to: $0)))) }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Safe: one descriptor, which `poll` fills in.
            let ready = poll(&polled, 1, left ?? -1)
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else { return .timeout }
            // What is behind the line stays where it is: it is for whoever reads next.
            let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_PEEK)) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return .end }
            let end = chunk[..<count].firstIndex(of: UInt8(ascii: "\n"))
            let taken = min(end.map { $0 + 1 } ?? count, Self.longestLine - line.count)
            // Safe: no more than was there a moment ago, and nobody else reads.
            let read = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, taken, 0) }
            guard read == taken else { return .end }
            line += chunk[..<(end.map { min($0, taken) } ?? taken)]
            if let end, end < taken { return .text(String(decoding: line, as: UTF8.self)) }
        }
        return .end
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        // Rounded up, or the last fraction of one would be spent in a busy loop.
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}

/// What is waited for at a socket. That the other end is gone always is.
public struct SocketInterest {
    public var socket: StreamSocket
    public var reads: Bool
    public var writes: Bool

    public init(socket: StreamSocket, reads: Bool = true, writes: Bool = false) {
        self.socket = socket
        self.reads = reads
        self.writes = writes
    }
}

/// What can be done with a socket without waiting; to find that the other end is gone is something.
public struct SocketReadiness {
    public var isReadable: Bool
    public var isWritable: Bool
}

/// What the host said of a socket.
public struct StreamSocketError: Error, Equatable {
    /// Of errno(3); nil if it is not the host's word.
    public var code: Int32?
    public var reason: String

    /// Whether somebody listens there, but takes no connections.
    public var isUnanswered: Bool { code == EAGAIN }

    init(code: Int32) {
        self.code = code
        reason = String(cString: strerror(code))
    }

    init(reason: String) { self.reason = reason }
}
