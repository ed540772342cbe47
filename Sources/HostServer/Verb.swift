// What may be done with a VM: one table, which says of each verb in which states it means anything, and one function,
// which says what an exit code of `dormouse` comes to.

import KeptVMs

/// What changes something about a VM.
enum Verb: String, CaseIterable, Sendable {
    case start, hibernate, stop, pause, unpause, kill
    case bump, discard, repair, rename, copy, set, remove
    case restoreImage = "restore-image"

    /// What has to be true of the VM.
    enum Prerequisite: Sendable {
        /// A process has it.
        case runs
        /// None has it.
        case rests
        case nothing
    }

    var prerequisite: Prerequisite {
        switch self {
        case .hibernate, .stop, .pause, .unpause, .kill: .runs
        case .start, .bump, .discard, .repair, .rename, .copy, .remove, .restoreImage: .rests
        case .set: .nothing
        }
    }

    /// Whether it can be done with a VM whose files are damaged.
    private var takesBroken: Bool { [.repair, .remove, .kill].contains(self) }

    /// Whether it means anything for a VM like that. What it comes to is for `dormouse` to say.
    func isAllowed(for vm: VMSummary) -> Bool {
        if vm.state == VMSummary.broken && !takesBroken { return false }
        return switch prerequisite {
        case .runs: vm.process != nil
        case .rests: vm.process == nil
        case .nothing: true
        }
    }

    /// - Throws: a `Problem` if it means nothing for that VM.
    func check(_ vm: VMSummary) throws(Problem) {
        guard !isAllowed(for: vm) else { return }
        var problem = Problem(
            vm.state == VMSummary.broken ? .broken : .wrongState,
            vm.state == VMSummary.broken
                ? vm.words : "VM \(vm.name) is \(vm.state); \(rawValue) means nothing for it now")
        problem.state = vm.state
        throw problem
    }

    /// What `dormouse` says of values that it cannot use, rather than of a VM that is otherwise.
    private var isAboutValues: Bool { [.copy, .set].contains(self) }

    /// Why `dormouse` did not do it; nil if it did, or at least something.
    func problem(_ answer: DormouseProgram.Answer) -> Problem? {
        Problem(of: answer, invalid: isAboutValues)
    }
}

extension Problem {
    /// What an exit code means (docs/cli.md, "How a run ends"); nil if something was done.
    ///
    /// - Parameters:
    ///   - answer: of `dormouse`.
    ///   - invalid: whether what it cannot do is the fault of values that it was given.
    init?(of answer: DormouseProgram.Answer, invalid: Bool) {
        let reason: Reason
        switch answer.exitCode {
        case 50: reason = .refusedEnvironment
        case 51: reason = .refusedDisks
        case 52: reason = .refusedExpired
        case 53: reason = .noReaction
        case 64: reason = invalid ? .invalid : .declined
        case 70, nil: reason = .hostFailed
        // A VM's process that was to start, and ended by a fault or was killed: 128 and SIGILL to SIGKILL, or SIGSEGV.
        case (132...137)?, 139: reason = .hostFailed
        default: return nil
        }
        self.init(reason, answer.words.last ?? "dormouse ended without a word")
        exitCode = answer.exitCode
        words = answer.words
    }
}
