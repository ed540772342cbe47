// A VM as the server says it is.

import KeptVMs

/// How a VM is. docs/serve.md has its keys.
struct VMSummary: Codable, Sendable {
    /// The state of one whose files cannot be used.
    static let broken = "broken"

    var name: String
    var path: String
    /// As `dormouse status` has it, or `broken`.
    var state: String
    /// For people: how it is, or what is wrong with it.
    var words: String
    /// The number of the process that has it.
    var process: Int?
    /// Counted up for each boot that is to be clean.
    var generation: UInt64?
    var lastEnd: VMState.End?
    /// What its run has done so far, if it runs.
    var figures: RunFigures?
    /// What may be done with it now.
    var verbs: [String] = []

    /// How long a VM has to say how it is, in milliseconds. One that hangs is not to hold up the others.
    private static let patience = 1000

    /// Looks at the files of `vm` and asks its process. Waits for that.
    init(_ vm: VM) {
        name = vm.name
        path = vm.path
        do throws(HostError) {
            let phase = try VMPhase(vm)
            if case .running(let holder) = phase { process = Int(holder) }
            let reply = phase.reply(of: vm, patience: Self.patience)
            state = phase.state(of: vm, reply)
            figures = reply?.figures
            words = phase.words
            // One that rests has been read whole by now.
            let known = try vm.stateOutline()
            generation = known.generation
            lastEnd = known.lastEnd
            // A VM whose configuration is damaged cannot be started, however its last run ended.
            if process == nil { _ = try vm.configuration() }
        } catch {
            state = Self.broken
            words = "broken: \(error)"
        }
        verbs = Verb.allCases.filter { $0.isAllowed(for: self) }.map(\.rawValue)
    }
}
