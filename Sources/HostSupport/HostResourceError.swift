// What the host may refuse to a program that needs little of it.

import Glibc

/// Why the host would not give a thread or a descriptor: one line for people, with what to do.
public struct HostResourceError: AttributedError, Equatable {
    /// What was asked for.
    public enum Resource: String, Sendable {
        case thread = "start a thread"
        case pipe = "make a pipe"
        case process = "start a process"
        case watch = "watch files"
    }

    public var resource: Resource
    public var errno: Int32

    public init(resource: Resource, errno: Int32) {
        self.resource = resource
        self.errno = errno
    }

    public var isHosts: Bool { true }

    public var description: String {
        "cannot \(resource.rawValue) (\(String(cString: strerror(errno)))); raise the limits on processes and open files "
            + "(ulimit -u, ulimit -n)"
    }
}
