// What Linux's irq-gic-v3 driver does, in its order, and what it has to find.

import Devices
import Hypervisor
import Testing

private typealias D = GICBench.D
private typealias R = GICBench.R
private typealias I = GICBench.I

@Suite("GICv3 as Linux uses it")
struct GICLinuxTests {
    /// Every redistributor from the first one on, until one says that it is the last.
    private func redistributor(of affinity: UInt64, _ bench: GICBench) -> Int? {
        for cpu in 0..<64 {
            let type = bench.readR(cpu, R.TYPER, size: 8)
            if type >> 32 == affinity { return cpu }
            if type >> 4 & 1 != 0 { return nil }
        }
        return nil
    }

    private func enableRedistributor(_ isEnabled: Bool, _ cpu: Int, _ bench: GICBench) {
        let value = bench.readR(cpu, R.WAKER)
        bench.writeR(cpu, R.WAKER, isEnabled ? value & ~0b10 : value | 0b10)
        #expect((bench.readR(cpu, R.WAKER) & 0b100 == 0) == isEnabled, "it polls ChildrenAsleep")
    }

    private func initializeInterface(_ cpu: Int, _ bench: GICBench) {
        bench.write(I.SRE, 1, cpu)
        #expect((bench.read(I.SRE, cpu) ?? 0) & 1 == 1)
        let priorityBits = (bench.read(I.CTLR, cpu) ?? 0) >> 8 & 0b111 + 1
        bench.write(I.PMR, 1 << (8 - priorityBits), cpu)
        #expect(bench.read(I.PMR, cpu) != 0, "group 0 is accessible")
        bench.write(I.PMR, 0xF0, cpu)
        bench.write(I.BPR1, 0, cpu)
        bench.write(I.CTLR, 0, cpu)
        #expect(bench.write(I.AP0R0, 0, cpu))
        #expect(bench.write(I.AP1R0, 0, cpu))
        bench.write(I.IGRPEN1, 1, cpu)
    }

    private func boot(_ bench: GICBench) {
        #expect(bench.readD(D.PIDR2) & 0xF0 == 0x30)
        bench.writeD(D.CTLR, 0)
        for bank in 1...8 as ClosedRange<UInt64> {
            bench.writeD(D.IGROUPR + bank * 4, 0xFFFF_FFFF)
            bench.writeD(D.ICFGR + bank * 8, 0)
            bench.writeD(D.ICFGR + bank * 8 + 4, 0)
            for word in 0..<8 as Range<UInt64> { bench.writeD(D.IPRIORITYR + bank * 32 + word * 4, 0xA0A0_A0A0) }
            bench.writeD(D.ICACTIVER + bank * 4, 0xFFFF_FFFF)
            bench.writeD(D.ICENABLER + bank * 4, 0xFFFF_FFFF)
        }
        bench.writeD(D.CTLR, 0b1_0011)
        for intid in 32..<288 as Range<UInt64> { bench.writeD(D.IROUTER + intid * 8, 0, size: 8) }
        for cpu in 0..<bench.count { startCPU(cpu, bench) }
    }

    private func startCPU(_ cpu: Int, _ bench: GICBench) {
        #expect(redistributor(of: GICBench.mpidr(cpu) & 0xFFFF, bench) == cpu)
        enableRedistributor(true, cpu, bench)
        bench.writeR(cpu, R.SGI + D.IGROUPR, 0xFFFF_FFFF)
        for word in 0..<8 as Range<UInt64> { bench.writeR(cpu, R.SGI + D.IPRIORITYR + word * 4, 0xA0A0_A0A0) }
        bench.writeR(cpu, R.SGI + D.ICACTIVER, 0xFFFF_FFFF)
        bench.writeR(cpu, R.SGI + D.ICENABLER, 0xFFFF_FFFF)
        initializeInterface(cpu, bench)
        for sgi in 0..<8 { bench.setBit(D.ISENABLER, sgi, cpu: cpu) }
        bench.setBit(D.ISENABLER, 27, cpu: cpu)
    }

    @Test("It boots, and has timer, IPIs and device interrupts", arguments: [1, 4, 64])
    func boot(_ count: Int) {
        let bench = GICBench(count)
        boot(bench)
        let last = count - 1
        bench.gic.ppi(27, cpu: last).set(true)
        #expect(bench.irqs == [last])
        #expect(bench.acknowledge(last) == 27)
        bench.gic.ppi(27, cpu: last).set(false)
        bench.end(27, last)
        bench.write(I.SGI1R, 2 << 24 | UInt64(last / 16) << 16 | 1 << UInt64(last % 16))
        #expect(bench.acknowledge(last) == 2)
        bench.end(2, last)
        bench.writeD(D.IROUTER + 48 * 8, GICBench.mpidr(last) & 0xFFFF, size: 8)
        bench.setBit(D.ISENABLER, 48)
        bench.line(48).set(true)
        #expect(bench.irqs == [last])
        #expect(bench.acknowledge(last) == 48)
        bench.line(48).set(false)
        bench.end(48, last)
        #expect(bench.irqs == [])
    }

    @Test("It suspends a CPU's interface and redistributor, and finds its interrupts again")
    func suspend() {
        let bench = GICBench(2)
        boot(bench)
        bench.write(I.IGRPEN1, 0, 0)
        enableRedistributor(false, 0, bench)
        bench.gic.ppi(27, cpu: 0).set(true)
        #expect(bench.irqs == [])
        #expect(bench.gic.hasWakeRequest(cpu: 0))
        bench.gic.resetCPUInterface(0)
        enableRedistributor(true, 0, bench)
        initializeInterface(0, bench)
        #expect(bench.irqs == [0])
        #expect(bench.acknowledge(0) == 27)
    }

    @Test("A CPU that was taken offline comes back")
    func hotplug() {
        let bench = GICBench(2)
        boot(bench)
        bench.gic.resetCPUInterface(1)
        bench.write(I.SGI1R, 1 << 24 | 0b10)
        #expect(bench.irqs == [])
        startCPU(1, bench)
        #expect(bench.acknowledge(1) == 1)
    }
}
