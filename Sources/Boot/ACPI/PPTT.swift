// PPTT: which CPUs are together, and what caches they have. ACPI 6.5, section 5.2.30; revision 2, as in ACPI 6.3.
//
// One package, in it the clusters, in them the CPUs, each with its own caches.

import Bytes
import Hypervisor

enum PPTT {
    private static let revision: UInt8 = 2

    /// Processor hierarchy node structures (table 5.137).
    private enum Node {
        static let type: UInt8 = 0
        /// Without private resources.
        static let length = 20
    }

    /// Flags of such a node (table 5.138).
    private enum Flag {
        static let physicalPackage: UInt32 = 1 << 0
        static let processorIDValid: UInt32 = 1 << 1
        static let isLeaf: UInt32 = 1 << 3
        /// All below are of one kind.
        static let identical: UInt32 = 1 << 4
    }

    /// Cache type structures (table 5.139).
    private enum Cache {
        static let type: UInt8 = 1
        static let length: UInt8 = 24
        /// Size, sets, associativity, allocation, type, write policy and line size are all said.
        static let allValid: UInt32 = 0x7F
        /// Of the attributes: allocated by reads and writes; written back.
        static let readWriteAllocate: UInt8 = 0b10

        static func kind(_ kind: BoardDescription.Cache.Kind) -> UInt8 {
            switch kind {
            case .data: 0 << 2
            case .instruction: 1 << 2
            case .unified: 2 << 2
            }
        }
    }

    static func bytes(topology: BoardDescription.Topology) -> [UInt8] {
        var table = ACPITable("PPTT", revision: revision)
        let package = append(flags: Flag.physicalPackage | Flag.identical, parent: 0, to: &table)
        var clusters: [Int: UInt32] = [:]
        for (cpu, cluster) in topology.clusters.enumerated() {
            let parent = clusters[cluster] ?? append(flags: Flag.identical, parent: package, to: &table)
            clusters[cluster] = parent
            let caches = topology.caches.map { append($0, to: &table) }
            _ = append(
                flags: Flag.processorIDValid | Flag.isLeaf, parent: parent, id: UInt32(truncatingIfNeeded: cpu),
                resources: caches, to: &table)
        }
        return table.bytes
    }

    /// Adds a node; returns where it is in the table, which is what others call it. The unique id is the one that the
    /// MADT has.
    private static func append(
        flags: UInt32, parent: UInt32, id: UInt32 = 0, resources: [UInt32] = [], to table: inout ACPITable
    ) -> UInt32 {
        let offset = UInt32(truncatingIfNeeded: table.body.count)
        table.body.append(contentsOf: [Node.type, UInt8(truncatingIfNeeded: Node.length + 4 * resources.count), 0, 0])
        for field in [flags, parent, id, UInt32(truncatingIfNeeded: resources.count)] + resources {
            table.body.append(littleEndian: field)
        }
        return offset
    }

    private static func append(_ cache: BoardDescription.Cache, to table: inout ACPITable) -> UInt32 {
        let offset = UInt32(truncatingIfNeeded: table.body.count)
        table.body.append(contentsOf: [Cache.type, Cache.length, 0, 0])
        let noNextLevel: UInt32 = 0
        for field in [Cache.allValid, noNextLevel, cache.byteCount, cache.sets] {
            table.body.append(littleEndian: field)
        }
        table.body.append(contentsOf: [cache.associativity, Cache.readWriteAllocate | Cache.kind(cache.kind)])
        table.body.append(littleEndian: cache.lineByteCount)
        return offset
    }
}
