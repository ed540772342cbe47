// Opens the sockets of monitors.

import HostSupport
import QEMUMonitor

extension QEMUSocket {
    /// Listens, or connects once.
    ///
    /// - Parameter option: whose value this is, for errors.
    func open(_ option: String) throws(QEMUError) -> MonitorEndpoint.Access {
        do throws(StreamSocketError) {
            switch (address, isServer) {
            case (.unix(let path), true):
                let (directory, name) = Self.parts(path)
                return .listening(try .listening(directory: directory, name: name), path: path)
            case (.unix(let path), false):
                let (directory, name) = Self.parts(path)
                return .connected(try .connected(directory: directory, name: name))
            case (.tcp(let host, let port), true): return .listening(try .listening(host: host, port: port), path: nil)
            case (.tcp(let host, let port), false): return .connected(try .connected(host: host, port: port))
            }
        } catch {
            throw QEMUError(option, "cannot \(isServer ? "listen at" : "connect to") \(self): \(error.reason)")
        }
    }

    private static func parts(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let name = String(path[path.index(after: slash)...])
        return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
    }
}
