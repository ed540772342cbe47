// Which PE has which affinity.
//
// Responsible for: finding PEs by the affinities that GICD_IROUTER<n> and ICC_SGI1R_EL1 name. Never changes.

/// An affinity as GICR_TYPER packs it: Aff3.Aff2.Aff1.Aff0, a byte each.
struct Affinity: Hashable, Sendable {
    let packed: UInt32

    init(aff3: UInt8, aff2: UInt8, aff1: UInt8, aff0: UInt8) {
        packed = UInt32(aff3) << 24 | UInt32(aff2) << 16 | UInt32(aff1) << 8 | UInt32(aff0)
    }

    /// From MPIDR_EL1 or GICD_IROUTER<n>, which have the four fields at the same places.
    init(mpidr: UInt64) {
        packed = UInt32(truncatingIfNeeded: mpidr & 0xFF_FFFF | mpidr >> 8 & 0xFF00_0000)
    }

    /// The sixteen affinities that one target list of an SGI can name.
    var range: UInt32 { packed >> 4 }
    /// The place in that target list.
    var indexInRange: Int { Int(packed & 0xF) }
}

/// The PEs of the machine by affinity.
struct GICTopology: Sendable {
    /// PEs that one target list can name together; a bit of a list leads to an index.
    private struct TargetRange: Sendable {
        let range: UInt32
        var processors = InlineArray<16, Int>(repeating: GICTopology.nobody)
    }

    /// The index of no PE.
    static let nobody = -1

    let affinities: [Affinity]
    /// Few: one for up to 16 PEs. Searched linearly, since that is faster than hashing for so few.
    private var ranges: [TargetRange] = []

    /// - Precondition: 1 to 64 PEs, no two with the same affinity.
    init(mpidrs: [UInt64]) {
        precondition((1...GICGeometry.maximumProcessorCount).contains(mpidrs.count), "a GIC serves 1 to 64 PEs")
        affinities = mpidrs.map(Affinity.init(mpidr:))
        precondition(Set(affinities).count == affinities.count, "two PEs have the same affinity")
        for (processor, affinity) in affinities.enumerated() {
            let position: Int
            if let known = ranges.firstIndex(where: { $0.range == affinity.range }) {
                position = known
            } else {
                position = ranges.count
                ranges.append(TargetRange(range: affinity.range))
            }
            ranges[position].processors[affinity.indexInRange] = processor
        }
    }

    /// The PE with that affinity, or `nobody`.
    func processor(_ affinity: Affinity) -> Int {
        for range in ranges where range.range == affinity.range {
            return range.processors[affinity.indexInRange]
        }
        return Self.nobody
    }

    /// The PEs that `targetList` names among the sixteen affinities from `first`, as a set of indices.
    func processors(first: Affinity, targetList: UInt16) -> UInt64 {
        var set: UInt64 = 0
        for range in ranges where range.range == first.range {
            for place in SetBits(targetList) where range.processors[place] != Self.nobody {
                set |= 1 << UInt64(range.processors[place])
            }
        }
        return set
    }
}
