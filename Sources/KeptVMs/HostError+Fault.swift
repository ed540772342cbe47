// What an error of a VM's files means: whose fault it is, and what to do.

import Glibc

extension HostError {
    /// What is no fault of whoever called: there is no room, no memory, no descriptor, or the storage fails.
    private static let failuresOfTheHost = Set([ENOSPC, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM].map { String(errno: $0) })

    public var isHosts: Bool {
        // The reason is the host's own word for the error number.
        if case .file(_, _, let reason) = self { Self.failuresOfTheHost.contains(reason) } else { false }
    }

    /// What to do about what the host says of a file.
    static func advice(_ reason: String) -> String {
        switch reason {
        case String(errno: ENOSPC), String(errno: EDQUOT): "make room there"
        case String(errno: EMFILE), String(errno: ENFILE): "raise the limit of open files (ulimit -n)"
        default: "check its permissions and the host's storage"
        }
    }
}
