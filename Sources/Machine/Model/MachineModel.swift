// Machine models: versioned promises of what a guest finds.
//
// Responsible for: what belongs to a model, as values. Once released, a model never changes. Each model has a folder of
// its own; nothing outside of it names the model's layout. Not responsible for what a person chooses
// (`MachineConfiguration`).

import Arm64
import Boot
import Hypervisor
import PSCI

/// A machine model.
public struct MachineModel: Sendable {
    /// How records and command lines call it.
    public let name: String
    /// Whether it is promised to stay. One in preparation may be another one with the next version of Dormouse.
    public let isReleased: Bool
    /// The CPU of a machine for which nobody chooses another.
    public let cpu: CPUModel
    /// CNTFRQ_EL0, in Hz. The value that Armv8.6 and later prescribe; one tick is a nanosecond.
    public let counterFrequency: UInt64
    /// Whether a guest that is resumed from hibernation finds that its counter went on with the host's time, or that it
    /// began at zero again. Linux takes the time that it slept from a counter that goes on.
    public let counterGoesOn: Bool
    /// The firmware interface of a machine for which nobody chooses another.
    public let psci: Policy
    /// Where RAM begins.
    let ramBase: PhysicalAddress
    let maximumCPUCount: Int
    /// virtio-mmio slots that disks, from the first one up, and networks, the device with ports and shares, from the
    /// last one down, have between them.
    let maximumDiskCount: Int
    /// What a machine of this model has, as a pure function of its configuration.
    let components: @Sendable (MachineConfiguration) -> MachineComponents
    /// Where UEFI's flash is; nil: there is no place for it.
    var flash: FlashLayout?
    /// Whether there is something by which a guest's operating system is told what is in a `GuestSetup`.
    var tellsGuests = false

    /// Every model there is.
    public static let all = [virt1, virt2]

    /// The slot of a network.
    func networkSlot(_ network: Int) -> Int { maximumDiskCount - 1 - network }

    /// The slot of the device with ports, if a machine has one: below its networks.
    func portsSlot(_ machine: MachineConfiguration) -> Int? {
        machine.ports.isEmpty ? nil : networkSlot(machine.networks.count)
    }

    /// The slot of a share: below the networks and the ports.
    func shareSlot(_ share: Int, _ machine: MachineConfiguration) -> Int {
        networkSlot(machine.networks.count + (machine.ports.isEmpty ? 0 : 1) + share)
    }

    /// The board that firmware describes for this model and configuration.
    func board(_ configuration: MachineConfiguration, chosen: BoardDescription.Chosen) -> BoardDescription {
        let components = components(configuration)
        return BoardDescription(
            model: "dormouse,\(name)",
            compatible: ["dormouse,\(name)", "linux,dummy-virt"],
            cpus: configuration.describedCores.map { configuration.topology.affinities[$0].rawValue },
            memory: [configuration.ram],
            gic: components.interruptController.board, timer: components.timers.board,
            power: BoardDescription.PowerInterface(
                majorVersion: Int(configuration.psci.version.major), conduit: configuration.psci.conduit.deviceTreeName,
                idle: configuration.idleDescription),
            devices: components.devices.flatMap(\.description),
            acpi: configuration.hardwareDescription == .acpi
                ? components.processors.acpi(configuration) : nil,
            chosen: chosen)
    }
}

extension MachineConfiguration {
    /// Where the guest's RAM is.
    var ram: Range<PhysicalAddress> { model.ramBase..<model.ramBase + memoryByteCount }

    /// Where there is memory that the guest reads and does not write.
    var rom: [Range<PhysicalAddress>] { components.all.flatMap(\.rom) }

    /// What the machine has.
    var components: MachineComponents { model.components(self) }
}

extension Conduit {
    fileprivate var deviceTreeName: BoardDescription.PowerInterface.Conduit {
        switch self {
        case .hvc: .hvc
        case .smc: .smc
        }
    }
}
