// From what a VM's directory and disks say to a machine that can be run, or to a refusal.
//
// Responsible for: gathering what `StartDecision` needs, and the machine that follows from what it says. Not
// responsible for running it, nor for keeping what comes of it (`VMRun`).

import DiskImages
import Hibernation
import Machine
import PSCI

/// Called while much of the disk of that path is read: how many bytes of how many are done.
public typealias DiskProgress = (_ path: String, _ done: UInt64, _ total: UInt64) -> Void

/// What one start of a VM is going to be.
public struct StartPlan: Sendable {
    public let vm: VM
    public let state: VMState
    public let decision: StartDecision
    /// What is worth a word about the disks of a guest that is resumed nevertheless.
    public let diskNotices: [DiskNotice]
    /// Whether the last run ended without a word, so that only the disks say whether there is something to resume.
    public let isUnknown: Bool
    /// What was found on the disks.
    public let findings: [HibernationFinding]
    /// The configuration that the guest will be given: today's, or the one that it hibernated in.
    public let configuration: VMConfiguration
    /// The machine of that configuration, ready to run. Meaningless for a refusal.
    public let machine: MachineConfiguration
    public let environment: Environment
    public let generation: UInt64
    /// The hibernation that the guest is to resume.
    public let slept: VMState.Slept?
    /// The hibernation that is known of, whatever this start is.
    public let known: VMState.Slept?
    /// Where the VM is that this one is a copy of, with the same identity, if it is still there.
    public let original: String?
    /// What it takes to put the images on the disks back.
    let imageHeaders: [VMState.Lost.Header]
    /// The disks that were written since the guest hibernated.
    let changedDisks: [String]
    /// Kernel and initrd, as they were measured.
    let files: MeasuredFiles

    /// Looks at everything; changes nothing, but for the copies of the files.
    ///
    /// - Parameters:
    ///   - vm: what would be started.
    ///   - request: how.
    ///   - now: nanoseconds since 1970-01-01 UTC.
    ///   - keepsFiles: whether the files are copied, for a machine that loads the copies. Whoever wants that holds the
    ///     VM's lock.
    ///   - progress: called while much of a disk is read.
    public init(
        _ vm: VM, request: StartRequest, now: UInt64, keepsFiles: Bool = false,
        progress: DiskProgress = { _, _, _ in }
    ) throws {
        self.vm = vm
        let state = try vm.state()
        let today = try vm.configuration()
        var machine = try Self.machine(of: today, vm)
        machine.laboratory.withheldCores = request.withheldCores
        machine.knownHeaderEnds = state.knownHeaderEnds
        let files: MeasuredFiles
        if keepsFiles {
            (machine, files) = try KeptFiles(vm).keep(machine)
        } else {
            files = try MeasuredFiles(of: machine)
        }
        let environment = machine.environment(files)
        let findings = machine.disks.indices.map { index in
            HibernationFinding(
                path: machine.disks[index].path, format: machine.disks[index].format,
                machine.swapSelection(ofDisk: index))
        }
        let slept = state.hibernation ?? Self.unknown(state, findings)
        var policy = try Self.policy(today, request, vm)
        // A guest that most likely was shut down does not become too old.
        if slept?.isCertain == false { policy.expiresAfter = nil }
        self.state = state
        self.findings = findings
        isUnknown = state.run != nil
        var disks = try Self.disks(machine, like: slept?.record, progress)
        var decision = StartDecision(
            record: slept?.record, generation: state.generation, environment: environment, disks: disks,
            policy: policy, now: now)
        // Whatever became of the run that gave it up.
        if state.hibernation == nil, !decision.isClean, try Self.hasGivenUpImage(state, machine) {
            decision = .clean(.givenUp)
        }
        var prepared: MachineConfiguration
        if case .keep = decision, let slept {
            var kept = try Self.keptMachine(slept, vm, known: state.knownHeaderEnds)
            kept.laboratory.withheldCores = request.withheldCores
            let keptFiles = try MeasuredFiles(of: kept)
            let keptEnvironment = kept.environment(keptFiles)
            // What cannot be given again (a kernel that was not kept, a disk of another size) still differs.
            let differences = keptEnvironment.differences(from: slept.record.environment)
                .filter { $0.consequence != .mayChange }
            if kept.disks != machine.disks { disks = try Self.disks(kept, like: slept.record, progress) }
            let changes =
                DiskComparison(
                    recorded: slept.record.disks, today: disks, differences: differences,
                    isVerifying: policy.verifiesDisks
                ).changes
            if !differences.isEmpty {
                decision = .refuseEnvironment(differences)
            } else if !changes.isEmpty {
                decision = .refuseDisks(changes)
            }
            configuration = slept.configuration
            self.environment = slept.record.environment
            self.files = keptFiles
            prepared = Self.prepared(kept, state, decision, slept)
        } else {
            configuration = today
            self.environment = environment
            self.files = files
            prepared = Self.prepared(machine, state, decision, slept)
        }
        self.decision = decision
        let comparison = DiskComparison(recorded: slept?.record.disks, today: disks, differences: [])
        diskNotices = decision.resumes ? comparison.notices : []
        let changed = comparison.changes.map(\.disk)
        changedDisks = machine.disks.indices.filter { changed.contains($0) }.map { machine.disks[$0].path }
        generation = decision.beginsGeneration ? state.generation + 1 : state.generation
        // What a guest with ACPI knows its machine by.
        prepared.hardwareSignature = HardwareSignature.of(self.environment, generation: generation)
        self.machine = prepared
        self.slept = decision.resumes ? slept : nil
        known = slept
        original = vm.original(state)
        // Without a clean boot they are kept in case that the guest's kernel does not take them: not every reason is
        // ours.
        imageHeaders =
            if decision.isClean {
                try VM.savedHeaders(machine)
            } else if decision.isRefusal {
                []
            } else {
                (try? VM.savedHeaders(prepared)) ?? []
            }
    }

    /// Forgets the copies of files for a start that is refused.
    public func forgetFiles() { KeptFiles(vm).removeAll(but: state.neededFiles) }

    /// Whether the guest would be resumed although the VM that this one was copied from may resume it, too.
    public var resumesTwice: Bool { original != nil && decision.resumes }

    /// Whether nobody could see whether the guest hibernated, and a start is an ordinary boot as long as it finds what
    /// it left.
    public var isMereChance: Bool { known?.isCertain == false }

    private static func machine(of configuration: VMConfiguration, _ vm: VM) throws(HostError) -> MachineConfiguration {
        do throws(VMConfigurationError) {
            var machine = try configuration.machine()
            machine.uefi?.variables = vm.variablesPath
            return machine
        } catch { throw .configuration(path: vm.configurationPath, reason: error.description) }
    }

    private static func policy(
        _ configuration: VMConfiguration, _ request: StartRequest, _ vm: VM
    ) throws(HostError) -> StartPolicy {
        let policy = configuration.hibernation
        do throws(VMConfigurationError) {
            return StartPolicy(
                onChange: request.onChange ?? policy.onChange, onExpiry: policy.onExpiry,
                expiresAfter: try policy.expirySeconds(), isFresh: request.isFresh,
                acceptsDiskChange: request.acceptsDiskChange, verifiesDisks: request.verifiesDisks)
        } catch { throw .configuration(path: vm.configurationPath, reason: error.description) }
    }

    /// The disks today, looked at as closely as the record did; nil if that has nothing to compare with.
    private static func disks(
        _ machine: MachineConfiguration, like record: HibernationRecord?, _ progress: DiskProgress
    ) throws(RawDiskError) -> [DiskFingerprint]? {
        guard let recorded = record?.disks, recorded.count == machine.disks.count else { return nil }
        var disks: [DiskFingerprint] = []
        for (disk, then) in zip(machine.disks, recorded) {
            disks.append(
                try DiskFingerprint.of(diskAt: disk.path, format: disk.format, .like(then)) {
                    progress(disk.path, $0, $1)
                })
        }
        return disks
    }

    /// After a run that ended without a word, an image on a disk is all there is, or a place that nobody can look into;
    /// the run itself says in which environment it was made. Nobody knows how the disks were left.
    private static func unknown(_ state: VMState, _ findings: [HibernationFinding]) -> VMState.Slept? {
        let hasImage = findings.contains { $0.image != nil }
        guard let run = state.run, hasImage || findings.contains(where: \.mayHideImage) else { return nil }
        let record = HibernationRecord(
            dormouse: "unknown", time: UInt64(run.since) ?? 0,
            call: HibernationRecord.Call(function: "unknown", functionID: "unknown", type: nil, core: 0),
            environment: run.environment, generation: run.generation, counter: UInt64(run.counter) ?? 0, disks: nil)
        return VMState.Slept(record: record, configuration: run.configuration, mayHave: hasImage ? nil : true)
    }

    /// Whether an image is on a disk that a clean boot gave up, and nobody took away.
    private static func hasGivenUpImage(_ state: VMState, _ machine: MachineConfiguration) throws(HostError) -> Bool {
        guard let lost = state.lost, lost.wasToResume != true else { return false }
        return try VM.savedHeaders(machine).contains { lost.headers.contains($0) }
    }

    /// The machine in which the guest hibernated, with the files that it had then if they were kept.
    private static func keptMachine(
        _ slept: VMState.Slept, _ vm: VM, known: [String: [UInt64]]
    ) throws(HostError) -> MachineConfiguration {
        var machine = try machine(of: slept.configuration, vm)
        machine.knownHeaderEnds = known
        let files = KeptFiles(vm)
        func kept(_ fact: String) -> String? {
            guard let digest = slept.record.environment[fact].flatMap({ Fingerprint($0) }), files.has(digest) else {
                return nil
            }
            return files.path(digest)
        }
        if let path = kept("kernel.sha256") {
            machine.kernel = path
            // The copy has another name, from which nobody should guess what it is.
            machine.kernelFormat = slept.record.environment["kernel.kind"] == "flat" ? .flat : .linux
        }
        if let path = kept("initrd.sha256") { machine.initrd = path }
        if let path = kept("uefi.sha256") { machine.uefi?.code = path }
        return machine
    }

    /// What the decision makes of a machine: where its counter begins, and whether its kernel is to look for an image.
    private static func prepared(
        _ machine: MachineConfiguration, _ state: VMState, _ decision: StartDecision, _ slept: VMState.Slept?
    ) -> MachineConfiguration {
        var machine = machine
        if decision.resumes, let slept, machine.model.counterGoesOn {
            machine.initialCounter = slept.record.counterValue
            machine.initialCounterTime = slept.record.timeNanoseconds
        }
        // With ACPI, the guest's kernel sees by the signature that the image is not for this machine.
        if decision.isClean, machine.hardwareDescription == .deviceTree, machine.kernel != nil {
            machine.commandLine += (machine.commandLine.isEmpty ? "" : " ") + "noresume"
        }
        return machine
    }
}

/// What the user wants of one start, besides what the VM's own policy says.
public struct StartRequest: Sendable, Hashable {
    /// Instead of the VM's own policy.
    public var onChange: OnChange?
    public var isFresh = false
    public var acceptsDiskChange = false
    /// Resume only if all of every disk's content was compared.
    public var verifiesDisks = false
    /// Whether a clean boot takes the image off the disks itself, rather than leaving it to the guest.
    public var discardsImage = false
    /// Cores that the laboratory withholds in this start: before PSCI 1.2 the guest is not told of them.
    public var withheldCores: Set<Int> = []

    public init() {}
}

extension StartDecision {
    /// Whether the guest finds what it left.
    public var resumes: Bool {
        switch self {
        case .resume, .keep: true
        default: false
        }
    }

    /// Whether the guest boots clean although it could have resumed.
    public var isClean: Bool {
        if case .clean = self { true } else { false }
    }

    /// Whether the clean boot is to have a generation of its own: not if somebody counted up for it already.
    fileprivate var beginsGeneration: Bool { isClean && self != .clean(.bumped) && self != .clean(.givenUp) }

    /// Whether nothing is started.
    public var isRefusal: Bool {
        switch self {
        case .refuseEnvironment, .refuseDisks, .refuseExpired: true
        default: false
        }
    }
}
