// A virtio-mmio slot, with a device behind it or none.

import Boot
import Bytes
import Devices
import Hypervisor

/// What is behind a slot.
protocol VirtioFunction: Sendable {
    var type: VirtioDeviceID { get }
    /// What it offers beside `VirtioFeatures.common`.
    var features: VirtioFeatures { get }
    /// The greatest size of each of its queues.
    var queueSizes: [UInt16] { get }
    /// What else a guest could tell.
    func facts(_ files: MeasuredFiles) -> [String: String]
    func make(_ parts: inout MachineParts) throws(MachineError) -> any VirtioDevice
}

struct VirtioComponent: Component {
    /// Counted from 0.
    var slot: Int
    var registers: Range<PhysicalAddress>
    var spi: Int
    var function: (any VirtioFunction)?
    /// What the transport says of itself.
    var vendorID = VirtioMMIODevice.vendorID

    var name: String { "virtio.\(slot)" }
    var windows: [Range<PhysicalAddress>] { [registers] }
    var spis: [Int] { [spi] }

    /// An empty slot has none: all slots are in what firmware says.
    func facts(_ files: MeasuredFiles) -> [String: String] {
        guard let function else { return [:] }
        var facts = function.facts(files)
        facts["type"] = "\(function.type)"
        facts["base"] = hexadecimal(registers.lowerBound)
        facts["spi"] = "\(spi)"
        facts["vendor"] = hexadecimal(vendorID)
        facts["queues"] = function.queueSizes.map(String.init).joined(separator: " ")
        facts["features"] = hexadecimal(function.features.union(.common).rawValue)
        return facts
    }

    var description: [any BoardDevice] {
        [BoardDescription.VirtioTransport(slot: slot, .init(registers, spi: spi))]
    }

    func make(_ parts: inout MachineParts) throws(MachineError) -> MadeComponent {
        let device = VirtioMMIODevice(
            memory: parts.memory, interrupt: parts.spi(spi), device: try function?.make(&parts))
        return MadeComponent(
            devices: [device], state: device, setEnding: { device.setEnding($0) }, reset: { device.reset() })
    }
}
