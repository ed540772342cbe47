// The CPU interface of one PE: which interrupt it takes, and which it is busy with.
//
// Responsible for: the priority mask, binary points, active priorities and the running priority. Not responsible
// for: the interrupts themselves, nor for how registers are encoded.
//
// Follows IHI 0069, "Physical CPU interface": priority masking, preemption, priority grouping, priority drop.

import Hypervisor

/// The highest-priority pending interrupt of a PE.
struct PendingInterrupt: Sendable, Equatable {
    let intid: Int
    /// Lower values come first.
    let priority: UInt8
    let group: InterruptGroup
}

/// The state behind the ICC_*_EL1 registers of one PE, after reset.
struct CPUInterface: Sendable, Codable {
    /// The value of ICC_RPR_EL1 while no interrupt is being handled: lower than every priority.
    static let idlePriority: UInt8 = 0xFF
    /// With five bits of priority, the binary point that puts all of them into the group priority.
    static let minimumBinaryPoint0 = GICGeometry.priorityShift - 1
    /// Group 1's binary point is one place further left: its group priority includes the bit it points at.
    static let minimumBinaryPoint1 = GICGeometry.priorityShift
    static let maximumBinaryPoint: UInt8 = 7

    /// ICC_PMR_EL1: only a higher priority (a lower value) is signalled.
    var priorityMask: UInt8 = 0 {
        didSet { priorityMask &= GICGeometry.priorityMask }
    }
    /// ICC_IGRPEN0_EL1.
    var isGroup0Enabled = false
    /// ICC_IGRPEN1_EL1.
    var isGroup1Enabled = false
    /// ICC_CTLR_EL1.EOImode: EOIR only drops the priority, DIR deactivates.
    var splitsEndOfInterrupt = false
    /// ICC_CTLR_EL1.CBPR: group 1 uses group 0's binary point.
    var sharesBinaryPoint = false
    private var storedBinaryPoint0 = minimumBinaryPoint0
    private var storedBinaryPoint1 = minimumBinaryPoint1
    /// ICC_AP0R0_EL1: a bit for each group priority that is active.
    var activePriorities0: UInt32 = 0
    /// ICC_AP1R0_EL1.
    var activePriorities1: UInt32 = 0

    /// ICC_BPR0_EL1.
    var binaryPoint0: UInt8 {
        get { storedBinaryPoint0 }
        set { storedBinaryPoint0 = max(newValue & Self.maximumBinaryPoint, Self.minimumBinaryPoint0) }
    }

    /// ICC_BPR1_EL1: while group 0's is shared, it shows that one's meaning and cannot be written.
    var binaryPoint1: UInt8 {
        get { sharesBinaryPoint ? min(storedBinaryPoint0 + 1, Self.maximumBinaryPoint) : storedBinaryPoint1 }
        set {
            guard !sharesBinaryPoint else { return }
            storedBinaryPoint1 = max(newValue & Self.maximumBinaryPoint, Self.minimumBinaryPoint1)
        }
    }

    func isEnabled(_ group: InterruptGroup) -> Bool {
        group == .group0 ? isGroup0Enabled : isGroup1Enabled
    }

    /// The part of a priority that decides whether an interrupt preempts another.
    private func groupPriority(_ priority: UInt8, _ group: InterruptGroup) -> UInt8 {
        let subpriorityBits = group == .group0 || sharesBinaryPoint ? storedBinaryPoint0 + 1 : storedBinaryPoint1
        // A shift by 8 leaves nothing: then no interrupt preempts another.
        return priority & (0xFF << subpriorityBits)
    }

    /// ICC_RPR_EL1: the group priority of what the PE is busy with.
    var runningPriority: UInt8 {
        let active = activePriorities0 | activePriorities1
        return active == 0
            ? Self.idlePriority : UInt8(truncatingIfNeeded: active.trailingZeroBitCount) << GICGeometry.priorityShift
    }

    /// Whether the PE would take an interrupt now: it passes the mask and preempts what is running.
    func canTake(priority: UInt8, group: InterruptGroup) -> Bool {
        priority < priorityMask && groupPriority(priority, group) < runningPriority
    }

    /// The PE starts to handle an interrupt.
    mutating func activate(priority: UInt8, group: InterruptGroup) {
        let bit: UInt32 = 1 << UInt32(groupPriority(priority, group) >> GICGeometry.priorityShift)
        switch group {
        case .group0: activePriorities0 |= bit
        case .group1: activePriorities1 |= bit
        }
    }

    /// The PE is done with the interrupt that it started last; false if that was not one of `group`.
    ///
    /// An EOIR of the wrong group, or with nothing active, is unpredictable; here it has no effect.
    mutating func dropPriority(_ group: InterruptGroup) -> Bool {
        let highest0 = activePriorities0.trailingZeroBitCount
        let highest1 = activePriorities1.trailingZeroBitCount
        switch group {
        case .group0:
            guard activePriorities0 != 0, highest0 <= highest1 else { return false }
            activePriorities0 &= activePriorities0 &- 1
        case .group1:
            guard activePriorities1 != 0, highest1 <= highest0 else { return false }
            activePriorities1 &= activePriorities1 &- 1
        }
        return true
    }

    /// Throws if a guest cannot bring a CPU interface into this state.
    func check() throws(DeviceStateError) {
        try DeviceStateError.check(priorityMask & ~GICGeometry.priorityMask == 0, "priorityMask")
        let binaryPoints0 = Self.minimumBinaryPoint0...Self.maximumBinaryPoint
        try DeviceStateError.check(binaryPoints0.contains(storedBinaryPoint0), "binaryPoint0")
        let binaryPoints1 = Self.minimumBinaryPoint1...Self.maximumBinaryPoint
        try DeviceStateError.check(binaryPoints1.contains(storedBinaryPoint1), "binaryPoint1")
    }
}
