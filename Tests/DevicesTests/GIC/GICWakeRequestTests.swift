import Devices
import Hypervisor
import Synchronization
import Testing

/// The wake requests of a GIC whose PEs' CPU interfaces are all off: what powers a suspended core on.
@Suite("Waiting for a wake request")
struct GICWakeRequestTests {
    private final class Calls: Sendable {
        let cpus = Mutex<[Int]>([])
        var all: [Int] { cpus.withLock { $0 } }
    }

    private let calls = Calls()
    private let gic: GIC

    init() {
        let calls = calls
        gic = GIC(
            mpidrs: (0..<3).map(GICBench.mpidr), interruptInputs: (0..<3).map { _ in { _ in } },
            wakeRequested: { cpu in calls.cpus.withLock { $0.append(cpu) } })
        // GICD_CTLR.EnableGrp1; PPI 27 of every PE in group 1 and enabled: GICR_IGROUPR0, GICR_ISENABLER0.
        gic.distributor.write(offset: 0, size: 4, value: 0b10, cpu: 0)
        for cpu in UInt64(0)..<3 {
            for register: UInt64 in [0x1_0080, 0x1_0100] {
                gic.redistributors.write(offset: cpu * 0x2_0000 + register, size: 4, value: 1 << 27, cpu: 0)
            }
        }
    }

    @Test("Who waits is called once, when there is one, and nobody else is")
    func once() {
        #expect(!gic.awaitWakeRequest(cpu: 1))
        gic.ppi(27, cpu: 0).set(true)
        #expect(calls.all == [])
        gic.ppi(27, cpu: 1).set(true)
        #expect(calls.all == [1])
        gic.ppi(27, cpu: 1).set(false)
        gic.ppi(27, cpu: 1).set(true)
        #expect(calls.all == [1])
    }

    @Test("Where there is one already, nobody is called")
    func already() {
        gic.ppi(27, cpu: 2).set(true)
        #expect(gic.awaitWakeRequest(cpu: 2))
        gic.ppi(27, cpu: 2).set(false)
        gic.ppi(27, cpu: 2).set(true)
        #expect(calls.all == [])
    }

    @Test("An interrupt that is let through later asks then")
    func enabledLater() {
        gic.redistributors.write(offset: 0x1_0180, size: 4, value: 1 << 27, cpu: 0)
        gic.ppi(27, cpu: 0).set(true)
        #expect(!gic.awaitWakeRequest(cpu: 0))
        gic.redistributors.write(offset: 0x1_0100, size: 4, value: 1 << 27, cpu: 0)
        #expect(calls.all == [0])
    }

    @Test("There is no PE beyond the last one")
    func noSuchPE() {
        #expect(!gic.awaitWakeRequest(cpu: 3))
        #expect(!gic.awaitWakeRequest(cpu: -1))
    }
}
