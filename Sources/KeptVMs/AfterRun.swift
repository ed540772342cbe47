// What is remembered of a run that has ended: whether the next start has something to resume.
//
// A pure function of how the run ended and what is on the disks; docs/hibernation.md has it as a table. Not responsible
// for keeping it (`VMRun`).

import Hibernation
import Machine

/// What the next start is to take for true.
public enum AfterRun: Hashable, Sendable {
    /// The guest hibernated in the environment of this run.
    case hibernated
    /// It may have: an image may be where nobody can look.
    case mayHaveHibernated
    /// It is as it was before this run: the guest was to resume, and neither did nor wrote anything.
    case asBefore
    /// Nobody knows what became of the image that is on a disk.
    case unknown
    /// The guest has nothing to be resumed from.
    case nothing

    /// What is on the disks after a run.
    public enum Image: Hashable, CaseIterable, Sendable {
        case none
        /// It was there before, and the guest let it alone.
        case old
        /// The guest wrote it.
        case new
    }

    /// What matters of a run.
    public struct Facts: Hashable, Sendable {
        var image = Image.none
        /// Whether the old image is the one that the guest was to resume.
        var wasToResume = false
        /// Whether it is known from a record, rather than guessed after a run that ended without a word.
        var isRecorded = false
        /// Whether the guest wrote to a disk.
        var hasWritten = false
        /// Whether it wrote to one that has places which nobody can look into.
        var mayHideImage = false
        /// Whether the guest hibernates by SYSTEM_OFF2, so that SYSTEM_OFF means what it says.
        var knowsSystemOff2 = false
    }

    public init(_ end: RunEnd, _ facts: Facts) {
        switch (end, facts.image) {
        case (.hibernated, _), (_, .new):
            // However the run ended: a power-off is how kernels before 6.13 hibernate, a reset is what `reboot` in
            // /sys/power/disk asks for, and a guest that was stopped had written its image all the same.
            self = .hibernated
        case (_, .old) where facts.wasToResume:
            self = facts.isRecorded && !facts.hasWritten ? .asBefore : .unknown
        case (.crashed, .old), (.stopped, .old), (.exited, .old):
            self = .unknown
        case (.poweredOff, .none) where facts.knowsSystemOff2:
            self = .nothing
        case (_, .none) where facts.mayHideImage:
            self = .mayHaveHibernated
        case (.poweredOff, _), (.reset, _), (_, .none):
            self = .nothing
        }
    }
}

extension AfterRun.Facts {
    /// What `machine` did, which ran by `plan` and left `findings`.
    public init(_ machine: VirtualMachine, _ plan: StartPlan, _ findings: [HibernationFinding]) {
        let written = machine.writtenHeaderEnds
        let writeCounts = machine.diskWriteCounts
        for (index, (after, before)) in zip(findings, plan.findings).enumerated() {
            // A partition table may name thousands of places that look like one.
            let known = Set(before.images)
            for found in after.images {
                // A header that was written in this run is new, even if it is the same as before, byte for byte.
                let isNew = !known.contains(found) || written[index].contains(found.area.headerEnd)
                if isNew { image = .new } else if image == .none { image = .old }
            }
            guard writeCounts[index] > 0 else { continue }
            hasWritten = true
            if after.mayHideImage { mayHideImage = true }
        }
        wasToResume = plan.slept != nil
        isRecorded = plan.slept != nil && !plan.isUnknown
        knowsSystemOff2 = machine.firmwareCalls.knowsSystemOff2
    }
}
