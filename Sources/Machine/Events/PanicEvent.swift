// What a machine tells of a guest whose kernel panicked.

/// What the guest said of it, by pvpanic.
public enum PanicEvent: String, Sendable, Hashable {
    /// It is the end of the run.
    case panicked
    /// The guest goes on with the kernel that was loaded for this.
    case crashLoaded = "crash-loaded"
}
