// Which way guest code is executed.

/// How a software CPU executes guest code.
public enum Engine: String, CaseIterable, Sendable {
    /// Operation by operation. Runs on every host.
    case interpreter
    /// As host code from the first time on: for tests.
    case translator
    /// As host code once it has proved warm, on hosts that there is a translator for; else interpreted.
    case auto

    /// How often a block is interpreted before it is translated; nil if it never is.
    var patience: Int32? {
        switch self {
        case .interpreter: nil
        case .translator: 0
        case .auto: 32
        }
    }
}
