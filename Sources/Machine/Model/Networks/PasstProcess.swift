// passt(1), started for one network of one machine.
//
// Responsible for: its arguments, its start, its last words and its end. It gets a connected socket rather than a path:
// started as root it becomes `nobody`, which has no business in a directory of ours, and so nobody else can connect. It
// ends by itself when the socket is closed, however this process ends.

import Bytes
import Glibc

/// A passt that runs.
final class PasstProcess: Sendable {
    /// Our end of the socket; whoever takes it closes it.
    let descriptor: Int32
    private let process: pid_t
    /// Where its messages are read from.
    private let messages: Int32

    /// File descriptor that passt finds its socket at.
    private static let socketDescriptor: Int32 = 3

    /// What passt is told for network `index`. Addresses are the machine's own rather than the host's, so that those of
    /// a guest stay right while it is hibernated, wherever the host is when it wakes.
    static func arguments(network index: Int, mtu: UInt16, forwards: [PortForward] = []) -> [String] {
        // 10.0.2.0/24 for the first network, as user networks of other monitors have it.
        let subnet = 2 + index
        return [
            "passt", "--foreground", "--quiet", "--stderr", "--fd", "\(socketDescriptor)", "--ipv4-only",
            // Which interface is used does not matter: all that would be copied from it is said here.
            "--interface", "lo", "--address", "10.0.\(subnet).15", "--netmask", "24", "--gateway", "10.0.\(subnet).2",
            "--mac-addr", "52:55:0a:00:\(Hexadecimal.text(of: [UInt8(subnet)])):02",
            "--mtu", "\(mtu)",
        ]
            + forwards.flatMap {
                ["--\($0.transport.rawValue)-ports", "\($0.address)/\($0.hostPort):\($0.guestPort)"]
            }
    }

    /// Starts passt.
    init(network index: Int, mtu: UInt16, forwards: [PortForward]) throws(NetworkError) {
        var sockets: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &sockets) == 0 else { throw Self.failure(errno) }
        defer { close(sockets[1]) }
        var pipes: [Int32] = [-1, -1]
        guard pipe(&pipes) == 0 else {
            let code = errno
            close(sockets[0])
            throw Self.failure(code)
        }
        defer { close(pipes[1]) }
        for end in pipes {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            // Neither side waits for the other: what does not fit is lost.
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        do throws(NetworkError) {
            process = try Self.spawn(
                Self.arguments(network: index, mtu: mtu, forwards: forwards), socket: sockets[1], messages: pipes[1])
        } catch {
            close(sockets[0])
            close(pipes[0])
            throw error
        }
        descriptor = sockets[0]
        messages = pipes[0]
    }

    deinit {
        // It keeps nothing that would have to be put away.
        kill(process, SIGKILL)
        while waitpid(process, nil, 0) < 0, errno == EINTR {}
        close(messages)
    }

    private static func spawn(
        _ arguments: [String], socket: Int32, messages: Int32
    ) throws(NetworkError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO)
        posix_spawn_file_actions_adddup2(&actions, socket, socketDescriptor)

        // This process blocks and ignores signals that passt does not, and a Ctrl-C of the terminal is not passt's.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process = pid_t()
        // It needs nothing of our environment; PATH is looked up in it before.
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, &words, &environment)
        guard code == 0 else { throw code == ENOENT ? .noPasst : failure(code) }
        return process
    }

    private static func failure(_ code: Int32) -> NetworkError {
        .host("cannot start passt (\(String(cString: strerror(code)))); raise the limits of the host")
    }

    /// The last thing that it said, if it said anything.
    var lastWords: String? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(messages, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
        return lines.last { !Self.isNoise($0) }.map(String.init)
    }

    /// What passt also says when all is well.
    private static func isNoise(_ line: Substring) -> Bool {
        line.hasPrefix("Failed to send") && line.hasSuffix("syslog") || line.hasPrefix("Don't run as root")
    }
}
