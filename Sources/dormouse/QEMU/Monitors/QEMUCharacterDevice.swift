// What QEMU calls a character device: where a serial port or a monitor leads.
//
// Responsible for: their syntax. Not responsible for: opening them.
//
// Follows QEMU's documentation of -chardev and -serial ("Invocation").

/// A character device.
enum QEMUCharacterDevice: Equatable {
    case null
    case standardInputAndOutput
    /// The same, shared by a serial port and a monitor.
    case sharedStandardInputAndOutput
    case file(String)
    case socket(QEMUSocket)
    /// A terminal that is made for it.
    case pty

    /// As -serial, -monitor and -qmp have it.
    ///
    /// - Parameter known: those of -chardev, by id.
    init(_ text: String, of option: String, known: [String: QEMUCharacterDevice]) throws(QEMUError) {
        let (kind, rest) = Self.cut(text)
        switch (kind, rest) {
        case ("none", nil), ("null", nil): self = .null
        case ("stdio", nil): self = .standardInputAndOutput
        case ("pty", nil): self = .pty
        case ("mon", "stdio"?): self = .sharedStandardInputAndOutput
        case ("file", let path?) where !path.isEmpty: self = .file(atPath: path)
        case ("chardev", let id?):
            guard let device = known[id] else {
                throw QEMUError(option, "chardev:\(id) is not to be found: name the id of a -chardev")
            }
            self = device
        case ("unix", let rest?):
            var list = try QEMUList(rest, of: option, implied: "path")
            self = .socket(try QEMUSocket(path: &list, option))
            try list.finish()
        case ("tcp", let rest?):
            var list = try QEMUList(rest, of: option, implied: "address")
            let (host, port) = try QEMUSocket.hostAndPort(list.take("address") ?? "", option)
            self = .socket(try QEMUSocket(host, port, &list, option))
            try list.finish()
        default:
            throw QEMUError(
                option,
                "\(text) is not to be had; say stdio, none, null, pty, file:NAME, unix:PATH, tcp:HOST:PORT or "
                    + "chardev:ID")
        }
    }

    /// As -chardev has it.
    init(_ list: inout QEMUList, _ option: String) throws(QEMUError) {
        let kind = list.take("backend") ?? ""
        let isShared = try list.takeSwitch("mux") ?? false
        switch kind {
        case "null": self = .null
        case "pty": self = .pty
        case "stdio":
            try list.ignore("signal", "on", "off")
            self = isShared ? .sharedStandardInputAndOutput : .standardInputAndOutput
        case "file":
            guard let path = list.take("path"), !path.isEmpty else { throw QEMUError(option, "file needs path=") }
            if try list.takeSwitch("append") == true {
                throw QEMUError(option, "append=on is not to be had: \(path) would be written from its beginning")
            }
            self = .file(atPath: path)
        case "socket":
            if let host = list.take("host") {
                let port = list.take("port") ?? ""
                self = .socket(try QEMUSocket(host, try QEMUSocket.port(port, option), &list, option))
            } else {
                self = .socket(try QEMUSocket(path: &list, option))
            }
        default: throw QEMUError(option, "\(kind) is not to be had; socket, stdio, file, pty and null are")
        }
    }

    /// One that leads nowhere is none.
    private static func file(atPath path: String) -> QEMUCharacterDevice { path == "/dev/null" ? .null : .file(path) }

    /// What is before the first colon, and what is behind it.
    private static func cut(_ text: String) -> (String, String?) {
        guard let colon = text.firstIndex(of: ":") else { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    /// As `query-chardev` has it.
    var filename: String {
        switch self {
        case .null: "null"
        case .standardInputAndOutput: "stdio"
        case .sharedStandardInputAndOutput: "mux"
        case .file(let path): "file:\(path)"
        case .socket(let socket): socket.description
        case .pty: "pty"
        }
    }
}

/// A socket that is to be listened at or connected to.
struct QEMUSocket: Equatable, CustomStringConvertible {
    enum Address: Equatable {
        case unix(String)
        case tcp(host: String, port: UInt16)
    }

    var address: Address
    var isServer: Bool
    /// Whether nothing begins before the first client is there.
    var waits: Bool

    /// Nobody else's: what can be connected to can be told to end the guest.
    private static let loopback = "127.0.0.1"

    init(path list: inout QEMUList, _ option: String) throws(QEMUError) {
        guard let path = list.take("path"), !path.isEmpty else {
            throw QEMUError(option, "needs the path of a socket, or host= and port=")
        }
        self.init(address: .unix(path))
        try takeSwitches(&list, option)
    }

    init(_ host: String, _ port: UInt16, _ list: inout QEMUList, _ option: String) throws(QEMUError) {
        self.init(address: .tcp(host: host.isEmpty ? Self.loopback : host, port: port))
        try takeSwitches(&list, option)
        if !self.isServer, port == 0 { throw QEMUError(option, "port 0 is nothing that can be connected to") }
    }

    private init(address: Address) {
        self.address = address
        isServer = false
        waits = true
    }

    private mutating func takeSwitches(_ list: inout QEMUList, _ option: String) throws(QEMUError) {
        if let server = try list.takeSwitch("server") { isServer = server }
        if let wait = try list.takeSwitch("wait") { waits = wait }
        // The old way.
        if try list.takeSwitch("nowait") == true { waits = false }
        for key in ["nodelay", "delay", "telnet", "tls-creds", "websocket"] {
            if let isOn = try list.takeSwitch(key), isOn, !key.hasSuffix("delay") {
                throw QEMUError(option, "\(key) is not to be had")
            }
        }
        for key in ["reconnect", "reconnect-ms"] {
            if let time = list.take(key), Int(time) != 0 {
                throw QEMUError(option, "\(key)=\(time) is not to be had: there is one attempt to connect")
            }
        }
    }

    static func hostAndPort(_ text: String, _ option: String) throws(QEMUError) -> (String, UInt16) {
        guard let colon = text.lastIndex(of: ":") else { throw QEMUError(option, "tcp needs HOST:PORT") }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return (String(host), try port(String(text[text.index(after: colon)...]), option))
    }

    static func port(_ text: String, _ option: String) throws(QEMUError) -> UInt16 {
        guard let port = UInt16(text) else { throw QEMUError(option, "\(text) is no port") }
        return port
    }

    var description: String {
        let end = isServer ? ",server=on" : ""
        return switch address {
        case .unix(let path): "unix:\(path)\(end)"
        case .tcp(let host, let port): "tcp:\(host.contains(":") ? "[\(host)]" : host):\(port)\(end)"
        }
    }
}
