// Everything that a firmware remembers between calls: one value, which the platform keeps behind its lock.
//
// Responsible for: the states of the cores and their transitions, and the few things that calls set. What the nodes of
// the power-domain tree do because of them is in `FirmwareState+Coordination.swift`. Not responsible for: what a call
// answers, nor for locking.
//
// Follows DEN0022 F.b §6.6 (the states and their transitions).

/// The state of a core as the firmware sees it; the raw value is what AFFINITY_INFO returns.
public enum CoreState: UInt8, CaseIterable, Sendable {
    /// Turned on, or the core that booted, and has not called CPU_OFF. It may be idle.
    case on = 0
    /// Never turned on, or turned off by its own CPU_OFF.
    case off = 1
    /// A CPU_ON for it has succeeded, and it does not run yet.
    case onPending = 2
}

/// Who decides what a cluster does when its cores are idle (§4.2.3).
public enum SuspendMode: UInt32, CaseIterable, Sendable {
    case platformCoordinated = 0
    case osInitiated = 1
}

/// What a firmware remembers. Every change is one atomic step of the platform's.
public struct FirmwareState: Sendable {
    /// One core.
    struct Core: Sendable {
        var state = CoreState.off
        /// It called CPU_FREEZE, and is on only in name.
        var isFrozen = false
        /// What it asked for and waits in; nil while it runs.
        var request: CompositeState?
        /// What it waits in is SYSTEM_SUSPEND.
        var isInSystemSuspend = false
    }

    /// The cores and their clusters.
    public let topology: Topology
    /// What nodes can be in.
    let idleStates: IdleStates
    var cores: [Core]
    /// The cores' own nodes, by core.
    var coreNodes: [PowerNode]
    /// By cluster.
    var clusterNodes: [PowerNode]
    var systemNode = PowerNode()
    /// Set by PSCI_SET_SUSPEND_MODE.
    public internal(set) var suspendMode = SuspendMode.platformCoordinated
    /// Whether a core has called CPU_SUSPEND since boot or the last change of the mode.
    var hasSuspended = false
    /// Where the trusted OS is, if there is one.
    var trustedOSCore = 0
    /// Set by MEM_PROTECT: the next boot must not find what is in memory now.
    public internal(set) var isMemoryProtected = false

    /// Every core off.
    public init(topology: Topology, idleStates: IdleStates) {
        self.topology = topology
        self.idleStates = idleStates
        cores = Array(repeating: Core(), count: topology.coreCount)
        // What never was on is not counted as having gone down.
        coreNodes = Array(repeating: PowerNode(state: .powerDown), count: topology.coreCount)
        clusterNodes = Array(
            repeating: PowerNode(state: idleStates.deepest(.cluster)), count: topology.clusterCount)
    }

    /// The state of a boot: `core` is about to be started by the machine, all others are off.
    ///
    /// - Parameters:
    ///   - core: the one that boots.
    ///   - isCold: clears the statistics too (§5.22.2).
    public mutating func boot(core: Int, isCold: Bool) {
        let old = self
        self = FirmwareState(topology: topology, idleStates: idleStates)
        if !isCold {
            for index in coreNodes.indices { coreNodes[index].statistics = old.coreNodes[index].statistics }
            for index in clusterNodes.indices { clusterNodes[index].statistics = old.clusterNodes[index].statistics }
            systemNode.statistics = old.systemNode.statistics
        }
        guard cores.indices.contains(core) else { return }
        cores[core].state = .onPending
        coreNodes[core].state = .run
        clusterNodes[topology.clusters[core]].state = .run
    }

    /// What AFFINITY_INFO says of a core. One that called CPU_FREEZE has not called CPU_OFF, so it is on.
    public func state(ofCore core: Int) -> CoreState { cores[core].state }

    /// Whether the core executes instructions of the guest, or is about to.
    func isRunning(_ core: Int) -> Bool {
        switch cores[core].state {
        case .on: !cores[core].isFrozen && cores[core].request == nil
        case .onPending: true
        case .off: false
        }
    }

    /// Whether every core but `core` is off.
    func isAlone(_ core: Int) -> Bool {
        for other in cores.indices where other != core && cores[other].state != .off { return false }
        return true
    }

    // MARK: Transitions

    /// CPU_ON's step from OFF, or out of CPU_FREEZE, to ON_PENDING. Returns the state that the core had: OFF if the
    /// step was made, which happens for exactly one of several callers.
    mutating func beginStart(_ core: Int, at now: UInt64) -> CoreState {
        guard cores[core].state == .off || cores[core].isFrozen else { return cores[core].state }
        cores[core] = Core(state: .onPending)
        coordinate(at: now)
        return .off
    }

    /// Takes `beginStart` back.
    mutating func cancelStart(_ core: Int, at now: UInt64) {
        guard cores[core].state == .onPending else { return }
        cores[core] = Core()
        coordinate(at: now)
    }

    /// The core runs: ON_PENDING to ON.
    mutating func completeStart(_ core: Int) {
        if cores[core].state == .onPending { cores[core].state = .on }
    }

    /// CPU_OFF's step.
    mutating func turnOff(_ core: Int, at now: UInt64) {
        cores[core] = Core()
        coordinate(at: now)
    }

    /// CPU_FREEZE's step.
    mutating func freeze(_ core: Int, at now: UInt64) {
        cores[core].isFrozen = true
        coordinate(at: now)
    }

    /// The core goes idle as it asked.
    mutating func suspend(_ core: Int, _ request: CompositeState, at now: UInt64) {
        cores[core].request = request
        if suspendMode == .osInitiated { noteOSRequest(request, of: core) }
        coordinate(at: now)
    }

    /// The machine goes down with its last core.
    mutating func suspendSystem(_ core: Int, at now: UInt64) {
        cores[core].isInSystemSuspend = true
        suspend(core, .systemSuspend, at: now)
    }

    /// The core runs again: before it executes anything (§6.3).
    mutating func wake(_ core: Int, at now: UInt64) {
        guard cores[core].request != nil else { return }
        cores[core].request = nil
        cores[core].isInSystemSuspend = false
        coordinate(at: now)
    }
}
