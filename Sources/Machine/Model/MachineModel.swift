// Machine models: versioned promises of what a guest finds.
//
// Responsible for: the model's name and the values that belong to it. Once released, a model never changes.

import Arm64
import Devices
import Firmware
import Hypervisor
import PSCI

/// A machine model.
public struct MachineModel: Sendable {
    /// How records and command lines call it.
    public let name: String
    public let cpu: CPUModel
    /// CNTFRQ_EL0, in Hz. The value that Armv8.6 and later prescribe; one tick is a nanosecond.
    public let counterFrequency: UInt64
    /// Whether a guest that is resumed from hibernation finds that its counter went on with the host's time, or that it
    /// began at zero again. Linux takes the time that it slept from a counter that goes on.
    public let counterGoesOn: Bool

    /// The first model: the `virt` layout, GICv3, PL011, PL031 and 32 virtio-mmio slots.
    public static let virt1 = MachineModel(
        name: "virt-1", cpu: .dormouse1, counterFrequency: 1_000_000_000, counterGoesOn: true)

    /// Every model there is.
    public static let all = [virt1]

    /// The board that a device tree describes for this model and configuration.
    func board(_ configuration: MachineConfiguration, chosen: BoardDescription.Chosen) -> BoardDescription {
        typealias Layout = Virt1Layout
        /// A device tree counts PPIs from INTID 16.
        func ppi(_ intid: Int) -> BoardDescription.Interrupt { .ppi(UInt32(intid - 16)) }
        return BoardDescription(
            model: "dormouse,\(name)",
            compatible: ["dormouse,\(name)", "linux,dummy-virt"],
            cpus: configuration.describedCores.map { configuration.topology.affinities[$0].rawValue },
            memory: [Layout.ramBase..<Layout.ramBase + configuration.memoryByteCount],
            gic: BoardDescription.GIC(
                distributor: Layout.distributor,
                redistributors: [Layout.redistributors(cpuCount: configuration.cpuCount)]),
            timer: BoardDescription.Timer(
                secure: ppi(Layout.TimerINTID.secure), physical: ppi(Layout.TimerINTID.physical),
                virtual: ppi(Layout.TimerINTID.virtual), hypervisor: ppi(Layout.TimerINTID.hypervisor)),
            power: BoardDescription.PowerInterface(
                majorVersion: Int(configuration.psci.version.major), conduit: configuration.psci.conduit.deviceTreeName,
                idle: configuration.idleDescription),
            uart: BoardDescription.Device(registers: Layout.uart, interrupt: .spi(UInt32(Layout.uartSPI))),
            rtc: BoardDescription.Device(registers: Layout.rtc, interrupt: .spi(UInt32(Layout.rtcSPI))),
            virtio: (0..<Layout.virtioSlotCount).map {
                BoardDescription.Device(
                    registers: Layout.virtio(slot: $0), interrupt: .spi(UInt32(Layout.virtioSPI(slot: $0))))
            },
            generationID: configuration.generationID.map {
                BoardDescription.GenerationID(bytes: $0, interrupt: .spi(UInt32(Layout.generationIDSPI)))
            },
            acpi: configuration.firmware == .acpi
                ? BoardDescription.ACPI(
                    hardwareSignature: configuration.hardwareSignature, events: Self.events) : nil,
            chosen: chosen)
    }
}

extension MachineModel {
    private static let events = BoardDescription.EventDevice(
        device: .init(registers: Virt1Layout.events, interrupt: .spi(UInt32(Virt1Layout.eventsSPI))),
        powerButton: EventDevice.Event.powerButton.rawValue, sleepButton: EventDevice.Event.sleepButton.rawValue,
        generationID: EventDevice.Event.generationID.rawValue)
}

extension Conduit {
    fileprivate var deviceTreeName: BoardDescription.PowerInterface.Conduit {
        switch self {
        case .hvc: .hvc
        case .smc: .smc
        }
    }
}
