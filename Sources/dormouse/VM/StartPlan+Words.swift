// What a start is going to be, for people and for programs.

import Hibernation
import KeptVMs
import Machine

extension StartPlan {
    /// Lines to be said before the guest runs.
    var words: [String] {
        var lines: [String] = []
        if isUnknown, known?.mayHave != true || refusalCode != nil {
            let images = findings.filter { $0.image != nil }.map(\.path)
            lines.append(
                "nobody knows how the last run ended; "
                    + (images.isEmpty
                        ? "no disk has a hibernation image"
                        : "a hibernation image is on \(images.joined(separator: ", ")), and nothing says whether the disks are as it left them")
            )
        }
        if let original, !resumesTwice {
            lines.append(
                "VM \(vm.name) is a copy of the one in \(original), with the same generation id and network addresses; "
                    + "`dormouse bump \(vm.name)` makes it a machine of its own, and `dormouse copy` makes such copies")
        }
        switch decision {
        case .boot: break
        case _ where resumesTwice: break
        // Most likely the guest was shut down, and nothing changed in case that it was not.
        case .resume where isMereChance: break
        case .resume(let differences):
            lines.append("resuming the guest in the environment that it left")
            lines += differences.map { "changed since then: \($0.words)" }
        case .keep(let differences):
            lines.append(
                "resuming the guest in the environment that it left; what is configured today follows at its next full boot:"
            )
            lines += differences.map { "later: \($0.words)" }
        case .clean(let reason):
            lines.append("booting clean, in generation \(generation): \(reason.words)")
            if case .environment(let differences) = reason { lines += differences.map { "changed: \($0.words)" } }
        case .refuseEnvironment(let differences): lines += differences.map { "changed: \($0.words)" }
        case .refuseDisks(let changes): lines += changes.map { "changed: \($0.words)" }
        case .refuseExpired: break
        }
        lines += diskNotices.map(\.words)
        return lines
    }

    /// What the process exits with if nothing is started.
    var refusalCode: ExitCode? {
        if resumesTwice { return .refusedEnvironment }
        return switch decision {
        case .refuseEnvironment: .refusedEnvironment
        case .refuseDisks: .refusedDisks
        case .refuseExpired: .refusedExpired
        case .boot, .resume, .keep, .clean: nil
        }
    }

    /// The last line of a refusal.
    var refusalWords: String {
        if resumesTwice, let original {
            return "refused: VM \(vm.name) is a copy of the one in \(original), and both would resume the same guest; "
                + "start that one, or make this one a machine of its own, which boots clean, with `dormouse bump \(vm.name)`"
        }
        if isMereChance { return chanceWords }
        return switch decision {
        case .refuseEnvironment(let differences):
            "refused: the environment changed (\(differences.map(\.path).joined(separator: ", "))) while the guest was hibernated; "
                + "change it back, or start with --on-change keep or --on-change clean"
        case .refuseDisks(let changes):
            "refused: \(changes.map(\.words).joined(separator: "; ")); " + remedy(changes)
        case .refuseExpired(let slept, let limit):
            "refused: the guest was hibernated for \(slept) s, and its policy allows \(limit) s; "
                + "change hibernation.expires-after or on-expiry, or boot clean with --fresh"
        case .boot, .resume, .keep, .clean: ""
        }
    }

    private func remedy(_ changes: [DiskChange]) -> String {
        if changes.allSatisfy({ $0.evidence == ["unverified"] }) {
            return
                "start without --verify-disks, and have digests kept from now on with hibernation.disk-hash = \"full\""
        }
        return "resuming the guest over it would destroy what is there: put the disk back, "
            + "or boot clean with --fresh --accept-disk-change"
    }

    /// The last line of a refusal because of a hibernation that nobody could see.
    private var chanceWords: String {
        let places = findings.compactMap { finding in
            let hidden = finding.unsearched.filter(\.hidesWrites).map(\.words) + [finding.failure].compactMap(\.self)
            return hidden.isEmpty ? nil : "\(finding.path): \(hidden.joined(separator: ", "))"
        }
        let change =
            switch decision {
            case .refuseDisks(let changes): changes.map(\.words).joined(separator: "; ")
            default: "the environment changed (\(differences.map(\.path).joined(separator: ", ")))"
            }
        let option = if case .refuseDisks = decision { "--fresh --accept-disk-change" } else { "--fresh" }
        return "refused: \(change), and the guest may have hibernated where nobody can look "
            + "(\(places.joined(separator: "; "))); change it back, or, if the guest was shut down, start it with \(option)"
    }

    func refusalEnd(_ code: ExitCode, time: UInt64) -> VMState.End {
        VMState.End(kind: kind, exitCode: code.rawValue, words: refusalWords, time: String(time))
    }

    /// What became of the guest, which runs.
    var statusWords: String {
        switch decision {
        case .resume where isMereChance: "booted"
        case .resume, .keep: "resumed"
        case .clean(let reason): "booted clean: \(reason.words)"
        case .boot, .refuseEnvironment, .refuseDisks, .refuseExpired: "booted"
        }
    }

    /// A name for programs.
    var kind: String {
        if resumesTwice { return "refused-copy" }
        return switch decision {
        case .boot: "boot"
        case .resume where isMereChance: "boot"
        case .resume: "resume"
        case .keep: "keep"
        case .clean: "clean"
        case .refuseEnvironment: "refused-environment"
        case .refuseDisks: "refused-disks"
        case .refuseExpired: "refused-expired"
        }
    }

    /// The differences that the decision is about.
    var differences: [EnvironmentDifference] {
        switch decision {
        case .resume where isMereChance: []
        case .resume(let differences), .keep(let differences), .clean(.environment(let differences)),
            .refuseEnvironment(let differences):
            differences
        case .boot, .clean, .refuseDisks, .refuseExpired: []
        }
    }

    var diskChanges: [DiskChange] {
        if case .refuseDisks(let changes) = decision { changes } else { [] }
    }

    /// For a report.
    func report(recordNanoseconds: UInt64? = nil) -> RunReport.VM {
        RunReport.VM(
            name: vm.name, start: kind, isUnknown: isUnknown, generation: generation,
            environmentFingerprint: "\(environment.fingerprint)", differences: differences,
            diskChanges: diskChanges, diskNotices: diskNotices,
            recordMilliseconds: recordNanoseconds.map { Double($0) / 1e6 })
    }
}

extension CleanReason {
    fileprivate var words: String {
        switch self {
        case .fresh: "this start was asked for"
        case .bumped: "another generation was asked for"
        case .environment: "the environment changed"
        case .givenUp: "the image on the disk was given up before; `dormouse discard` takes it away"
        case .expired(let slept): "the guest was hibernated for \(slept) s, which is too long"
        }
    }
}

/// What `--report` has of a start that was refused.
struct RefusalReport: Codable {
    var schemaVersion = RunReport.currentSchemaVersion
    var dormouse: String
    var end: RunReport.End
    var vm: RunReport.VM

    init(_ plan: StartPlan, dormouseVersion: String) {
        dormouse = dormouseVersion
        end = RunReport.End(
            kind: plan.kind, exitCode: plan.refusalCode?.rawValue ?? 0, words: plan.refusalWords)
        vm = plan.report()
    }
}
