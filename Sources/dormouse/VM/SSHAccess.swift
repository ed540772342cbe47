// How a running VM is reached by ssh: which port of the host leads there, that somebody answers, and what ssh is told.
//
// Responsible for: finding the forward to the guest's port 22, waiting for its server with a bound, and the options of
// OpenSSH's programs. Not responsible for: the connection itself, which is the system's ssh (ssh(1), scp(1)). RFC 4253
// §4.2: a server says "SSH-", and so does a client; until the guest listens, passt takes connections and closes them.

import Glibc
import HostSupport
import KeptVMs
import Machine

struct SSHAccess {
    /// IANA's port of ssh.
    private static let guestPort: UInt16 = 22
    private static let hello = Array("SSH-".utf8)
    /// Debian 12's passt completes a connection only when the client has said something.
    private static let ownHello = Array("SSH-2.0-Dormouse\r\n".utf8)
    private static let attempt = Duration.seconds(1)
    /// Between two attempts.
    private static let pauseMicroseconds: UInt32 = 1_000_000

    let vm: VM
    let user: String
    private let forward: PortForward

    /// The way to a VM that runs.
    ///
    /// - Parameters:
    ///   - vm: Whose guest is reached.
    ///   - user: Who logs in; nil: the user that the guest was told to make, or root.
    init(to vm: VM, user: String?) throws {
        self.vm = vm
        guard vm.user != nil else { throw HostError.notRunning(name: vm.name) }
        let machine = try vm.configuration().machine()
        self.user = user ?? machine.guest.user ?? "root"
        let networks = machine.networks
        guard
            let forward = networks.lazy.flatMap(\.forwards)
                .first(where: { $0.transport == .tcp && $0.guestPort == Self.guestPort })
        else { throw SSHError.noForward(name: vm.name) }
        self.forward = forward
    }

    /// Where ssh is to connect to.
    var address: String { forward.address == "0.0.0.0" ? PortForward.loopback : forward.address }

    /// What ssh and scp are told. The host key is the guest's, and belongs to its VM: the first one is taken, since the
    /// way there does not leave this host.
    func options(portOption: String) -> [String] {
        [
            portOption, "\(forward.hostPort)",
            "-o", "UserKnownHostsFile=\"\(Self.escaped(vm.path))/known_hosts\"", "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "HostKeyAlias=\(vm.name)", "-o", "StrictHostKeyChecking=accept-new", "-o", "CheckHostIP=no",
            "-o", "LogLevel=ERROR",
        ]
    }

    /// A percent sign begins a token of ssh_config(5).
    private static func escaped(_ path: String) -> String {
        path.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
    }

    /// Returns when a server of ssh answers.
    func wait(seconds: Int) throws(SSHError) {
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        repeat {
            if answers() { return }
            // A VM that ended does not answer any more.
            guard vm.user != nil else { throw .ended(name: vm.name) }
            usleep(Self.pauseMicroseconds)
        } while ContinuousClock.now < end
        throw .noAnswer(name: vm.name, seconds: seconds)
    }

    private func answers() -> Bool {
        // To the host's own address, so that this does not wait.
        guard let socket = try? StreamSocket.connected(host: address, port: forward.hostPort) else { return false }
        // With a connection that a client only closed, passt turns in a circle until the guest answers.
        socket.endByReset()
        guard let count = socket.send(Self.ownHello[...]), count > 0 else { return false }
        let deadline = ContinuousClock.now.advanced(by: Self.attempt)
        var said: [UInt8] = []
        while said.count < Self.hello.count, StreamSocket.readable([socket], until: deadline) == [true] {
            switch socket.readAvailable(limit: Self.hello.count - said.count) {
            case .bytes(let bytes): said += bytes
            case .nothing: continue
            case .end: return false
            }
        }
        return said == Self.hello
    }

    /// Becomes the program. Returns only with the reason why not.
    static func become(_ words: [String]) -> SSHError {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        execvp(words[0], &arguments)
        let reason = String(cString: strerror(errno))
        for argument in arguments { free(argument) }
        return .cannotRun(program: words[0], reason: reason)
    }
}

/// Why a VM is not reached by ssh. The text is for the user, one line.
enum SSHError: AttributedError {
    case noForward(name: String)
    case noAnswer(name: String, seconds: Int)
    case ended(name: String)
    case cannotRun(program: String, reason: String)
    case noPlace
    case places(String, String)

    var description: String {
        switch self {
        case .noForward(let name):
            "no port of this host leads to VM \(name)'s port 22; give a [[network]] of its vm.toml, of kind = \"user\", "
                + "forward = [\"tcp:2222:22\"], and start it again"
        case .noAnswer(let name, let seconds):
            "VM \(name) has no server of ssh that answers within \(seconds) s; look at its console, or wait longer "
                + "with --timeout"
        case .ended(let name): "VM \(name) ended while it was waited for; start it"
        case .cannotRun(let program, let reason):
            "\(program) cannot be run (\(reason)); install OpenSSH's client, in Debian openssh-client"
        case .noPlace: "no path is in a VM; write VM:PATH for one that is"
        case .places(let one, let other):
            "one copy is between this host and one VM, and these are two: \(one) and \(other)"
        }
    }

    var isHosts: Bool { false }
}
