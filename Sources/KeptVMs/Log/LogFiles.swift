// The files of a VM's log: one that is written, and those before it.

import Glibc
import HostSupport

/// Where a VM's log is, and how much of it is kept.
struct LogFiles: Sendable {
    /// Bytes of a file before the next is begun.
    var byteLimit = 4 << 20
    /// Files before the one that is written.
    var earlierCount = 4
    private let path: String

    init(_ vm: VM) {
        path = "\(vm.path)/log"
    }

    /// The one that is written.
    var current: String { path }

    /// All of them, the oldest first. Not each need be there.
    var all: [String] { (1...earlierCount).reversed().map { "\(path).\($0)" } + [path] }

    /// Opens the one that is written; an error number if it cannot be.
    func open() -> (descriptor: Int32, size: Int)? {
        let descriptor = unsafe Glibc.open(
            path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        // Safe: `fstat` fills in the structure and does not keep its address.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            errno = EINVAL
            return nil
        }
        return (descriptor, Int(status.st_size))
    }

    /// Makes room for another file; the oldest goes.
    func rotate() {
        let names = all
        for (older, newer) in zip(names, names.dropFirst()) {
            // One that is not there is not moved.
            _ = unsafe rename(newer, older)
        }
    }
}
