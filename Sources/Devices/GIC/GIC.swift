// Arm Generic Interrupt Controller version 3: what the machine sees of it.
//
// Responsible for: locking, and for the wires in and out. Not responsible for: where its frames are mapped. What it
// does with interrupts is in `GICState`.
//
// Follows IHI 0069. One Security state (GICD_CTLR.DS = 1), affinity routing always on, system register access always
// on; SGIs, 16 PPIs per PE and 256 SPIs; no LPIs, no ITS, no extended ranges, no NMIs. Five bits of priority.
// Group 0 interrupts are never signalled, as on a core that keeps FIQs masked: see `GICState.update`.

import Hypervisor
import Synchronization

/// A GICv3 for 1 to 64 PEs.
public final class GIC: InterruptController, InterruptControllerInterface {
    /// SPIs: INTIDs 32 to 287.
    public static let spiCount = GICGeometry.spiCount
    /// Bytes of the distributor's window.
    public static let distributorSize = GICD.frameSize
    /// Bytes of one PE's redistributor; the PEs' are one after the other.
    public static let redistributorSize = GICR.frameSize

    /// GICD_*, `distributorSize` bytes.
    public let distributor: any MMIODevice
    /// GICR_*, `redistributorSize` bytes for each PE, in the order of their indices.
    public let redistributors: any MMIODevice

    let core: GICCore

    /// - Parameters:
    ///   - mpidrs: the MPIDR_EL1 of each PE; only the affinity fields matter.
    ///   - interruptInputs: drives the IRQ input of each PE. Called when the level changes, on the thread that made it
    ///     change, without any lock of the GIC; a level that lasted only for a moment may be left out. It may use the
    ///     GIC in turn.
    ///   - wakeRequested: called once for a PE for which `awaitWakeRequest` returned false, when there is one; on the
    ///     thread that made it so, without any lock of the GIC.
    /// - Precondition: 1 to 64 PEs with different affinities, and an input for each.
    public init(
        mpidrs: [UInt64], interruptInputs: [@Sendable (Bool) -> Void],
        wakeRequested: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        precondition(mpidrs.count == interruptInputs.count, "every PE needs an interrupt input")
        core = GICCore(
            topology: GICTopology(mpidrs: mpidrs), interruptInputs: interruptInputs, wakeRequested: wakeRequested)
        distributor = GICDistributor(core: core)
        redistributors = GICRedistributors(core: core)
    }

    /// The wire of SPI `n`, which is INTID 32 + n.
    ///
    /// - Precondition: `n` is in 0 to 255.
    public func spi(_ n: Int) -> InterruptLine {
        precondition((0..<Self.spiCount).contains(n), "there is no such SPI")
        let bank = n / GICGeometry.bankSize
        let index = n % GICGeometry.bankSize
        return InterruptLine(
            set: { [core] level in
                core.withState { state in
                    state.changeSPIs(in: bank) { $0.setLevel(level, of: index) }
                }
            },
            pulse: { [core] in core.sendEdge(ofSPI: n) })
    }

    /// Takes messages for SPIs, by INTID, at GICD_SETSPI_NSR of a distributor at `distributor`.
    public func messages(ofDistributorAt distributor: PhysicalAddress) -> any MessageInterruptController {
        GICMessages(core: core, register: distributor &+ GICD.SETSPI_NSR)
    }

    /// The wire of a PPI of one PE, by INTID.
    ///
    /// - Precondition: `intid` is in 16 to 31, and there is such a PE.
    public func ppi(_ intid: Int, cpu: Int) -> InterruptLine {
        precondition((GICGeometry.firstPPI..<GICGeometry.firstSPI).contains(intid), "there is no such PPI")
        precondition(core.outputs.indices.contains(cpu), "there is no such PE")
        return InterruptLine(
            set: { [core] level in
                core.withState { state in
                    state.changePrivateInterrupts(of: cpu) { $0.setLevel(level, of: intid) }
                }
            },
            pulse: { [core] in
                core.withState { state in
                    state.changePrivateInterrupts(of: cpu) { $0.sendEdge(of: intid) }
                }
            })
    }

    public func readSystemRegister(_ register: UInt16, cpu: Int) -> UInt64? {
        guard core.outputs.indices.contains(cpu) else { return nil }
        return core.withState { $0.readSystemRegister(register, cpu: cpu) }
    }

    public func writeSystemRegister(_ register: UInt16, value: UInt64, cpu: Int) -> Bool {
        guard core.outputs.indices.contains(cpu) else { return false }
        return core.withState { $0.writeSystemRegister(register, value, cpu: cpu) }
    }

    /// Power-on state, as firmware hands it over, for a reset of the guest. Devices keep the levels of their wires, or
    /// reset them themselves.
    public func reset() {
        core.withState { $0.reset() }
    }

    /// What powering a PE off does to its CPU interface: ICC_*_EL1 as after reset, so that it takes no interrupt before
    /// it is set up again, and none that any PE may take goes to it. The redistributor keeps its state, as it is in
    /// another power domain.
    public func resetCPUInterface(_ cpu: Int) {
        guard core.outputs.indices.contains(cpu) else { return }
        core.withState { state in
            state.changeParticipation(of: cpu) { $0.interface = CPUInterface() }
        }
    }

    /// What firmware has done before a PE enters the guest: its CPU interface is as after reset, and its redistributor
    /// is awake, even if the guest had put it to sleep.
    public func powerOn(_ cpu: Int) {
        guard core.outputs.indices.contains(cpu) else { return }
        core.withState { state in
            state.changeParticipation(of: cpu) {
                $0.interface = CPUInterface()
                $0.isAsleep = false
            }
        }
    }

    /// Whether an enabled interrupt is pending for a PE, even if its redistributor is asleep or its CPU interface is
    /// off: what the specification calls WakeRequest, the reason to power a suspended core on.
    public func hasWakeRequest(cpu: Int) -> Bool {
        guard core.outputs.indices.contains(cpu) else { return false }
        return core.withState { $0.hasWakeRequest(for: cpu) }
    }

    /// `hasWakeRequest`, and if there is none, asks for `wakeRequested` to be called when there is.
    public func awaitWakeRequest(cpu: Int) -> Bool {
        guard core.outputs.indices.contains(cpu) else { return false }
        return core.withState { state in
            if state.hasWakeRequest(for: cpu) { return true }
            state.awaitedWakeRequests |= 1 << UInt64(cpu)
            return false
        }
    }
}

/// The state behind its lock, and the wires out of it: what all the faces of the GIC share.
final class GICCore: Sendable {
    private let state: Mutex<GICState>
    let outputs: [InterruptOutput]
    private let wakeRequested: @Sendable (Int) -> Void

    init(
        topology: GICTopology, interruptInputs: [@Sendable (Bool) -> Void],
        wakeRequested: @escaping @Sendable (Int) -> Void
    ) {
        state = Mutex(GICState(topology: topology))
        self.wakeRequested = wakeRequested
        outputs = interruptInputs.map { InterruptOutput($0) }
    }

    /// Runs `body` with the state to itself, then drives the IRQ inputs that it changed.
    @inline(__always)
    func withState<Result: Sendable>(_ body: (inout GICState) -> Result) -> Result {
        let (result, changed, woken) = state.withLock { state in
            let result = body(&state)
            var changed: UInt64 = 0
            for cpu in SetBits(state.takeChangedSignals())
            where outputs[cpu].post(state.processors[cpu].isSignalled) {
                changed |= 1 << UInt64(cpu)
            }
            return (result, changed, state.awaitedWakeRequests == 0 ? 0 : state.takeWakeRequests())
        }
        for cpu in SetBits(changed) { outputs[cpu].deliver() }
        for cpu in SetBits(woken) { wakeRequested(cpu) }
        return result
    }

    /// An edge that needs no level.
    func sendEdge(ofSPI spi: Int) {
        withState { state in
            state.changeSPIs(in: spi / GICGeometry.bankSize) { $0.sendEdge(of: spi % GICGeometry.bankSize) }
        }
    }
}
