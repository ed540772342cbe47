// Stream sockets of the internet: TCP.
//
// Names are looked up by the C library, getaddrinfo(3), which may ask a server: not for a thread that others wait for.

import Glibc

extension StreamSocket {
    /// Listens at a port.
    ///
    /// - Parameters:
    ///   - host: the name or address of one of this host's interfaces.
    ///   - port: 0 for any that is free.
    public static func listening(host: String, port: UInt16) throws(StreamSocketError) -> StreamSocket {
        try first(host, port, AI_PASSIVE) { (socket) throws(StreamSocketError) in
            var on: Int32 = 1
            // The port of a run that has just ended is free.
            setsockopt(
                socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        } use: {
            bind($0, $1, $2)
        } then: { (socket) throws(StreamSocketError) in
            try socket.listen()
        }
    }

    /// Connects to a port.
    ///
    /// - Parameters:
    ///   - host: a name or an address.
    ///   - port: not 0.
    public static func connected(host: String, port: UInt16) throws(StreamSocketError) -> StreamSocket {
        try first(host, port, 0) { _ in
        } use: {
            connect($0, $1, $2)
        } then: { _ in
        }
    }

    /// The port that this socket has; nil for those of the file system.
    public var port: UInt16? {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard result == 0 else { return nil }
        // Safe: a `sockaddr_storage` is large enough for each of them, and its family says which it is.
        let family = Int32(address.ss_family)
        return withUnsafeBytes(of: &address) { bytes in
            switch family {
            case AF_INET: UInt16(bigEndian: bytes.load(as: sockaddr_in.self).sin_port)
            case AF_INET6: UInt16(bigEndian: bytes.load(as: sockaddr_in6.self).sin6_port)
            default: nil
            }
        }
    }

    /// Has the connection reset when this socket is closed: the other end hears at once that nobody is there.
    public func endByReset() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
    }

    /// Makes a socket of the first of a host's addresses with which everything can be done.
    private static func first(
        _ host: String, _ port: UInt16, _ flags: Int32,
        before: (StreamSocket) throws(StreamSocketError) -> Void,
        use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32,
        then: (StreamSocket) throws(StreamSocketError) -> Void
    ) throws(StreamSocketError) -> StreamSocket {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            throw code == EAI_SYSTEM
                ? StreamSocketError(code: errno) : StreamSocketError(reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(list) }
        var error = StreamSocketError(reason: "\(host) has no address")
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let address = entry.ai_addr else { continue }
            let descriptor = socket(
                entry.ai_family, entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), entry.ai_protocol)
            guard descriptor >= 0 else {
                error = StreamSocketError(code: errno)
                continue
            }
            let socket = StreamSocket(descriptor)
            do throws(StreamSocketError) {
                try before(socket)
                guard use(descriptor, address, entry.ai_addrlen) == 0 else { throw StreamSocketError(code: errno) }
                try then(socket)
                return socket
            } catch let failure { error = failure }
        }
        throw error
    }
}
