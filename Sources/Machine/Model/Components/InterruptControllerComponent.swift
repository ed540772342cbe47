// The interrupt controller: a GICv3.

import Devices
import Firmware
import Hypervisor

struct InterruptControllerComponent: Component {
    var distributor: Range<PhysicalAddress>
    /// Of all cores, one after the other.
    var redistributors: Range<PhysicalAddress>
    /// MPIDR_EL1 of each core.
    var mpidrs: [UInt64]

    let name = "gic"
    var windows: [Range<PhysicalAddress>] { [distributor, redistributors] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "distributor": hexadecimal(distributor.lowerBound),
            "redistributors": hexadecimal(redistributors.lowerBound),
        ]
    }

    /// To firmware the interrupt controller is more than a device: `BoardDescription` has a place for it.
    var board: BoardDescription.GIC {
        BoardDescription.GIC(distributor: distributor, redistributors: [redistributors])
    }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        let gic = GIC(mpidrs: mpidrs, interruptInputs: parts.interruptInputs, wakeRequested: parts.wakeRequested)
        parts.gic = gic
        return MadeComponent(devices: [gic.distributor, gic.redistributors], reset: { gic.reset() })
    }
}
