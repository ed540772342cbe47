// `dormouse serve`: becomes `dormouse-serve`, a program of its own, which has HTTP and TLS in it. Its options are its
// own business, and so is what it says of them.

import ArgumentParser
import Glibc
import HostSupport

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the VMs that are kept: REST at a UNIX socket, and by TLS over the network.",
        discussion: """
            A program of its own, dormouse-serve, which this becomes: `dormouse serve --help` prints its options, and docs/serve.md \
            has the requests.
            """)

    @Argument(parsing: .captureForPassthrough, help: "Options of dormouse-serve.")
    var arguments: [String] = []

    func run() throws {
        Command.run {
            for path in Self.places {
                var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
                // It returns only if it could not be done.
                execv(path, &words)
                for word in words { free(word) }
                guard errno == ENOENT || errno == ENOTDIR else {
                    throw ServeError(description: "cannot run \(path): \(String(cString: strerror(errno)))")
                }
            }
            throw ServeError(
                description:
                    "there is no dormouse-serve beside this program or in PATH; install it, as docs/serve.md says")
        }
    }

    /// Where the program may be: beside this one, or where the shell would find it.
    private static var places: [String] {
        var own = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &own, own.count - 1)
        let path = String(decoding: own.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let beside = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let search = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return ([beside] + search.split(separator: ":").map(String.init))
            .filter { $0.hasPrefix("/") }.map { "\($0)/dormouse-serve" }
    }
}

/// The server is not there, or cannot be run.
private struct ServeError: AttributedError {
    var description: String
    var isHosts: Bool { false }
}
