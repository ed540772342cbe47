// The model `virt-1`: the `virt` layout, GICv3, PL011, PL031 and 32 virtio-mmio slots. Released; it never changes.

import Arm64
import Boot
import Devices
import Hypervisor
import PSCI

extension MachineModel {
    /// The first model.
    public static let virt1 = MachineModel(
        name: "virt-1", isReleased: true, cpu: .dormouse1, counterFrequency: 1_000_000_000, counterGoesOn: true,
        psci: .virt1,
        ramBase: Virt1Layout.ramBase, maximumCPUCount: Virt1Layout.maximumCPUCount,
        maximumDiskCount: Virt1Layout.maximumDiskCount, components: Virt1Layout.components)
}

extension Policy {
    /// PSCI as the model was released with it, function by function: what the library learns later is not in it.
    fileprivate static let virt1 = Policy(
        version: .v1_3, conduit: .hvc,
        optional: Capabilities(
            [
                .cpuSuspend, .migrateInfoType, .cpuFreeze, .cpuDefaultSuspend, .nodeHWState, .systemSuspend,
                .psciSetSuspendMode, .psciStatResidency, .psciStatCount, .systemReset2, .memProtect,
                .memProtectCheckRange,
                .systemOff2, .smcccVersion, .smcccArchFeatures, .smcccArchWorkaround1, .smcccArchWorkaround2,
                .smcccArchWorkaround3, .trngVersion, .trngFeatures, .trngGetUUID, .trngRND,
            ] as [Function]),
        powerStateFormat: .original, idleStates: [.coreStandby, .corePowerDown, .clusterPowerDown],
        trustedOS: .none, coresPerCluster: 16)
}

extension Virt1Layout {
    /// The list.
    @Sendable static func components(_ machine: MachineConfiguration) -> MachineComponents {
        let hasACPI = machine.hardwareDescription == .acpi
        var devices: [any Component] = [
            SerialPortComponent(registers: uart, spi: uartSPI, isSetUp: hasACPI),
            RealTimeClockComponent(registers: rtc, spi: rtcSPI, revision: .r1p0, acpiForm: .timeAndAlarm),
        ]
        devices += (0..<virtioSlotCount).map { slot in
            VirtioComponent(
                slot: slot, registers: virtio(slot: slot), spi: virtioSPI(slot: slot), function: function(slot, machine)
            )
        }
        if hasACPI { devices.append(EventComponent(registers: events, spi: eventsSPI)) }
        if let id = machine.generationID {
            devices.append(GenerationIDComponent(bytes: id, spi: generationIDSPI, ram: machine.ram))
        }
        if machine.watchdog != nil {
            devices.append(
                WatchdogComponent(control: watchdogControl, refresh: watchdogRefresh, spi: watchdogSPI))
        }
        if machine.hasDeviceTreeButtons {
            devices.append(ButtonsComponent(registers: buttons, spi: buttonsSPI))
        }
        return MachineComponents(
            interruptController: InterruptControllerComponent(
                distributor: distributor, redistributors: redistributors(cpuCount: machine.cpuCount),
                mpidrs: machine.mpidrs),
            timers: TimerComponent(
                secure: TimerINTID.secure, physical: TimerINTID.physical, virtual: TimerINTID.virtual,
                hypervisor: TimerINTID.hypervisor),
            devices: devices)
    }

    /// What is behind a virtio-mmio slot.
    private static func function(_ slot: Int, _ machine: MachineConfiguration) -> (any VirtioFunction)? {
        switch slot {
        // Of two devices with consoles, the ports' is the one that was asked for: the guest's hvc0 is its.
        case consoleSlot: return machine.ports.isEmpty || machine.console == .virtio ? ConsoleFunction() : nil
        case entropySlot: return EntropyFunction()
        default: break
        }
        if machine.disks.indices.contains(slot) {
            let disk = machine.disks[slot]
            return DiskFunction(disk: disk, index: slot, serial: disk.serial ?? diskSerial(slot: slot))
        }
        if slot == machine.model.portsSlot(machine) { return PortsFunction(ports: machine.ports) }
        if let index = machine.shares.indices.first(where: { machine.model.shareSlot($0, machine) == slot }) {
            return ShareFunction(share: machine.shares[index])
        }
        guard let index = machine.networks.indices.first(where: { machine.model.networkSlot($0) == slot }) else {
            return nil
        }
        return NetworkFunction(
            network: machine.networks[index], index: index, mac: machine.macAddress(ofNetwork: index))
    }
}
