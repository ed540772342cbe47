// What is kept of a run: that it began, and how it ended.
//
// The order is the point. A run says that it runs before the guest does anything, and a hibernation is on stable storage before
// anybody is told of it: DEN0022 F.b §5.11.3 wants the guest to find its environment again, and a host that crashed in between
// must not remember less, or more, than is true.

import Hibernation
import Machine

/// A run of a VM.
public struct VMRun: Sendable {
    public let plan: StartPlan
    private let lock: VMLock
    private let discardsImage: Bool

    /// Notes that the run begins, before its machine is made and has the disks. The lock lasts as long as this value.
    public init(_ plan: StartPlan, lock: VMLock, request: StartRequest, now: UInt64) throws(HostError) {
        self.plan = plan
        self.lock = lock
        discardsImage = request.discardsImage
        let kept = KeptFiles(plan.vm)
        try kept.keep(plan.machine.kernel, plan.files.kernel)
        if let initrd = plan.machine.initrd, let fingerprint = plan.files.initrd { try kept.keep(initrd, fingerprint) }
        kept.removeAll(but: Set([plan.files.kernel, plan.files.initrd].compactMap { $0 }))

        var state = plan.state
        if plan.decision.isClean {
            // Before the guest, or the user, gives an image up: what it takes to put it back.
            if !plan.givenUp.isEmpty, plan.decision != .clean(.givenUp) {
                state.lost = VMState.Lost(slept: state.hibernation, headers: plan.givenUp)
            }
        }
        state.generation = plan.generation
        state.hibernation = nil
        state.run = VMState.Run(
            environment: plan.environment, configuration: plan.configuration, generation: plan.generation,
            since: String(now), counter: String(plan.machine.counter(at: now)), resumed: plan.slept)
        try plan.vm.write(state)
        if plan.decision.isClean, request.discardsImage { try VM.discardImages(plan.configuration) }
    }

    /// Notes that the run did not begin after all.
    public func cancel() throws(HostError) {
        var state = plan.state
        if plan.decision.isClean, discardsImage {
            state = try plan.vm.state()
            state.run = nil
        }
        try plan.vm.write(state)
    }

    /// Keeps how the run ended. When it returns, that is on stable storage.
    ///
    /// - Parameters:
    ///   - findings: what is on the disks after the run.
    ///   - progress: called while much of a disk is read.
    ///   - didReach: called after each step of the writing.
    public func finish(
        _ machine: VirtualMachine, _ outcome: RunOutcome, findings: [HibernationFinding], dormouse: String, now: UInt64,
        progress: DiskProgress = { _, _, _ in }, didReach: (DurableFile.Step) -> Void = { _ in }
    ) throws(HostError) {
        var state = try plan.vm.state()
        let end = VMState.End(
            kind: outcome.end.kind, exitCode: outcome.end.exitCode.rawValue, words: outcome.end.words(findings),
            time: String(now))
        // An image that was there before is no sign of a hibernation: a clean boot may leave it alone.
        let hasImage = zip(findings, plan.findings).contains { after, before in
            after.image != nil && after.image != before.image
        }
        let isImageLeft = findings.contains { $0.image != nil }
        let isHibernated =
            switch outcome.end {
            case .hibernated: true
            // How a guest ends its hibernation that knows no SYSTEM_OFF2.
            case .poweredOff: hasImage
            case .crashed, .reset, .stopped: false
            }
        switch outcome.end {
        case _ where isHibernated:
            // The time of the counter, not of the writing: the guest's clock would lose the difference in each cycle.
            let record = HibernationRecord(
                dormouse: dormouse, time: outcome.endTimes.time, call: Self.call(outcome.end, machine),
                environment: plan.environment, generation: plan.generation, counter: outcome.endTimes.counter,
                disks: try Self.disks(plan.configuration, progress))
            state.hibernation = VMState.Slept(record: record, configuration: plan.configuration)
            state.lost = nil
            state.run = nil
        case .crashed, .stopped:
            // With an image on a disk nobody knows whether the guest was done with it: the next start has to look.
            if !isImageLeft { state.run = nil }
        case .hibernated, .poweredOff, .reset:
            // A guest that was to resume and left its image alone may still do so, if that is sound.
            if plan.slept == nil || !isImageLeft { state.run = nil }
        }
        state.lost?.note(machine.diskWriteCounts, of: plan.machine.disks)
        state.lastEnd = end
        try plan.vm.write(state, didReach: didReach)
    }

    /// The disks as they are now, looked at as closely as the policy says.
    static func disks(
        _ configuration: VMConfiguration, _ progress: DiskProgress = { _, _, _ in }
    ) throws(HostError) -> [DiskFingerprint] {
        let depth: DiskFingerprint.Depth = configuration.hibernation.diskHash == .full ? .full : .sampled
        var disks: [DiskFingerprint] = []
        for disk in configuration.disks ?? [] {
            do throws(RawDiskError) {
                disks.append(
                    try DiskFingerprint.of(diskAt: disk.path, depth) { progress(disk.path, $0, $1) })
            } catch { throw .disk(reason: "\(error)") }
        }
        return disks
    }

    private static func call(_ end: RunEnd, _ machine: VirtualMachine) -> HibernationRecord.Call {
        if case .hibernated(let request) = end {
            return HibernationRecord.Call(
                function: "SYSTEM_OFF2", functionID: "0x" + String(request.functionID, radix: 16), type: request.type,
                core: request.core)
        }
        let call = machine.firmwareCalls.lastSystemCall
        return HibernationRecord.Call(
            function: "SYSTEM_OFF", functionID: "0x" + String(call?.functionID ?? 0, radix: 16), type: nil,
            core: call?.core ?? 0)
    }
}
