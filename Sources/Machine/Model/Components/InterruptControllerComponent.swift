// The interrupt controller: a GICv3.

import Boot
import Bytes
import Devices
import Hypervisor

struct InterruptControllerComponent: Component {
    var distributor: Range<PhysicalAddress>
    /// Of all cores, one after the other.
    var redistributors: Range<PhysicalAddress>
    /// MPIDR_EL1 of each core.
    var mpidrs: [UInt64]
    /// What it says of itself.
    var identity = GIC.identity

    let name = "gic"
    var windows: [Range<PhysicalAddress>] { [distributor, redistributors] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "distributor": hexadecimal(distributor.lowerBound),
            "redistributors": hexadecimal(redistributors.lowerBound),
            "stride": hexadecimal(UInt64(redistributors.count / max(1, mpidrs.count))),
            "spis": "\(identity.spiCount)", "priority-bits": "\(identity.priorityBits)",
            "typer": hexadecimal(identity.distributorType), "iidr": hexadecimal(identity.implementer),
            "pidr2": hexadecimal(identity.peripheralID2), "icc-ctlr": hexadecimal(identity.interfaceControl),
        ]
    }

    /// To firmware the interrupt controller is more than a device: `BoardDescription` has a place for it.
    var board: BoardDescription.GIC {
        BoardDescription.GIC(distributor: distributor, redistributors: [redistributors])
    }

    func make(_ parts: inout MachineParts) throws(MachineError) -> MadeComponent {
        let place = InterruptControllerPlace(
            distributor: distributor, redistributors: redistributors, mpidrs: mpidrs)
        do throws(BackendError) {
            if let own = try parts.backend.makeInterruptController(place) {
                parts.interruptController = own
                parts.messages = own as? any MessageInterruptController
                // Its registers are not on the bus, and its CPU interfaces are not ours to answer for.
                return MadeComponent(reset: { own.reset() })
            }
        } catch { throw MachineError(error) }
        let gic = GIC(mpidrs: mpidrs, interruptInputs: parts.interruptInputs, wakeRequested: parts.wakeRequested)
        parts.interruptController = gic
        parts.cpuInterfaces = gic
        parts.messages = gic.messages(ofDistributorAt: distributor.lowerBound)
        return MadeComponent(devices: [gic.distributor, gic.redistributors], state: gic, reset: { gic.reset() })
    }
}
