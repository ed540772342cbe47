// From a wire to a PE and back: the interrupt state machine of IHI 0069, and what masks an interrupt.

import Devices
import Hypervisor
import Testing

private typealias D = GICBench.D
private typealias R = GICBench.R
private typealias I = GICBench.I

@Suite("GICv3 delivery")
struct GICDeliveryTests {
    @Test("A level-sensitive SPI goes from its wire to the PE and back")
    func levelSensitive() {
        let bench = GICBench.running()
        bench.enable(33)
        #expect(!bench.irq())
        bench.line(33).set(true)
        #expect(bench.irq())
        #expect(bench.bit(D.ISPENDR, 33) && !bench.bit(D.ISACTIVER, 33))
        #expect(bench.acknowledge() == 33)
        #expect(!bench.irq())
        #expect(bench.bit(D.ISPENDR, 33) && bench.bit(D.ISACTIVER, 33), "active and pending while asserted")
        bench.line(33).set(false)
        #expect(!bench.bit(D.ISPENDR, 33) && bench.bit(D.ISACTIVER, 33))
        bench.end(33)
        #expect(!bench.bit(D.ISACTIVER, 33))
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
    }

    @Test("A level-sensitive interrupt that is still asserted at its end is pending again")
    func levelStaysAsserted() {
        let bench = GICBench.running()
        bench.enable(33)
        bench.line(33).set(true)
        #expect(bench.acknowledge() == 33)
        bench.end(33)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 33)
    }

    @Test("A level that goes away before it is acknowledged takes the request back")
    func levelWithdrawn() {
        let bench = GICBench.running()
        bench.enable(33)
        bench.line(33).set(true)
        bench.line(33).set(false)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
    }

    @Test("An edge is remembered after its wire has gone down, and delivered once")
    func edge() {
        let bench = GICBench.running()
        bench.makeEdge(50)
        bench.enable(50)
        bench.line(50).set(true)
        bench.line(50).set(false)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 50)
        bench.end(50)
        #expect(!bench.irq())
    }

    @Test("An edge while the interrupt is active is delivered after its end")
    func edgeWhileActive() {
        let bench = GICBench.running()
        bench.makeEdge(50)
        bench.enable(50)
        bench.line(50).set(true)
        #expect(bench.acknowledge() == 50)
        bench.line(50).set(true)
        #expect(!bench.bit(D.ISPENDR, 50), "no new edge yet")
        bench.line(50).set(false)
        bench.line(50).set(true)
        #expect(!bench.irq())
        #expect(bench.bit(D.ISPENDR, 50) && bench.bit(D.ISACTIVER, 50))
        bench.end(50)
        #expect(bench.acknowledge() == 50)
        bench.line(50).set(false)
        #expect(!bench.bit(D.ISPENDR, 50), "a falling edge is none")
    }

    @Test("Clearing the pending state forgets an edge, but not an asserted level")
    func clearPending() {
        let bench = GICBench.running()
        bench.makeEdge(50)
        for intid in [50, 51] {
            bench.enable(intid)
            bench.line(intid).set(true)
            bench.setBit(D.ICPENDR, intid)
        }
        #expect(!bench.bit(D.ISPENDR, 50))
        #expect(bench.bit(D.ISPENDR, 51))
        #expect(bench.acknowledge() == 51)
        #expect(bench.acknowledge() == GICBench.spurious)
    }

    @Test("A pending state set by software lasts until it is acknowledged, for both triggers")
    func setPending() {
        let bench = GICBench.running()
        bench.makeEdge(50)
        for intid in [50, 51] {
            bench.enable(intid)
            bench.setBit(D.ISPENDR, intid)
            #expect(bench.irq())
            #expect(bench.acknowledge() == UInt64(intid))
            bench.end(UInt64(intid))
            #expect(!bench.irq())
        }
    }

    @Test("A disabled interrupt becomes pending, and is delivered when it is enabled")
    func disabled() {
        let bench = GICBench.running()
        bench.line(60).set(true)
        #expect(bench.bit(D.ISPENDR, 60))
        #expect(!bench.irq())
        bench.enable(60)
        #expect(bench.irq())
        bench.setBit(D.ICENABLER, 60)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
    }

    @Test("An active state set by software keeps an interrupt from being delivered")
    func setActive() {
        let bench = GICBench.running()
        bench.enable(60)
        bench.setBit(D.ISACTIVER, 60)
        bench.line(60).set(true)
        #expect(!bench.irq())
        bench.setBit(D.ICACTIVER, 60)
        #expect(bench.irq())
    }

    @Test("Nothing is delivered while the distributor's or the CPU interface's group is disabled")
    func disabledGroup() {
        let bench = GICBench.running()
        bench.enable(60)
        bench.line(60).set(true)
        bench.writeD(D.CTLR, 0)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
        bench.writeD(D.CTLR, 0b10)
        #expect(bench.irq())
        bench.write(I.IGRPEN1, 0)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
        bench.write(I.IGRPEN1, 1)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 60)
    }

    @Test("A PPI goes to its own PE only")
    func privatePeripheral() {
        let bench = GICBench.running(3)
        for cpu in 0..<3 { bench.enable(27, cpu: cpu) }
        let line = bench.gic.ppi(27, cpu: 1)
        line.set(true)
        #expect(bench.irqs == [1])
        #expect(bench.bit(D.ISPENDR, 27, cpu: 1) && !bench.bit(D.ISPENDR, 27, cpu: 0))
        #expect(bench.acknowledge(0) == GICBench.spurious)
        #expect(bench.acknowledge(1) == 27)
        line.set(false)
        bench.end(27, 1)
        #expect(bench.irqs == [])
    }

    @Test("An SPI goes to the PE that its router names, also when it changes while pending")
    func routing() {
        let bench = GICBench.running(20)
        bench.enable(70)
        bench.line(70).set(true)
        #expect(bench.irqs == [0])
        bench.writeD(D.IROUTER + 70 * 8, GICBench.mpidr(17) & 0xFF_FFFF, size: 8)
        #expect(bench.irqs == [17])
        #expect(bench.acknowledge(0) == GICBench.spurious)
        #expect(bench.acknowledge(17) == 70)
        bench.end(70, 17)
        #expect(bench.irqs == [17])
        bench.writeD(D.IROUTER + 70 * 8, 0xFF_0000_0000, size: 8)
        #expect(bench.irqs == [], "there is no such PE")
    }

    @Test("All four affinity levels and Aff0 above 15 are told apart")
    func affinities() {
        let mpidrs: [UInt64] = [0x00_0000_0000, 0x01_0000_0000, 0x00_0001_0000, 0x00_0000_0100, 0x00_0000_0021]
        let bench = GICBench(mpidrs: mpidrs)
        bench.start()
        bench.enable(70)
        bench.line(70).set(true)
        for (cpu, mpidr) in mpidrs.enumerated() {
            bench.writeD(D.IROUTER + 70 * 8, mpidr, size: 8)
            #expect(bench.irqs == [cpu])
            let packed = mpidr >> 8 & 0xFF00_0000 | mpidr & 0xFF_FFFF
            #expect(bench.readR(cpu, R.TYPER, size: 8) >> 32 == packed)
        }
    }

    @Test("A 1-of-N interrupt goes to exactly one PE, and not to one that takes no interrupts")
    func oneOfN() {
        let bench = GICBench.running(4)
        bench.write(I.IGRPEN1, 0, 0)
        bench.writeR(1, R.WAKER, 0b10)
        bench.enable(80)
        bench.writeD(D.IROUTER + 80 * 8, 1 << 31, size: 8)
        for _ in 0..<8 {
            bench.line(80).set(true)
            let chosen = bench.irqs
            #expect(chosen == [2] || chosen == [3])
            #expect(bench.acknowledge(chosen[0]) == 80)
            #expect(bench.irqs == [])
            bench.line(80).set(false)
            bench.end(80, chosen[0])
        }
    }

    @Test("1-of-N interrupts prefer a PE that would take them at once")
    func oneOfNBusy() {
        let bench = GICBench.running(3)
        for intid in 80...82 {
            bench.enable(intid)
            bench.writeD(D.IROUTER + UInt64(intid) * 8, 1 << 31, size: 8)
            bench.line(intid).set(true)
        }
        #expect(bench.irqs == [0, 1, 2])
        #expect(Set((0..<3).map { bench.acknowledge($0) }) == [80, 81, 82])
    }

    @Test("A pending 1-of-N interrupt moves on when its PE stops participating, and waits for the first that does")
    func oneOfNMoves() {
        let bench = GICBench.running(3)
        bench.enable(80)
        bench.writeD(D.IROUTER + 80 * 8, 1 << 31, size: 8)
        bench.line(80).set(true)
        for _ in 0..<3 {
            let cpu = bench.irqs
            #expect(cpu.count == 1)
            bench.write(I.IGRPEN1, 0, cpu[0])
        }
        #expect(bench.irqs == [])
        bench.write(I.IGRPEN1, 1, 1)
        #expect(bench.irqs == [1])
        #expect(bench.acknowledge(1) == 80)
    }

    @Test("Resetting a CPU interface takes its PE out of service until it is set up again")
    func interfaceReset() {
        let bench = GICBench.running(2)
        bench.enable(90)
        bench.line(90).set(true)
        #expect(bench.irqs == [0])
        bench.gic.resetCPUInterface(0)
        #expect(bench.irqs == [])
        #expect(bench.read(I.PMR, 0) == 0)
        #expect(bench.read(I.IGRPEN1, 0) == 0)
        #expect(bench.read(I.IGRPEN1, 1) == 1)
        #expect(bench.gic.hasWakeRequest(cpu: 0))
        bench.write(I.PMR, 0xF0, 0)
        bench.write(I.IGRPEN1, 1, 0)
        #expect(bench.irqs == [0])
    }
}
