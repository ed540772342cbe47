// GICR_* as IHI 0069 describes them.

import Devices
import Hypervisor
import Testing

private typealias D = GICBench.D
private typealias R = GICBench.R
private typealias I = GICBench.I

@Suite("GICv3 redistributors")
struct GICRedistributorTests {
    @Test("Each says which PE it serves, and the last one that it is the last")
    func type() {
        let bench = GICBench(18)
        for cpu in 0..<18 {
            let type = bench.readR(cpu, R.TYPER, size: 8)
            #expect(type >> 32 == UInt64(cpu / 16) << 8 | UInt64(cpu % 16), "Affinity_Value")
            #expect(type >> 8 & 0xFFFF == UInt64(cpu), "Processor_Number")
            #expect((type >> 4 & 1 == 1) == (cpu == 17), "Last")
            #expect(type & 0b1111 == 0, "PLPIS, VLPIS, Dirty, DirectLPI")
            #expect(bench.readR(cpu, R.TYPER) | bench.readR(cpu, R.TYPER + 4) << 32 == type)
            #expect(bench.readR(cpu, D.PIDR2) >> 4 & 0xF == 3)
        }
    }

    @Test("GICR_WAKER: awake after reset, as firmware leaves it, and ChildrenAsleep follows ProcessorSleep")
    func waker() {
        let bench = GICBench()
        #expect(bench.readR(0, R.WAKER) == 0)
        bench.writeR(0, R.WAKER, 0b10)
        #expect(bench.readR(0, R.WAKER) == 0b110)
        bench.writeR(0, R.WAKER, 0)
        #expect(bench.readR(0, R.WAKER) == 0)
        bench.writeR(0, R.WAKER, 0b10)
        #expect(bench.readR(0, R.WAKER) == 0b110)
        bench.writeR(0, R.WAKER, 0b100)
        #expect(bench.readR(0, R.WAKER) == 0, "ChildrenAsleep cannot be written")
    }

    @Test("A redistributor that is asleep forwards nothing, but asks to be woken")
    func asleep() {
        let bench = GICBench.running()
        bench.enable(27, cpu: 0)
        bench.writeR(0, R.WAKER, 0b10)
        #expect(!bench.gic.hasWakeRequest(cpu: 0))
        bench.gic.ppi(27, cpu: 0).set(true)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
        #expect(bench.gic.hasWakeRequest(cpu: 0))
        bench.writeR(0, R.WAKER, 0)
        #expect(bench.irq())
    }

    @Test("A guest that leaves GICR_WAKER and GICx_IGROUPR as it finds them gets its interrupts")
    func untouched() {
        let bench = GICBench(2)
        bench.writeD(D.CTLR, 0b10)
        for cpu in 0..<2 {
            bench.write(I.PMR, 0xFF, cpu)
            bench.write(I.IGRPEN1, 1, cpu)
            bench.writeR(cpu, R.SGI + D.ISENABLER, 1 << 27)
            bench.gic.ppi(27, cpu: cpu).set(true)
            #expect(bench.irq(cpu))
            #expect(bench.acknowledge(cpu) == 27)
        }
        bench.write(I.EOIR1, 27, 0)
        bench.gic.ppi(27, cpu: 0).set(false)
        bench.enable(40)
        bench.line(40).set(true)
        #expect(bench.acknowledge(0) == 40)
    }

    @Test("A PE that is powered on finds its redistributor awake, and its interrupts as they were")
    func powerOn() {
        let bench = GICBench.running(2)
        bench.enable(27, cpu: 1)
        bench.writeR(1, R.WAKER, 0b10)
        bench.gic.resetCPUInterface(1)
        #expect(bench.readR(1, R.WAKER) == 0b110)
        bench.gic.powerOn(1)
        #expect(bench.readR(1, R.WAKER) == 0)
        #expect(bench.read(I.IGRPEN1, 1) == 0)
        bench.gic.ppi(27, cpu: 1).set(true)
        #expect(!bench.irq(1))
        bench.write(I.PMR, 0xFF, 1)
        bench.write(I.IGRPEN1, 1, 1)
        #expect(bench.irq(1))
    }

    @Test("SGIs are edge-triggered for ever, PPIs as configured")
    func configuration() {
        let bench = GICBench()
        #expect(bench.readR(0, R.SGI + D.ICFGR) == 0xAAAA_AAAA)
        bench.writeR(0, R.SGI + D.ICFGR, 0)
        #expect(bench.readR(0, R.SGI + D.ICFGR) == 0xAAAA_AAAA)
        bench.writeR(0, R.SGI + D.ICFGR + 4, 0xFFFF_FFFF)
        #expect(bench.readR(0, R.SGI + D.ICFGR + 4) == 0xAAAA_AAAA)
        bench.writeR(0, R.SGI + D.ICFGR + 4, 0)
        #expect(bench.readR(0, R.SGI + D.ICFGR + 4) == 0)
    }

    @Test("Each PE has its own SGIs and PPIs")
    func banked() {
        let bench = GICBench(2)
        bench.writeR(1, R.SGI + D.ISENABLER, 0x8000_0001)
        bench.writeR(1, R.SGI + D.IPRIORITYR + 28, 0x1122_3344)
        #expect(bench.readR(1, R.SGI + D.ISENABLER) == 0x8000_0001)
        #expect(bench.readR(0, R.SGI + D.ISENABLER) == 0)
        #expect(bench.readR(1, R.SGI + D.IPRIORITYR + 28) == 0x1020_3040)
        #expect(bench.readR(1, R.SGI + D.IPRIORITYR + 31, size: 1) == 0x10)
        #expect(bench.readR(0, R.SGI + D.IPRIORITYR + 28) == 0)
    }

    @Test("There is nothing of LPIs, extended PPIs or PEs that do not exist")
    func absent() {
        let bench = GICBench(2)
        for offset in [0x0, 0x70, 0x78, R.SGI + D.ISENABLER + 4, R.SGI + D.IPRIORITYR + 32, R.SGI + 0xD00, 0x2_0014] {
            bench.writeR(1, offset, 0xFFFF_FFFF)
            #expect(bench.readR(1, offset) == 0, "offset \(offset)")
        }
        #expect(bench.gic.redistributors.read(offset: .max - 7, size: 8, cpu: 0) == 0)
        #expect(bench.gic.distributor.read(offset: .max - 7, size: 8, cpu: 0) == 0)
    }
}
