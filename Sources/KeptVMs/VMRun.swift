// What is kept of a run: that it began, and how it ended.
//
// The order is the point. A run says that it runs before the guest does anything, and a hibernation is on stable
// storage before anybody is told of it: DEN0022 F.b §5.11.3 wants the guest to find its environment again, and a host
// that crashed in between must not remember less, or more, than is true.

import Bytes
import DiskImages
import Hibernation
import HostSupport
import Machine
import Synchronization

/// A run of a VM.
public final class VMRun: Sendable {
    public let plan: StartPlan
    public let life: VMLife
    private let lock: VMLock
    private let discardsImage: Bool
    /// What `state.json` says. It is written by whoever runs the machine, and by the threads of its disks.
    private let state: Mutex<VMState>

    /// Notes that the run begins, before its machine is made and has the disks. The lock lasts as long as this value.
    ///
    /// - Parameters:
    ///   - plan: what the start is to be.
    ///   - lock: the VM's.
    ///   - request: what was asked for.
    ///   - now: nanoseconds since 1970-01-01 UTC.
    ///   - life: the VM's, if somebody has taken it up already.
    public init(
        _ plan: StartPlan, lock: VMLock, request: StartRequest, now: UInt64, life: VMLife? = nil
    ) throws(HostError) {
        self.plan = plan
        self.lock = lock
        self.life = life ?? VMLife(plan.vm)
        self.life.move(to: .starting, cause: "a start was asked for")
        self.life.begin(generation: plan.generation, fingerprint: "\(plan.environment.fingerprint)")
        // Without a kernel's command line, and without a hardware signature, nothing else keeps the guest from it.
        let cannotBeTold = plan.machine.kernel == nil && plan.machine.hardwareDescription == .deviceTree
        discardsImage = request.discardsImage || cannotBeTold
        var state = plan.state
        // Before the guest, its kernel, or the user gives an image up: what it takes to put it back.
        if !plan.imageHeaders.isEmpty, plan.decision != .clean(.givenUp) {
            let wasToResume: Bool? = plan.decision.isClean ? nil : true
            if plan.known == nil, state.lost?.headers == plan.imageHeaders {
                // They were given up before, when it was known what they are of.
                state.lost?.wasToResume = wasToResume
            } else {
                state.lost = VMState.Lost(
                    slept: plan.known, headers: plan.imageHeaders, written: plan.changedDisks, wasToResume: wasToResume)
            }
        }
        // Whatever is on the disks: the run decides what becomes of it.
        state.lost?.isChanging = nil
        state.home = plan.vm.path
        state.generation = plan.generation
        state.hibernation = nil
        state.run = VMState.Run(
            environment: plan.environment, configuration: plan.configuration, generation: plan.generation,
            since: String(now), counter: String(plan.machine.counter(at: now)), resumed: plan.slept)
        self.state = Mutex(state)
        try plan.vm.write(state)
        // What the old state needs stays as well: the run may not begin after all.
        let running = [plan.files.kernel, plan.files.initrd, plan.files.uefi].compactMap(\.self)
        KeptFiles(plan.vm).removeAll(but: state.neededFiles.union(plan.state.neededFiles).union(running))
        if plan.decision.isClean, discardsImage { try VM.discardImages(plan.machine) }
    }

    /// Notes that the run did not begin after all.
    public func cancel() throws(HostError) {
        var state = plan.state
        if plan.decision.isClean, discardsImage {
            state = self.state.withLock(\.self)
            state.run = nil
        }
        try plan.vm.write(state)
        life.move(to: .refused, cause: "the machine could not be made")
    }

    /// Notes that the guest runs now, for a reason in words.
    public func didStart(_ cause: String) {
        life.move(to: .running, cause: cause)
    }

    /// Notes that the guest wrote the header of an image, while it runs: if this process is killed, the next one finds
    /// it.
    public func noteImage(disk: Int, headerEnd: UInt64) {
        let path = plan.machine.disks[disk].path
        state.withLock { state in
            guard state.note(headerEnd: headerEnd, onDiskAt: path) else { return }
            // If it cannot be written now, it is once more when the run ends.
            try? plan.vm.write(state)
        }
    }

    /// Notes that the guest was reset after `finish`, and goes on in the same machine, as after a warm reset.
    public func goOn() throws(HostError) {
        let vm = plan.vm
        let state = self.state.withLock { state in
            state.run =
                state.run
                ?? VMState.Run(
                    environment: plan.environment, configuration: plan.configuration, generation: plan.generation,
                    since: state.hibernation?.record.time ?? "0", counter: state.hibernation?.record.counter ?? "0",
                    resumed: state.hibernation)
            state.hibernation = nil
            return state
        }
        try vm.write(state)
        life.move(to: .starting, cause: "the guest reset the machine")
    }

    /// Notes that the guest was reset, with nothing to be kept of that, before it boots again.
    public func didReset(_ machine: VirtualMachine, _ end: RunEnd, _ findings: [HibernationFinding]) {
        life.move(to: .reset, cause: end.words(findings), call: Self.callName(end, machine))
    }

    /// Keeps how the run ended. When it returns, that is on stable storage.
    ///
    /// - Parameters:
    ///   - machine: what ran.
    ///   - outcome: how it ended.
    ///   - exitCode: what the process exits with.
    ///   - findings: what is on the disks after the run.
    ///   - dormouse: the version of Dormouse.
    ///   - now: nanoseconds since 1970-01-01 UTC.
    ///   - progress: called while much of a disk is read.
    ///   - didReach: called after each step of the writing.
    public func finish(
        _ machine: VirtualMachine, _ outcome: RunOutcome, exitCode: Int32, findings: [HibernationFinding],
        dormouse: String,
        now: UInt64, progress: DiskProgress = { _, _, _ in }, didReach: (DurableFile.Step) -> Void = { _ in }
    ) throws(HostError) {
        var state = self.state.withLock(\.self)
        for finding in findings {
            // They are found newest first.
            for image in finding.images.reversed() where image.area.resumeOffset != 0 {
                _ = state.note(headerEnd: image.area.headerEnd, onDiskAt: finding.path)
            }
        }
        let after = AfterRun(outcome.end, AfterRun.Facts(machine, plan, findings))
        switch after {
        case .hibernated, .mayHaveHibernated:
            // The time of the counter, not of the writing: the guest's clock would lose the difference in each cycle.
            let record = HibernationRecord(
                dormouse: dormouse, time: outcome.endTimes.time, call: Self.call(outcome.end, machine),
                environment: plan.environment, generation: plan.generation, counter: outcome.endTimes.counter,
                disks: try Self.disks(plan.configuration, progress))
            state.hibernation = VMState.Slept(
                record: record, configuration: plan.configuration, mayHave: after == .mayHaveHibernated ? true : nil)
            state.run = nil
            if after == .hibernated { state.lost = nil }
        case .asBefore:
            state.hibernation = plan.slept
            state.run = nil
            if state.lost?.wasToResume == true { state.lost = nil }
        case .unknown: break
        case .nothing: state.run = nil
        }
        state.lost?.note(machine.diskWriteCounts, of: plan.machine.disks)
        // What a guest went on from that was resumed is of no more use.
        if let lost = state.lost, lost.wasToResume == true, !lost.written.isEmpty { state.lost = nil }
        if state.lost != nil { state.lost?.disks = try Self.disks(plan.configuration, as: .sampled, progress) }
        state.lastEnd = VMState.End(
            kind: outcome.end.kind, exitCode: exitCode,
            words: outcome.end.words(findings, machine.diskFailures, panic: machine.consolePanic),
            time: String(now))
        self.state.withLock { $0 = state }
        try plan.vm.write(state, didReach: didReach)
        life.move(
            to: state.restingState, cause: state.lastEnd?.words ?? "", call: Self.callName(outcome.end, machine),
            exitCode: exitCode)
    }

    /// The disks as they are now, looked at as closely as the policy says.
    static func disks(
        _ configuration: VMConfiguration, as wanted: DiskFingerprint.Depth? = nil,
        _ progress: DiskProgress = { _, _, _ in }
    ) throws(HostError) -> [DiskFingerprint] {
        let depth = wanted ?? (configuration.hibernation.diskHash == .full ? .full : .sampled)
        var disks: [DiskFingerprint] = []
        for disk in configuration.disks ?? [] {
            do throws(RawDiskError) {
                disks.append(
                    try DiskFingerprint.of(diskAt: disk.path, format: disk.diskFormat, depth) {
                        progress(disk.path, $0, $1)
                    })
            } catch { throw .disk(reason: "\(error)") }
        }
        return disks
    }

    /// The name of the call that ended the run; nil if none did.
    private static func callName(_ end: RunEnd, _ machine: VirtualMachine) -> String? {
        let name = call(end, machine).function
        return name == "none" ? nil : name
    }

    /// The call that ended the run.
    private static func call(_ end: RunEnd, _ machine: VirtualMachine) -> HibernationRecord.Call {
        if case .hibernated(let request) = end {
            return HibernationRecord.Call(
                function: "SYSTEM_OFF2", functionID: hexadecimal(request.functionID), type: request.type,
                core: request.core)
        }
        let call = machine.firmwareCalls.lastSystemCall
        let function =
            switch end {
            case .hibernated: "SYSTEM_OFF2"
            case .poweredOff: "SYSTEM_OFF"
            case .reset(let request): request.type == nil ? "SYSTEM_RESET" : "SYSTEM_RESET2"
            // It made none: it was stopped once its image was written, or crashed.
            case .exited, .crashed, .stopped: "none"
            }
        let isCalled = function != "none"
        return HibernationRecord.Call(
            function: function, functionID: hexadecimal(isCalled ? call?.functionID ?? 0 : 0), type: nil,
            core: isCalled ? call?.core ?? 0 : 0)
    }
}
