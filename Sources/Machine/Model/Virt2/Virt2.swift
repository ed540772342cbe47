// The model `virt-2`: as `virt-1`, but for what is said here. Its list, and what it is made of, never change again: what
// is told to a guest (`GuestSetup+Credentials`), SMBIOS and the flash among it.

import Boot
import Devices
import Hypervisor

extension MachineModel {
    /// The second model, with UEFI.
    public static let virt2 = MachineModel(
        name: "virt-2", isReleased: true, cpu: virt1.cpu, counterFrequency: virt1.counterFrequency,
        counterGoesOn: virt1.counterGoesOn, psci: virt1.psci, ramBase: virt1.ramBase,
        maximumCPUCount: virt1.maximumCPUCount, maximumDiskCount: virt1.maximumDiskCount, components: Virt2.components,
        flash: Virt2.flash, tellsGuests: true)
}

private enum Virt2 {
    private static let panic: Range<PhysicalAddress> = 0x090D_0000..<0x090D_1000
    private static let clockPage: Range<PhysicalAddress> = 0x090E_0000..<0x090F_0000
    private static let clockPageSPI = 11

    /// Arm's Base System Architecture has the performance monitors' interrupt there.
    private static let performanceINTID = 23

    /// Where `virt-1` has nothing.
    static let flash = FlashLayout(code: 0..<0x0400_0000, variables: 0x0400_0000..<0x0800_0000)
    private static let fwCfgBase: PhysicalAddress = 0x0902_0000

    /// Of a root bridge, where QEMU's board has them.
    private static let pciMemory: Range<PhysicalAddress> = 0x1000_0000..<0x3EFF_0000
    private static let pciPorts: Range<PhysicalAddress> = 0x3EFF_0000..<0x3F00_0000
    private static let pciConfiguration: Range<PhysicalAddress> = 0x3F00_0000..<0x3F10_0000

    @Sendable static func components(_ machine: MachineConfiguration) -> MachineComponents {
        var list = MachineModel.virt1.components(machine)
        list.processors = ProcessorDescription(performanceINTID: performanceINTID, hasTopology: true)
        list.change(RealTimeClockComponent.self) {
            $0.revision = .r1p3
            // Every kernel has a driver for that, and it has an alarm.
            $0.acpiForm = .primeCell
        }
        list.change(VirtioComponent.self) {
            guard var disk = $0.function as? DiskFunction else { return }
            disk.clears = true
            $0.function = disk
        }
        list.devices.append(PanicComponent(registers: panic))
        list.devices.append(
            ClockPageComponent(page: clockPage, spi: clockPageSPI, hasGeneration: machine.generationID != nil))
        // A guest with two consoles has two logins, of which one is deaf.
        if machine.console != .virtio {
            list.change(VirtioComponent.self) { if $0.function is ConsoleFunction { $0.function = nil } }
        }
        let hasUEFI = machine.uefi != nil
        list.devices.append(
            FwCfgComponent(
                registers: fwCfgBase..<fwCfgBase + FwCfg.windowSize, hasKernel: hasUEFI && machine.kernel != nil,
                hasTables: hasUEFI && machine.hardwareDescription == .acpi,
                smbios: hasUEFI ? machine.smbios : nil, bootOrder: bootOrder(machine, list),
                bootMenuWait: hasUEFI ? machine.bootMenuWait : nil,
                // Firmware passes them on with the rest; without it a guest reads them here.
                credentials: hasUEFI ? [] : machine.guest.credentials))
        if hasUEFI { addFlash(to: &list) }
        if hasUEFI, !machine.bootOrder.isEmpty {
            list.devices.append(
                RootBridgeComponent(configuration: pciConfiguration, ports: pciPorts, memory: pciMemory))
        }
        return list
    }

    /// An order of booting, by the slots that its devices have.
    private static func bootOrder(_ machine: MachineConfiguration, _ list: MachineComponents) -> BootOrderFile? {
        guard machine.uefi != nil, !machine.bootOrder.isEmpty else { return nil }
        let slots = list.devices.compactMap { $0 as? VirtioComponent }
        return BootOrderFile(machine.bootOrder) { device in
            let slot =
                switch device {
                case .disk(let index): index
                case .network(let index): machine.model.networkSlot(index)
                }
            return slots.first { $0.slot == slot }?.registers
        }
    }

    /// What a guest of UEFI finds otherwise.
    private static func addFlash(to list: inout MachineComponents) {
        list.devices.append(FlashComponent(content: .code, registers: flash.code))
        list.devices.append(FlashComponent(content: .variables, registers: flash.variables))
        // Firmware turns the port on, as it does on hardware.
        list.change(SerialPortComponent.self) { $0.isSetUp = false }
        // It lies in RAM that firmware would have to leave alone, and does not know of.
        list.devices.removeAll { $0 is GenerationIDComponent }
    }
}
