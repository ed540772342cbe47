// A PCI root bridge with nothing on its bus.
//
// Debian's edk2 heeds an order of booting only where it finds a root bridge (QemuBootOrderLib), whatever is on it. A
// machine has this one if an order is asked for, and no other one has a bus. Only a device tree tells of it: who reads
// ACPI's tables is firmware's operating system, and finds no PCI.

import Boot
import Bytes
import Devices
import Hypervisor

struct RootBridgeComponent: Component {
    /// The configuration space of bus 0.
    var configuration: Range<PhysicalAddress>
    /// What devices could be given, if there were any.
    var ports: Range<PhysicalAddress>
    var memory: Range<PhysicalAddress>

    let name = "pci"
    var windows: [Range<PhysicalAddress>] { [configuration] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "configuration": hexadecimal(configuration.lowerBound), "ports": hexadecimal(ports.lowerBound),
            "memory": hexadecimal(memory.lowerBound),
        ]
    }

    var description: [any BoardDevice] {
        [BoardDescription.RootBridge(configuration: configuration, ports: ports, memory: memory)]
    }

    func make(_ parts: inout MachineParts) -> MadeComponent { MadeComponent(devices: [EmptyPCIBus()]) }
}
