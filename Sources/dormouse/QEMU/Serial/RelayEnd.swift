// What may be at the other end of a port: sockets, a file, a terminal, nothing.
//
// Responsible for: opening them, and reading and writing without waiting. Not responsible for: whose bytes they are.

import Glibc
import HostSupport
import QEMUMonitor

/// What peers come from.
enum RelayEnd: Sendable {
    /// Clients connect, one after the other. A socket of the file system is removed at the end.
    case listening(StreamSocket, path: String?)
    /// Whoever opens the terminal.
    case terminal(PseudoTerminal)
    /// There is one, and no other.
    case peer(RelayPeer)

    /// What is readable when somebody comes.
    var arrivals: Int32? {
        switch self {
        case .listening(let socket, _): socket.descriptor
        case .terminal(let terminal): terminal.arrivals
        case .peer: nil
        }
    }

    /// Opens what a character device leads to.
    ///
    /// - Parameters:
    ///   - device: that is to be opened; not standard input and output.
    ///   - option: whose value this is, for errors.
    ///   - label: what the device is called.
    init(_ device: QEMUCharacterDevice, _ option: String, label: String) throws(QEMUError) {
        switch device {
        case .null, .standardInputAndOutput, .sharedStandardInputAndOutput: self = .peer(.null)
        case .file(let path):
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else {
                throw QEMUError(option, "cannot write to \(path): \(String(cString: strerror(errno)))")
            }
            self = .peer(.file(OutputDescriptor(descriptor)))
        case .socket(let socket):
            switch try socket.open(option) {
            case .listening(let socket, let path): self = .listening(socket, path: path)
            case .connected(let socket): self = .peer(.socket(socket))
            }
        case .pty:
            guard let terminal = PseudoTerminal() else {
                throw QEMUError(option, "a pty cannot be had: \(String(cString: strerror(errno)))")
            }
            // As QEMU says it, and where.
            Output.print("char device redirected to \(terminal.path) (label \(label))")
            self = .terminal(terminal)
        }
    }
}

/// Who is at the other end.
enum RelayPeer: Sendable {
    case null
    case socket(StreamSocket)
    case file(OutputDescriptor)
    case terminal(PseudoTerminal)

    /// Nothing can be waited for at a negative one.
    var descriptor: Int32 {
        switch self {
        case .null: -1
        case .socket(let socket): socket.descriptor
        case .file(let file): file.descriptor
        case .terminal(let terminal): terminal.descriptor
        }
    }

    /// Whether anything can come from it.
    var isRead: Bool {
        switch self {
        case .null, .file: false
        case .socket, .terminal: true
        }
    }

    /// Reads what is there.
    func read(limit: Int) -> StreamSocket.Available {
        switch self {
        case .null, .file: .nothing
        case .socket(let socket): socket.readAvailable(limit: limit)
        case .terminal(let terminal): terminal.read(limit: limit)
        }
    }

    /// Writes as much as can be without waiting.
    ///
    /// - Returns: how many bytes; nil if nobody is there any more.
    func write(_ bytes: [UInt8]) -> Int? {
        switch self {
        case .null: bytes.count
        case .socket(let socket): socket.send(bytes[...])
        case .file(let file): file.write(bytes)
        case .terminal(let terminal): terminal.write(bytes)
        }
    }
}

/// A file that is written to. Others may share it, so that it is not made non-blocking.
final class OutputDescriptor: Sendable {
    let descriptor: Int32
    /// What a pipe that is ready takes without waiting (pipe(7), PIPE_BUF).
    private static let pieceByteCount = 4096

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Writes a piece, once poll(2) said that the file is ready.
    func write(_ bytes: [UInt8]) -> Int? {
        let count = Glibc.write(descriptor, bytes, min(bytes.count, Self.pieceByteCount))
        if count >= 0 { return count }
        return errno == EINTR || errno == EAGAIN ? 0 : nil
    }
}

/// A terminal that others open by its path (pty(7)).
final class PseudoTerminal: Sendable {
    let descriptor: Int32
    /// Of the terminal.
    let path: String
    /// Is readable when somebody has opened the terminal.
    let arrivals: Int32

    private static let pathByteCount = 64

    /// Nil if there is none to be had, with the reason in `errno`.
    init?() {
        var (ours, line): (Int32, Int32) = (-1, -1)
        var name = [CChar](repeating: 0, count: Self.pathByteCount)
        let arrivals = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard arrivals >= 0 else { return nil }
        guard openpty(&ours, &line, &name, nil, nil) == 0 else {
            let code = errno
            close(arrivals)
            errno = code
            return nil
        }
        _ = fcntl(ours, F_SETFD, FD_CLOEXEC)
        _ = fcntl(ours, F_SETFL, O_NONBLOCK)
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        descriptor = ours
        self.arrivals = arrivals
        // Raw, as QEMU makes it: the guest has a terminal of its own. Nobody is there once this end is closed.
        var settings = termios()
        tcgetattr(line, &settings)
        cfmakeraw(&settings)
        tcsetattr(line, TCSAFLUSH, &settings)
        close(line)
        inotify_add_watch(arrivals, path, UInt32(IN_OPEN))
    }

    deinit {
        close(descriptor)
        close(arrivals)
    }

    /// Whether somebody has the terminal open; what `arrivals` said is heard.
    func isOpened() -> Bool {
        var events = [UInt8](repeating: 0, count: 4096)
        while Glibc.read(arrivals, &events, events.count) > 0 {}
        var polled = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&polled, 1, 0) >= 0 && polled.revents & Int16(POLLHUP) == 0
    }

    func read(limit: Int) -> StreamSocket.Available {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = Glibc.read(descriptor, &bytes, limit)
        if count > 0 { return .bytes(Array(bytes.prefix(count))) }
        return count < 0 && (errno == EINTR || errno == EAGAIN) ? .nothing : .end
    }

    func write(_ bytes: [UInt8]) -> Int? {
        let count = Glibc.write(descriptor, bytes, bytes.count)
        if count >= 0 { return count }
        return errno == EINTR || errno == EAGAIN ? 0 : nil
    }
}
