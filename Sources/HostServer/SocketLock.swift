// One server at one socket: a file beside it that is locked as long as the server lives.
//
// A socket that is left over does not say whether its server is gone; a lock does.

import Glibc

/// A socket's name, taken for this process.
final class SocketLock: Sendable {
    private let descriptor: Int32

    /// - Throws: a `ServerError` if another process has it.
    init(_ socket: String) throws(ServerError) {
        let path = "\(socket).lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw .socket(path: socket, reason: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw code == EWOULDBLOCK
                ? .inUse(socket: socket) : .socket(path: socket, reason: String(cString: strerror(code)))
        }
    }

    deinit {
        close(descriptor)
    }
}
