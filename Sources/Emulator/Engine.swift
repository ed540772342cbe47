// Which engine executes guest code.

/// How a machine executes its guest's code.
public enum Engine: String, Sendable, CaseIterable {
    /// Every block is interpreted.
    case interpreter
    /// Every block is translated to host code when it is first executed.
    case translator
    /// Blocks are interpreted until they have proved warm, and then translated where the host allows it.
    case auto
}
