// Where things are that the server needs: its files, its socket, and `dormouse`.

import FoundationEssentials
import Glibc
import HostSupport

/// A place that cannot be used. One line: what is wrong, and what to do.
struct PlaceError: AttributedError {
    var description: String
    var isHosts: Bool { false }
}

enum Place {
    /// Bytes of a list of tokens.
    private static let textLimit = 1 << 20

    /// The same file, wherever the process is later.
    static func absolute(_ path: String) throws(PlaceError) -> String {
        guard !path.isEmpty else { throw PlaceError(description: "a path is empty; name a file or a directory") }
        return path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }

    /// The socket that is named, or the user's.
    static func socket(_ path: String?) throws(PlaceError) -> String {
        if let path { return try absolute(path) }
        guard let directory = variable("XDG_RUNTIME_DIR"), directory.hasPrefix("/") else {
            throw PlaceError(description: "there is no $XDG_RUNTIME_DIR for the socket; name one with --socket")
        }
        return "\(directory)/dormouse.socket"
    }

    /// `dormouse`: as named, beside this program, in the place above its own, or where the shell would find it.
    static func program(_ path: String?) throws(PlaceError) -> String {
        if let path { return try executable([try absolute(path)], named: path) }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let directory = own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let search = (variable("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
        return try executable(
            ([directory, "\(directory)/../bin"] + search).map { "\($0)/dormouse" }, named: "dormouse")
    }

    private static func executable(_ paths: [String], named name: String) throws(PlaceError) -> String {
        guard let path = paths.first(where: { $0.hasPrefix("/") && FileManager.default.isExecutableFile(atPath: $0) })
        else { throw PlaceError(description: "there is no executable \(name); name it with --program") }
        return path
    }

    /// `192.0.2.1:8443`, `[::1]:8443`, `host:8443`.
    static func address(_ text: String) throws(PlaceError) -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw PlaceError(description: "\"\(text)\" is no address and port, such as 192.0.2.1:8443")
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw PlaceError(description: "\"\(text)\" has no address before its port") }
        return (String(host), Int(port))
    }

    /// The text of a small file.
    static func text(_ path: String) throws(PlaceError) -> String {
        guard let data = FileManager.default.contents(atPath: path), data.count <= textLimit else {
            throw PlaceError(description: "\(path) cannot be read; name a list of tokens")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Adds to a file that is its owner's alone.
    static func append(_ text: String, to path: String) throws(PlaceError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, writeAll(Array(text.utf8), to: descriptor) == nil else {
            throw PlaceError(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
