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
        guard listen(socket.descriptor, 16) == 0 else { throw UnixSocketError(code: errno) }
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

    /// Calls `body` with the address. The kernel takes 108 bytes for it, which a path may exceed, so the directory is named
    /// by a descriptor.
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

    /// Waits for somebody to connect; nil if that cannot be had any more.
    func accept() -> UnixSocket? {
        while true {
            let connection = Glibc.accept(descriptor, nil, nil)
            if connection >= 0 {
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                return UnixSocket(connection)
            }
            guard errno == EINTR || errno == ECONNABORTED else { return nil }
        }
    }

    // MARK: Lines

    /// Writes a line; false if the other end is gone or does not read.
    @discardableResult
    func write(line: String) -> Bool {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            // Safe: `send` reads as many bytes as there are. MSG_NOSIGNAL: a peer that is gone is an error, not a signal.
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
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
