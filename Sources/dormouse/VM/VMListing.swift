// A VM in a few words, as `list`, `status` and `wait` tell it to programs. docs/hibernation.md has its keys.

import KeptVMs

struct VMListing: Encodable {
    static let broken = "broken"

    var name: String
    var path: String
    /// As `dormouse status` prints it, or `broken`.
    var state: String
    /// For people: how it is, or what is wrong with it.
    var words: String
    /// The number of the process that runs it.
    var process: Int?
    var lastEnd: VMState.End?
    /// Whose service manager starts it, if one does.
    var enabled: UnitScope?

    /// - Parameters:
    ///   - vm: the VM.
    ///   - phase: how it is.
    ///   - state: the state's name.
    ///   - lastEnd: how its last run ended.
    init(_ vm: VM, _ phase: VMPhase, state: String, lastEnd: VMState.End?) {
        name = vm.name
        path = vm.path
        self.state = state
        words = phase.words
        if case .running(let holder) = phase { process = Int(holder) }
        self.lastEnd = lastEnd
        enabled = vm.enabledScope
    }

    /// One that cannot be used.
    ///
    /// - Parameters:
    ///   - name: its name.
    ///   - path: its directory.
    ///   - error: why.
    init(broken name: String, path: String, _ error: HostError) {
        self.name = name
        self.path = path
        state = Self.broken
        words = "broken: \(Command.words(error))"
    }
}
