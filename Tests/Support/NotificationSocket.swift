// The other end of sd_notify(3), as a service manager has it: a datagram socket with a name.

import Glibc

/// A socket to which somebody says how it is. Removed with the object.
public final class NotificationSocket: Sendable {
    /// As NOTIFY_SOCKET has it.
    public let name: String
    private let descriptor: Int32

    private struct Failure: Error { var code = errno }

    /// - Parameter isAbstract: whether the name is one of the abstract namespace, rather than a path.
    public init(isAbstract: Bool) throws {
        let number = String(UInt64.random(in: .min ... .max), radix: 16)
        name = isAbstract ? "@dormouse-test-\(number)" : "/tmp/dormouse-test-\(number)"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(length)) }
        }
        guard result == 0 else { throw Failure() }
    }

    deinit {
        close(descriptor)
        if name.hasPrefix("/") { unlink(name) }
    }

    /// The next message; nil if there is none within ten minutes.
    public func receive() -> String? {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 600_000) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
