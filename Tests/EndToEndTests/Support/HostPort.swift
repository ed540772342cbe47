// Ports of the host's loopback.

import Foundation
import Glibc
import Testing

enum HostPort {
    /// Before a guest is taken for one that does not answer.
    private static let patience: TimeInterval = 60

    /// A port that nobody has just now.
    static func free() throws -> UInt16 { try bound(to: 0) }

    /// Throws if somebody has the port.
    static func expectFree(_ port: UInt16) throws { _ = try bound(to: port) }

    private static func bound(to port: UInt16) throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        // Connections that have ended are no reason to wait.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var place = place(port)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw DormouseRun.Failure("port \(port) is taken") }
        return UInt16(bigEndian: place.sin_port)
    }

    /// What whoever is behind a port says, as far as `text`; asked again until it is said.
    static func read(_ port: UInt16, until text: String) throws -> String {
        let deadline = Date() + patience
        while Date() < deadline {
            if let answer = answer(port), answer.contains(text) { return answer }
            Thread.sleep(forTimeInterval: 0.2)
        }
        throw DormouseRun.Failure("port \(port) does not say \(text)")
    }

    private static func answer(_ port: UInt16) -> String? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var place = place(port)
        let isConnected = withUnsafePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        // Debian 12's passt completes a connection only when the client has said something.
        guard isConnected, send(descriptor, [10], 1, Int32(MSG_NOSIGNAL)) == 1 else { return nil }
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waited, 1, 5000) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    private static func place(_ port: UInt16) -> sockaddr_in {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        inet_pton(AF_INET, "127.0.0.1", &place.sin_addr)
        return place
    }
}
