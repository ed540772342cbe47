// Whose fault an error is: what was asked for, or the host.

/// An error that says whose fault it is. Its text is for the user, one line: what is wrong, and what to do.
public protocol AttributedError: Error, CustomStringConvertible {
    /// Whether the host failed, rather than that something was asked for that cannot be done.
    var isHosts: Bool { get }
}
