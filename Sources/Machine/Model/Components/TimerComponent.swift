// The generic timers of the cores: which private interrupts they have. The timers themselves are the back end's.

import Boot
import Hypervisor

struct TimerComponent: Component {
    /// INTIDs, as the architecture's manuals name the timers.
    var secure: Int
    var physical: Int
    var virtual: Int
    var hypervisor: Int

    /// Firmware counts PPIs from this INTID.
    static let firstPPI = 16

    let name = "timer"
    var windows: [Range<PhysicalAddress>] { [] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        ["secure": "\(secure)", "physical": "\(physical)", "virtual": "\(virtual)", "hypervisor": "\(hypervisor)"]
    }

    /// A part of every description of a board.
    var board: BoardDescription.Timer {
        func ppi(_ intid: Int) -> BoardDescription.Interrupt { .ppi(UInt32(intid - Self.firstPPI)) }
        return BoardDescription.Timer(
            secure: ppi(secure), physical: ppi(physical), virtual: ppi(virtual), hypervisor: ppi(hypervisor))
    }

    /// The wires of a core's timers. There is no EL2 and no EL3 that would use the others.
    func lines(_ parts: MachineParts, cpu: Int) -> TimerLines {
        TimerLines(virtualTimer: parts.ppi(virtual, cpu: cpu), physicalTimer: parts.ppi(physical, cpu: cpu))
    }

    func make(_ parts: inout MachineParts) -> MadeComponent { MadeComponent() }
}
