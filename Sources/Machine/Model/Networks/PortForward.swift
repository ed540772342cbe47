// A port of the host that leads into a guest: what a person chooses, and its text.
//
// Responsible for: the value, reading and printing it, and whether the host's port can be had. Not responsible for
// passing anything on, which is passt's.

import Glibc

/// A port of the host's that passt listens on for the guest.
public struct PortForward: Sendable, Hashable, CustomStringConvertible {
    /// What is passed on.
    public enum Transport: String, Sendable, CaseIterable {
        case tcp
        case udp
    }

    /// Nobody else's machine reaches this address.
    public static let loopback = "127.0.0.1"

    public var transport: Transport
    /// An IPv4 address of the host's, in four decimal numbers; 0.0.0.0 is all of them.
    public var address: String
    public var hostPort: UInt16
    public var guestPort: UInt16

    /// A forward from values that are taken as they are.
    ///
    /// - Parameters:
    ///   - transport: What is passed on.
    ///   - address: The host's IPv4 address that is listened on.
    ///   - hostPort: The host's port, not 0.
    ///   - guestPort: The guest's port, not 0.
    public init(
        _ transport: Transport, address: String = loopback, hostPort: UInt16, guestPort: UInt16
    ) {
        self.transport = transport
        self.address = address
        self.hostPort = hostPort
        self.guestPort = guestPort
    }

    /// Reads `tcp:2222:22`, or with an address of the host's `tcp:192.0.2.1:2222:22`; nil if it is none.
    ///
    /// - Parameter text: Transport, address (127.0.0.1 if it is left out), the host's port and the guest's.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 4, let transport = Transport(rawValue: String(parts[0])),
            let hostPort = Self.port(parts[parts.count - 2]), let guestPort = Self.port(parts[parts.count - 1])
        else { return nil }
        let address = parts.count == 4 ? String(parts[1]) : Self.loopback
        guard Self.bytes(of: address) != nil else { return nil }
        self.init(transport, address: address, hostPort: hostPort, guestPort: guestPort)
    }

    /// The text that is read again, address included.
    public var description: String { "\(transport.rawValue):\(address):\(hostPort):\(guestPort)" }

    private static func port(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let port = UInt16(text),
            port > 0
        else { return nil }
        return port
    }

    private static func bytes(of address: String) -> in_addr? {
        var bytes = in_addr()
        return inet_pton(AF_INET, address, &bytes) == 1 ? bytes : nil
    }

    /// Whether this and another one want the same port of the host.
    func collides(with other: PortForward) -> Bool {
        let all = "0.0.0.0"
        return transport == other.transport && hostPort == other.hostPort
            && (address == other.address || address == all || other.address == all)
    }

    /// Throws the host's reason if the port is not to be had now. Somebody may still take it before passt does, and
    /// passt then says so.
    func checkHostPort() throws(NetworkError) {
        guard var bytes = Self.bytes(of: address) else { throw .forward(self, reason: .address) }
        let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        let descriptor = socket(AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .host("cannot make a socket (\(String(cString: strerror(errno))))") }
        defer { close(descriptor) }
        if transport == .tcp {
            // As passt does: connections of a run that has ended are no reason to wait.
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = hostPort.bigEndian
        swap(&place.sin_addr, &bytes)
        let result = withUnsafePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Two sockets may be bound to a port that one of them listens on later.
        if result == 0, transport == .udp || Glibc.listen(descriptor, 1) == 0 { return }
        switch errno {
        case EADDRINUSE: throw .forward(self, reason: .taken)
        case EADDRNOTAVAIL: throw .forward(self, reason: .address)
        case EACCES: throw .forward(self, reason: .notAllowed)
        case let code: throw .host("cannot listen on \(address):\(hostPort) (\(String(cString: strerror(code))))")
        }
    }
}

/// Why a port of the host's cannot be had.
public enum PortForwardFailure: Sendable, Hashable {
    /// Somebody listens there.
    case taken
    /// The host has no such address.
    case address
    /// Only root may have it.
    case notAllowed
    /// Another forward of the machine has it.
    case twice
    /// The network is not the user's, and who is at its other end forwards.
    case kind
}
