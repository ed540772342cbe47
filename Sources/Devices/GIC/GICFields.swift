// The state of a GIC as it is saved, and which states there are.
//
// Responsible for: the fields, and refusing those that no guest can bring a GIC of this topology into. Not responsible
// for what they mean (`GICState`).

import Hypervisor

/// What is saved of a `GICState`.
struct GICFields: Codable, Sendable {
    /// What belongs to one PE.
    struct Processor: Codable, Sendable {
        var bank: InterruptBank.Fields
        var isAsleep: Bool
        var interface: CPUInterface
    }

    /// Of the PEs, by index, as GICR_TYPER packs them.
    var affinities: [UInt32]
    var control: UInt32
    var spis: [InterruptBank.Fields]
    var routers: [UInt64]
    var targets: [Int]
    var processors: [Processor]
    var lastChosen: Int

    /// Throws if a GIC with these PEs cannot have them.
    func check(_ topology: GICTopology) throws(DeviceStateError) {
        let indices = topology.affinities.indices
        try DeviceStateError.check(affinities == topology.affinities.map(\.packed), "affinities")
        try DeviceStateError.check(control & ~GICD.CTLRField.writable == 0, "control")
        try DeviceStateError.check(indices.contains(lastChosen), "lastChosen")

        try DeviceStateError.check(spis.count == GICGeometry.bankCount - 1, "spis")
        for (bank, fields) in spis.enumerated() {
            try DeviceStateError.below("spis[\(bank)]") { () throws(DeviceStateError) in
                try InterruptBank.spis.check(fields)
            }
        }

        try DeviceStateError.check(routers.count == GICGeometry.spiCount, "routers")
        try DeviceStateError.check(targets.count == GICGeometry.spiCount, "targets")
        for (spi, router) in routers.enumerated() {
            try DeviceStateError.check(router & ~GICD.IROUTERField.writable == 0, "routers[\(spi)]")
            let isPossible =
                router & GICD.IROUTERField.anyParticipating != 0
                ? indices.contains(targets[spi]) || targets[spi] == GICTopology.nobody
                : targets[spi] == topology.processor(Affinity(mpidr: router))
            try DeviceStateError.check(isPossible, "targets[\(spi)]")
        }

        try DeviceStateError.check(processors.count == indices.count, "processors")
        for (cpu, processor) in processors.enumerated() {
            try DeviceStateError.below("processors[\(cpu)]") { () throws(DeviceStateError) in
                try InterruptBank.sgisAndPPIs.check(processor.bank)
                try processor.interface.check()
            }
        }
    }
}

extension GIC: StatefulDevice {
    private static let kind = DeviceState.Kind("gicv3", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, core.withState(\.fields))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let fields = try saved.fields(GICFields.self, of: Self.kind)
        try fields.check(core.withState(\.topology))
        core.withState { $0.restore(fields) }
        // Whatever the PEs were told before.
        for output in core.outputs { output.deliver() }
    }
}
