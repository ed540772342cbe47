// fw_cfg: what firmware is given beside the device tree.

import Boot
import Bytes
import Devices
import Hibernation
import Hypervisor

struct FwCfgComponent: Component {
    var registers: Range<PhysicalAddress>
    /// Whether there is firmware that loads the guest's kernel.
    var hasKernel: Bool
    /// Whether there is firmware that installs ACPI's tables.
    var hasTables: Bool
    /// What firmware installs as SMBIOS; nil: there is no firmware that would.
    var smbios: SMBIOS?
    /// What firmware starts first; nil: what it would anyhow.
    var bootOrder: BootOrderFile?
    /// Seconds that firmware waits for a key; nil: as long as it would anyhow.
    var bootMenuWait: Int?
    /// What the guest's operating system reads itself.
    var credentials: [GuestCredential]

    let name = "fw-cfg"
    var windows: [Range<PhysicalAddress>] { [registers] }

    /// What is in the items is said by others: kernel and initrd by their digests, the tables by theirs.
    func facts(_ files: MeasuredFiles) -> [String: String] {
        let items = ["kernel": hasKernel, "smbios": smbios != nil, "tables": hasTables].filter(\.value).keys.sorted()
        var facts = ["base": hexadecimal(registers.lowerBound), "items": items.joined(separator: " ")]
        if let smbios { facts["smbios"] = "\(Fingerprint(of: smbios.tables))" }
        if let bootOrder { facts["boot-order"] = bootOrder.devices.map(\.description).joined(separator: " ") }
        if let bootMenuWait { facts["boot-menu"] = "\(bootMenuWait)" }
        if !credentials.isEmpty {
            let text = credentials.map { "\($0.name)=\(GuestCredential.base64($0.value))\n" }.joined()
            facts["credentials"] = "\(Fingerprint(of: Array(text.utf8)))"
        }
        return facts
    }

    var description: [any BoardDevice] { [BoardDescription.FwCfg(registers)] }

    func make(_ parts: inout MachineParts) throws(MachineError) -> MadeComponent {
        let device = FwCfg(try items(parts.configuration), memory: parts.memory)
        return MadeComponent(
            devices: [device], state: device, setEnding: { device.setEnding($0) }, reset: { device.reset() })
    }

    private func items(_ machine: MachineConfiguration) throws(MachineError) -> FwCfgItems {
        var items = FwCfgItems()
        items.set(.cpuCount, to: UInt16(machine.cpuCount))
        items.set(.maximumCPUCount, to: UInt16(machine.cpuCount))
        items.set(.bootMenu, to: UInt16(bootMenuWait == nil ? 0 : 1))
        if hasKernel { Self.add(try GuestImage(machine), commandLine: machine.commandLine, to: &items) }
        let board = machine.model.board(machine, chosen: BoardDescription.Chosen())
        if hasTables, let files = ACPIFiles(of: board) {
            items.add(ACPIFiles.tablesName, FwCfgItem(files.tables))
            items.add(ACPIFiles.rsdpName, FwCfgItem(files.rsdp))
            items.add(ACPIFiles.loaderName, FwCfgItem(files.loader))
        }
        if let smbios {
            items.add(SMBIOS.entryPointName, FwCfgItem(smbios.entryPoint()))
            items.add(SMBIOS.tablesName, FwCfgItem(smbios.tables))
        }
        if let bootOrder { items.add(BootOrderFile.name, FwCfgItem(bootOrder.bytes)) }
        if let bootMenuWait {
            items.add(
                BootOrderFile.menuWaitName, FwCfgItem(UInt16(clamping: bootMenuWait * 1000).littleEndianBytes))
        }
        for credential in credentials { items.add(credential.fwCfgName, FwCfgItem(Array(credential.value.utf8))) }
        return items
    }

    /// What firmware loads a kernel from: sizes first, of 32 bits each.
    private static func add(_ image: GuestImage, commandLine: String, to items: inout FwCfgItems) {
        guard let kernel = image.kernel else { return }
        func add(_ file: HostFile, _ size: FwCfgItems.Key, _ data: FwCfgItems.Key) {
            items.set(size, to: UInt32(clamping: file.byteCount))
            items[data] = FwCfgItem(byteCount: UInt64(UInt32(clamping: file.byteCount))) { offset, count in
                try? file.read(at: Int(offset), count: count)
            }
        }
        add(kernel, .kernelSize, .kernelData)
        if let initrd = image.initrd { add(initrd, .initrdSize, .initrdData) }
        // A NUL ends it.
        let text = Array(commandLine.utf8) + [0]
        items.set(.commandLineSize, to: UInt32(text.count))
        items[.commandLineData] = FwCfgItem(text)
        // Of x86 only.
        items.set(.setupSize, to: UInt32(0))
    }
}
