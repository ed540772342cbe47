// What there can be behind a virtio-mmio slot: a disk, a network, a console, ports, a share, entropy.

import Devices
import HostSupport
import Hypervisor
import NinePFS

struct DiskFunction: VirtioFunction {
    var disk: DiskConfiguration
    /// Its index in `MachineConfiguration.disks`.
    var index: Int
    /// What it answers to VIRTIO_BLK_T_GET_ID.
    var serial: String

    let type = VirtioDeviceID.block
    var queueSizes = BlockDevice.queueSizes
    /// Data segments that a request may have.
    var segMax = BlockDevice.segMax
    /// Whether sectors can be discarded and made zero.
    var clears = false
    var features: VirtioFeatures { BlockDevice.features(isReadOnly: disk.isReadOnly, clears: clears) }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        let geometry = files.disks.indices.contains(index) ? files.disks[index] : nil
        var facts = [
            "sectors": geometry.map { "\($0.sectorCount)" } ?? "unknown", "serial": serial, "seg-max": "\(segMax)",
            "block-size": "\(geometry?.blockByteCount ?? DiskGeometry.usualBlockByteCount)",
        ]
        if features.contains(.blockDiscard) {
            facts.merge(BlockDevice.clearingFacts(geometry ?? DiskGeometry(byteCount: 0))) { $1 }
        }
        return facts
    }

    func make(_ parts: inout MachineParts) throws(MachineError) -> any VirtioDevice {
        let file: DiskFile
        do {
            file = try DiskFile(path: disk.path, readOnly: disk.isReadOnly, format: disk.format)
        } catch { throw .disk(error) }
        do {
            let events = parts.diskEvents
            let index = index
            let device = try BlockDevice(
                file: file, serial: serial, clears: clears, laboratory: parts.diskLaboratory,
                onError: disk.onError,
                synchronous: parts.configuration.clock == .instructions,
                tell: { events.tell($0, ofDisk: index) })
            parts.disks.append(device)
            return device
        } catch { throw .host(error.description) }
    }
}

struct NetworkFunction: VirtioFunction {
    var network: NetworkConfiguration
    /// Its index in `MachineConfiguration.networks`.
    var index: Int
    var mac: MACAddress

    let type = VirtioDeviceID.network
    var queueSizes = NetworkDevice.queueSizes
    var features: VirtioFeatures { NetworkDevice.features }

    func facts(_ files: MeasuredFiles) -> [String: String] { ["mac": "\(mac)", "mtu": "\(network.mtu)"] }

    func make(_ parts: inout MachineParts) throws(MachineError) -> any VirtioDevice {
        let device = try network.open(index: index, mac: mac, onLinkDown: parts.events.linkDown)
        parts.networks[index] = device
        return device
    }
}

struct ConsoleFunction: VirtioFunction {
    let type = VirtioDeviceID.console
    var queueSizes = ConsoleDevice.queueSizes
    var features: VirtioFeatures { ConsoleDevice.features }

    func facts(_ files: MeasuredFiles) -> [String: String] { [:] }

    func make(_ parts: inout MachineParts) -> any VirtioDevice {
        let output = parts.consoleOutput
        let selection = parts.consoleSelection
        let device = ConsoleDevice(
            output: { bytes in
                selection.uses(.virtio)
                if selection.shows(.virtio) { output(bytes) }
            }, onRoom: parts.events.consoleReady)
        parts.console = device
        return device
    }
}

struct PortsFunction: VirtioFunction {
    var ports: [ConsolePort]

    let type = VirtioDeviceID.console
    var queueSizes: [UInt16] { PortsDevice.queueSizes(of: ports) }
    var features: VirtioFeatures { PortsDevice.features }

    /// A name is the last word, since it may be anything.
    func facts(_ files: MeasuredFiles) -> [String: String] {
        var facts: [String: String] = [:]
        for port in ports {
            facts["port.\(port.number)"] = (port.isConsole ? "console" : "port") + (port.name.map { " \($0)" } ?? "")
        }
        return facts
    }

    func make(_ parts: inout MachineParts) -> any VirtioDevice {
        let output = parts.events.portOutput
        let device = PortsDevice(
            // Nobody is there whom it could be given.
            ports: ports, output: { output?($0, $1) ?? $1.count }, onRoom: parts.events.portReady,
            onGuestOpen: parts.events.portOpened)
        parts.ports = device
        return device
    }
}

struct ShareFunction: VirtioFunction {
    var share: ShareConfiguration

    let type = VirtioDeviceID.ninePTransport
    var queueSizes = NinePDevice.queueSizes
    var features: VirtioFeatures { NinePDevice.features }

    /// What is in the directory is the host's, and changes while the guest runs.
    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "tag": share.tag, "access": share.isReadOnly ? "read-only" : "read-write",
            "security-model": share.securityModel.rawValue,
        ]
    }

    func make(_ parts: inout MachineParts) throws(MachineError) -> any VirtioDevice {
        let server: NinePServer
        do throws(NinePShareError) {
            server = try NinePServer(
                NinePShare(path: share.path, securityModel: share.securityModel, isReadOnly: share.isReadOnly),
                openFiles: parts.sharedFiles)
        } catch { throw .share(.directory(error)) }
        do {
            let device = try NinePDevice(
                tag: share.tag, server: server, synchronous: parts.configuration.clock == .instructions,
                lost: { [share, lost = parts.events.shareLost] in lost(share.tag) })
            parts.shares.append(device)
            return device
        } catch { throw .host(error.description) }
    }
}

struct EntropyFunction: VirtioFunction {
    let type = VirtioDeviceID.entropy
    var queueSizes = EntropyDevice.queueSizes
    var features: VirtioFeatures { EntropyDevice.features }

    func facts(_ files: MeasuredFiles) -> [String: String] { [:] }

    func make(_ parts: inout MachineParts) -> any VirtioDevice { EntropyDevice(source: parts.entropy) }
}
