// Why a command line of QEMU's cannot be taken.

/// One line for the user, which begins with the option that it is about.
struct QEMUError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }

    /// About the value of an option.
    init(_ option: String, _ words: String) { description = "-\(option) \(words)" }
}
