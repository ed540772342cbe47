// Telling whoever supervises this process how it is, by the protocol of sd_notify(3): a datagram of NAME=VALUE lines to
// a UNIX socket that the environment names.
//
// These few lines instead of libsystemd: the protocol is promised to stay and is all that is needed, and a static
// executable has to run where there is no libsystemd. Not responsible for what is told.

import Glibc

/// The service manager that started this process and wants to be told.
public struct ServiceManager: Sendable {
    /// Why it cannot be told: one line, to be said and no more, as the process is fine without.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// The address: a path, or a name in the abstract namespace, which begins with a zero byte.
    private let address: [UInt8]
    /// What the environment calls it.
    private let name: String
    /// How often it wants to hear that the process is alive; nil if it does not, or nobody can tell.
    public let watchdogInterval: Duration?
    /// Why nobody can tell. All else is told as ever.
    public let watchdogFailure: Failure?

    private static let variables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]
    /// How long it may take to take a message.
    private static let patience = timeval(tv_sec: 5, tv_usec: 0)

    /// Whom the environment names, whose variables are gone then: children are not to speak for this process. To be
    /// called before there are other threads.
    ///
    /// - Returns: nil if nobody wants to be told.
    public static func take() throws(Failure) -> ServiceManager? {
        let values = variables.map { name in getenv(name).map { String(cString: $0) } }
        for name in variables { unsetenv(name) }
        return try ServiceManager(socket: values[0], watchdog: values[1], watchdogProcess: values[2], process: getpid())
    }

    /// - Parameters:
    ///   - socket: `NOTIFY_SOCKET`.
    ///   - watchdog: `WATCHDOG_USEC`.
    ///   - watchdogProcess: `WATCHDOG_PID`, whom the watchdog is for; nil: for whoever reads this.
    ///   - process: the number of this process.
    init?(socket: String?, watchdog: String?, watchdogProcess: String?, process: pid_t) throws(Failure) {
        guard let socket, !socket.isEmpty else { return nil }
        var address = Array(socket.utf8)
        guard address.first == UInt8(ascii: "/") || address.first == UInt8(ascii: "@"), address.count > 1 else {
            throw Failure(
                description:
                    "NOTIFY_SOCKET is \"\(socket)\", which is neither a path nor an abstract name; nobody is told")
        }
        // A path ends with a zero byte, an abstract name begins with one.
        guard address.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else {
            throw Failure(description: "NOTIFY_SOCKET is \"\(socket)\", which is too long for a socket; nobody is told")
        }
        if address[0] == UInt8(ascii: "@") { address[0] = 0 }
        self.address = address
        name = socket
        do throws(Failure) {
            watchdogInterval = try Self.interval(watchdog, watchdogProcess, process)
            watchdogFailure = nil
        } catch {
            watchdogInterval = nil
            watchdogFailure = error
        }
    }

    private static func interval(
        _ watchdog: String?, _ watchdogProcess: String?, _ process: pid_t
    ) throws(Failure) -> Duration? {
        guard let watchdog else { return nil }
        if let watchdogProcess, pid_t(watchdogProcess) != process { return nil }
        guard let microseconds = Int64(watchdog), microseconds > 0 else {
            throw Failure(
                description: "WATCHDOG_USEC is \"\(watchdog)\", which is no time; the service manager is not told "
                    + "that this process is alive")
        }
        // Half of it, as sd_watchdog_enabled(3) recommends; what is shorter than this would only keep a CPU busy.
        return max(.microseconds(microseconds / 2), .milliseconds(10))
    }

    /// Sends a message.
    ///
    /// - Parameter assignments: such as `("READY", "1")`. A value is made one line.
    public func tell(_ assignments: [(name: String, value: String)]) throws(Failure) {
        let lines = assignments.map { name, value in "\(name)=\(String(value.map { $0.isNewline ? " " : $0 }))" }
        let text = lines.joined(separator: "\n")
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var patience = Self.patience
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var place = sockaddr_un()
        place.sun_family = sa_family_t(AF_UNIX)
        // Safe: `init` has checked that it fits into `sun_path`, which begins as zeros.
        withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: address) }
        // An abstract name ends with the address, a path with a zero byte.
        let length = MemoryLayout<sa_family_t>.size + address.count + (address[0] == 0 ? 0 : 1)
        // Safe: every socket address may be looked at as a `sockaddr`, with its own size.
        let count = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
            }
        }
        guard count == text.utf8.count else { throw failure() }
    }

    private func failure() -> Failure {
        Failure(description: "\(name) (NOTIFY_SOCKET) cannot be told (\(String(cString: strerror(errno))))")
    }
}
