// A network behind a TAP device of the host.
//
// Follows Documentation/networking/tuntap.rst of Linux: each read and write is one frame (IFF_NO_PI).

import Bytes
import Glibc
import Synchronization

/// Why a TAP device cannot be had. The text is for the user, one line.
public enum TapError: Error, Equatable, CustomStringConvertible {
    case noSuchInterface(String)
    case noTun(errno: Int32)
    case notAllowed(String)
    case busy(String)
    case failed(interface: String, errno: Int32)

    public var description: String {
        switch self {
        case .noSuchInterface(let name):
            "there is no TAP device \(name); make one (ip tuntap add dev \(name) mode tap user NAME, then ip link set "
                + "\(name) up), or correct the name"
        case .noTun(let code):
            "cannot open /dev/net/tun: \(String(cString: strerror(code))); load the module tun, or let this user "
                + "write to it"
        case .notAllowed(let name):
            "this user may not use the TAP device \(name); make it with ip tuntap add dev \(name) mode tap user NAME"
        case .busy(let name):
            "the TAP device \(name) is in use by another process; stop that, or make another device"
        case .failed(let name, let code):
            "cannot use the TAP device \(name): \(String(cString: strerror(code))); ip -details link show \(name) "
                + "says what it is"
        }
    }
}

/// An open TAP device.
public final class TapBackend: NetworkBackend {
    /// `struct ifreq` of netdevice(7), as far as TUNSETIFF looks at it.
    private enum Request {
        /// IFNAMSIZ, with the byte that ends the name.
        static let nameByteCount = 16
        static let byteCount = 40
        /// TUNSETIFF of linux/if_tun.h: _IOW('T', 202, int).
        static let setInterface: UInt = 0x4004_54CA
        /// IFF_TAP | IFF_NO_PI.
        static let flags: UInt16 = 0x0002 | 0x1000
    }

    public let descriptor: Int32
    private let name: String
    private let buffer = Mutex([UInt8](repeating: 0, count: EthernetFrame.maximumByteCount))

    /// Opens the interface `name`, which has to be there: one that the kernel made for us would have no address.
    public init(interface name: String) throws(TapError) {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count < Request.nameByteCount, !bytes.contains(0), if_nametoindex(name) != 0 else {
            throw .noSuchInterface(name)
        }
        let descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .noTun(errno: errno) }
        var request = bytes + [UInt8](repeating: 0, count: Request.byteCount - bytes.count)
        request.replace(at: Request.nameByteCount, littleEndian: Request.flags)
        guard ioctl(descriptor, Request.setInterface, &request) == 0 else {
            let code = errno
            close(descriptor)
            switch code {
            case EPERM: throw .notAllowed(name)
            case EBUSY: throw .busy(name)
            default: throw .failed(interface: name, errno: code)
            }
        }
        self.descriptor = descriptor
        self.name = name
    }

    deinit {
        close(descriptor)
    }

    public func receive() throws(NetworkBackendError) -> [UInt8]? {
        try buffer.withLock { buffer throws(NetworkBackendError) in
            let count = read(descriptor, &buffer, buffer.count)
            if count >= 0 { return Array(buffer[..<count]) }
            switch errno {
            case EAGAIN, EINTR: return nil
            case let code: throw gone(code)
            }
        }
    }

    public func send(_ frame: [UInt8]) throws(NetworkBackendError) -> Bool {
        guard write(descriptor, frame, frame.count) < 0 else { return true }
        switch errno {
        case EAGAIN, EINTR: return false
        case EBADF, EBADFD, ENODEV, ENXIO: throw gone(errno)
        // The host has the interface down, or does not want this frame: it is lost, as on a wire.
        default: return true
        }
    }

    public func flush() -> Bool { true }

    private func gone(_ code: Int32) -> NetworkBackendError {
        NetworkBackendError("the TAP device \(name) has gone (\(String(cString: strerror(code))))")
    }
}
