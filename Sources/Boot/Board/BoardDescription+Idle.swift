// Idle states and power domains in the device tree, as Linux's PSCI cpuidle and PSCI domain drivers read them.
//
// Responsible for: the nodes of cpu/idle-states.yaml, power/domain-idle-state.yaml and arm/psci.yaml. Not responsible
// for: which states there are, or what their power_state is: the machine says so.

extension BoardDescription {
    /// What CPUs, and the clusters that they are in, can be put into while they are idle.
    public struct Idle: Sendable, Hashable {
        /// One state.
        public struct State: Sendable, Hashable {
            /// Unique; the name of its node.
            public var name: String
            /// The power_state for CPU_SUSPEND: everything, with the states of the levels below.
            public var suspendParameter: UInt32
            /// Microseconds that entering and leaving take at most, and that a stay has to last to be worth it.
            public var entryLatency: UInt32
            public var exitLatency: UInt32
            public var minimumResidency: UInt32
            /// Whether the CPU forgets its registers. A device tree says so by `suspendParameter` alone.
            public var losesContext: Bool

            public init(
                name: String, suspendParameter: UInt32, entryLatency: UInt32, exitLatency: UInt32,
                minimumResidency: UInt32, losesContext: Bool = true
            ) {
                self.name = name
                self.suspendParameter = suspendParameter
                self.entryLatency = entryLatency
                self.exitLatency = exitLatency
                self.minimumResidency = minimumResidency
                self.losesContext = losesContext
            }
        }

        /// The states of every CPU, of every cluster and of the system, the shallowest first.
        public var cpuStates: [State]
        public var clusterStates: [State]
        public var systemStates: [State]
        /// The cluster of each CPU, in the order of `BoardDescription.cpus`.
        public var clusters: [Int]
        /// Whether the guest may coordinate the levels itself (OS-initiated mode). If so, clusters and the system are
        /// power domains; if not, their states are further states of every CPU.
        public var hasDomains: Bool

        public init(
            cpuStates: [State], clusterStates: [State] = [], systemStates: [State] = [], clusters: [Int],
            hasDomains: Bool
        ) {
            self.cpuStates = cpuStates
            self.clusterStates = clusterStates
            self.systemStates = systemStates
            self.clusters = clusters
            self.hasDomains = hasDomains
        }
    }
}

extension BoardDescription.Idle {
    private var allStates: [State] { cpuStates + clusterStates + systemStates }
    private var clusterCount: Int { (clusters.max() ?? -1) + 1 }

    /// Handles are numbers in this tree: those below are the board's own.
    private static let firstHandle: UInt32 = 0x100

    private func handle(_ state: State) -> PHandle {
        PHandle(Self.firstHandle + UInt32(allStates.firstIndex(of: state) ?? 0))
    }

    private func handles(_ states: [State]) -> DeviceTreeValue { .cells(states.map { handle($0).rawValue }) }

    private var firstDomain: UInt32 { Self.firstHandle + UInt32(allStates.count) }
    private var systemDomain: PHandle { PHandle(firstDomain) }
    private func clusterDomain(_ cluster: Int) -> PHandle { PHandle(firstDomain + 1 + UInt32(cluster)) }
    private func cpuDomain(_ cpu: Int) -> PHandle { PHandle(firstDomain + 1 + UInt32(clusterCount + cpu)) }

    /// Adds to the node of a CPU what it can be put into.
    func describe(cpu: Int, in node: inout DeviceTreeNode) {
        guard clusters.indices.contains(cpu), !allStates.isEmpty else { return }
        if hasDomains {
            node["power-domains"] = .phandles(cpuDomain(cpu))
            node["power-domain-names"] = .string("psci")
        } else {
            node["cpu-idle-states"] = handles(allStates)
        }
    }

    /// cpu/idle-states.yaml: the node below `/cpus`.
    var statesNode: DeviceTreeNode {
        var node = DeviceTreeNode("idle-states")
        node["entry-method"] = .string("psci")
        node.children = allStates.map { state in
            var child = DeviceTreeNode(state.name)
            let isOfDomain = hasDomains && !cpuStates.contains(state)
            child["compatible"] = .string(isOfDomain ? "domain-idle-state" : "arm,idle-state")
            child["arm,psci-suspend-param"] = .cells(state.suspendParameter)
            child["entry-latency-us"] = .cells(state.entryLatency)
            child["exit-latency-us"] = .cells(state.exitLatency)
            child["min-residency-us"] = .cells(state.minimumResidency)
            child["phandle"] = .phandles(handle(state))
            return child
        }
        return node
    }

    /// arm/psci.yaml: the nodes below `/psci`, a tree by reference. Every CPU has one, every cluster has one, and the
    /// system has one if it has states.
    var domainNodes: [DeviceTreeNode] {
        guard hasDomains, !allStates.isEmpty else { return [] }
        var nodes: [DeviceTreeNode] = []
        for (cpu, cluster) in clusters.enumerated() {
            var node = Self.domain("cpu\(cpu)", cpuDomain(cpu))
            node["domain-idle-states"] = handles(cpuStates)
            node["power-domains"] = .phandles(clusterDomain(cluster))
            nodes.append(node)
        }
        for cluster in 0..<clusterCount {
            var node = Self.domain("cluster\(cluster)", clusterDomain(cluster))
            if !clusterStates.isEmpty { node["domain-idle-states"] = handles(clusterStates) }
            if !systemStates.isEmpty { node["power-domains"] = .phandles(systemDomain) }
            nodes.append(node)
        }
        if !systemStates.isEmpty {
            var node = Self.domain("system", systemDomain)
            node["domain-idle-states"] = handles(systemStates)
            nodes.append(node)
        }
        return nodes
    }

    private static func domain(_ name: String, _ handle: PHandle) -> DeviceTreeNode {
        var node = DeviceTreeNode("power-domain-\(name)")
        node["#power-domain-cells"] = .cells(0)
        node["phandle"] = .phandles(handle)
        return node
    }
}
