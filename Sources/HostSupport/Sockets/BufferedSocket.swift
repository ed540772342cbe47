// One who is connected to a server of ours that polls: what it said and was not answered yet, and what it was told and
// has not read yet.
//
// Responsible for: moving bytes without waiting, and when there is a reason to. Not responsible for: what is said, and
// what becomes of one that does not read.

/// A stream socket with what is on its way in both directions.
public struct BufferedSocket: Sendable {
    public let socket: StreamSocket
    /// What it said and was not answered yet.
    public var unheard: ArraySlice<UInt8> = []
    /// What it was told and has not read yet.
    public var pending: [UInt8]

    /// - Parameters:
    ///   - socket: a connection.
    ///   - pending: what it is told first.
    public init(_ socket: StreamSocket, pending: [UInt8] = []) {
        self.socket = socket
        self.pending = pending
    }

    /// What is waited for. It is listened to once what it said before is answered, and only as far as it reads the
    /// answers: so what is held for it has a bound.
    ///
    /// - Parameters:
    ///   - pendingLimit: bytes that it has not read before it is not listened to any more.
    ///   - isEnding: whether it is not listened to at all.
    public func interest(pendingLimit: Int, isEnding: Bool) -> SocketInterest {
        SocketInterest(
            socket: socket, reads: !isEnding && unheard.isEmpty && pending.count < pendingLimit,
            writes: !pending.isEmpty)
    }

    /// Takes what it has said since.
    ///
    /// - Parameter limit: bytes at once.
    /// - Returns: false if it says no more.
    public mutating func hear(limit: Int) -> Bool {
        switch socket.readAvailable(limit: limit) {
        case .nothing: return true
        case .end: return false
        case .bytes(let bytes):
            unheard += bytes
            return true
        }
    }

    /// Sends what can be sent now.
    ///
    /// - Returns: false if it reads no more.
    public mutating func send() -> Bool {
        while !pending.isEmpty {
            guard let count = socket.send(pending[...]) else { return false }
            guard count > 0 else { break }
            pending.removeFirst(count)
        }
        return true
    }
}
