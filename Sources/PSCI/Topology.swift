// The cores of a machine and the clusters that they are in.
//
// Responsible for: which core has which affinity, and which cores share a node of the power-domain tree. A cluster is
// an affinity instance of level 1, and the system is everything. Not responsible for: any state.

/// Cores, numbered from 0, in clusters, numbered from 0 in the order in which they appear.
public struct Topology: Hashable, Sendable {
    /// The affinity fields of every core's MPIDR_EL1: no two are the same.
    public let affinities: [Affinity]
    /// The cluster that each core is in.
    public let clusters: [Int]
    /// How many clusters there are.
    public let clusterCount: Int

    public init(_ affinities: [Affinity]) {
        self.affinities = affinities
        var clusters: [Int] = []
        var count = 0
        for (core, affinity) in affinities.enumerated() {
            var found: Int?
            for other in 0..<core where affinities[other].isInSameInstance(as: affinity, level: 1) {
                found = clusters[other]
                break
            }
            clusters.append(found ?? count)
            if found == nil { count += 1 }
        }
        self.clusters = clusters
        clusterCount = count
    }

    public var coreCount: Int { affinities.count }

    /// The core of that affinity.
    public func core(_ affinity: Affinity) -> Int? {
        for core in 0..<affinities.count where affinities[core] == affinity { return core }
        return nil
    }
}
