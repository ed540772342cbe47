// Messages that become SPIs.
//
// Follows IHI 0069, "GICD_SETSPI_NSR, Set Non-secure SPI Pending Register". This is the way in for devices only: no
// model says in GICD_TYPER.MBIS that there is such a register, and the guest's own stores do not reach it. Without
// GICD_CLRSPI_NSR nothing could take a level back, so a level-sensitive SPI takes no message.

import Hypervisor

/// What devices' messages go to.
final class GICMessages: MessageInterruptController {
    private let core: GICCore
    /// Where GICD_SETSPI_NSR is.
    private let register: PhysicalAddress

    init(core: GICCore, register: PhysicalAddress) {
        self.core = core
        self.register = register
    }

    func send(_ message: InterruptMessage) -> Bool {
        guard message.address == register else { return false }
        let spi = Int(message.data & GICD.SETSPIField.intid) - GICGeometry.firstSPI
        guard (0..<GICGeometry.spiCount).contains(spi) else { return true }
        core.sendEdge(ofSPI: spi)
        return true
    }
}
