// What a bare-metal program may ask of whoever runs it.

/// Semihosting: calls of a program to the host that debugs it. Only for programs that are trusted with their run.
public struct SemihostingConfiguration: Sendable, Hashable {
    /// What a program is told of its command line: its name, and what follows.
    public var arguments: [String]

    /// - Parameter arguments: the program's command line.
    public init(arguments: [String] = []) {
        self.arguments = arguments
    }
}
