import Glibc
import Testing

@testable import Machine

/// Somebody who has a port of the host's loopback.
final class PortHolder {
    private var descriptor: Int32
    let port: UInt16

    init(_ transport: PortForward.Transport) throws {
        let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        descriptor = socket(AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        try #require(inet_pton(AF_INET, PortForward.loopback, &place.sin_addr) == 1)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let result = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(result)
        if transport == .tcp { try #require(listen(descriptor, 1) == 0) }
        port = UInt16(bigEndian: place.sin_port)
    }

    func release() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    deinit { release() }
}
