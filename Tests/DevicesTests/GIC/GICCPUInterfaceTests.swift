// ICC_*_EL1 as IHI 0069 describes them: priorities, preemption, end of interrupt, group 0.

import Devices
import Hypervisor
import Testing

private typealias D = GICBench.D
private typealias R = GICBench.R
private typealias I = GICBench.I

@Suite("GICv3 CPU interface")
struct GICCPUInterfaceTests {
    /// SPIs 32 and up, enabled with these priorities and asserted.
    private func asserted(_ priorities: UInt64...) -> GICBench {
        let bench = GICBench.running()
        for (n, priority) in priorities.enumerated() {
            bench.enable(32 + n, priority: priority)
            bench.line(32 + n).set(true)
        }
        return bench
    }

    @Test("The registers have their reset values, and the fixed fields cannot be changed")
    func resetValues() {
        let bench = GICBench()
        #expect(bench.read(I.SRE) == 0b111)
        #expect(bench.write(I.SRE, 0))
        #expect(bench.read(I.SRE) == 0b111)
        #expect(bench.read(I.PMR) == 0)
        #expect(bench.read(I.RPR) == 0xFF)
        #expect(bench.read(I.IGRPEN0) == 0)
        #expect(bench.read(I.IGRPEN1) == 0)
        #expect(bench.read(I.IAR1) == GICBench.spurious)
        #expect(bench.read(I.HPPIR1) == GICBench.spurious)
        bench.write(I.CTLR, 0xFFFF_FFFF)
        let control = bench.read(I.CTLR) ?? 0
        #expect(control & 0b11 == 0b11, "CBPR and EOImode")
        #expect(control >> 6 & 1 == 0, "PMHE")
        #expect((control >> 8 & 0b111) + 1 == 5, "PRIbits")
        #expect(control >> 15 & 1 == 1, "A3V")
        #expect(control >> 18 & 1 == 1, "RSS")
    }

    @Test("Accesses to registers that do not exist, or only in the other direction, are undefined")
    func undefined() {
        let bench = GICBench()
        for register in [I.EOIR0, I.EOIR1, I.DIR, I.SGI0R, I.SGI1R, I.ASGI1R, I.AP0R1, I.AP1R3, 0, .max] {
            #expect(bench.read(register) == nil)
        }
        for register in [I.IAR0, I.IAR1, I.HPPIR0, I.HPPIR1, I.RPR, I.AP0R1, I.AP1R3, 0, .max] {
            #expect(!bench.write(register, 1))
        }
        #expect(bench.read(I.PMR, 1) == nil && bench.read(I.PMR, -1) == nil)
        #expect(!bench.write(I.PMR, 0, 1))
    }

    @Test("The highest priority is acknowledged first, and of equal ones the lowest INTID")
    func priorityOrder() {
        let bench = asserted(0xA0, 0x80, 0xC0, 0x80)
        for intid in [29, 30] {
            bench.enable(intid, cpu: 0, priority: 0xC0)
            bench.gic.ppi(intid, cpu: 0).set(true)
        }
        bench.write(I.CTLR, 0b10)
        var order: [UInt64?] = []
        for _ in 0..<6 {
            order.append(bench.acknowledge())
            bench.end(order.last.flatMap { $0 } ?? 0)
        }
        #expect(order == [33, 35, 32, 29, 30, 34])
        #expect(bench.acknowledge() == GICBench.spurious)
    }

    @Test("Only priorities above the mask are signalled, and only 5 bits of it count")
    func priorityMask() {
        let bench = asserted(0xA0)
        bench.write(I.PMR, 0xA0)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
        #expect(bench.read(I.HPPIR1) == 32, "the mask does not hide what is pending")
        bench.write(I.PMR, 0xA7)
        #expect(bench.read(I.PMR) == 0xA0)
        #expect(!bench.irq())
        bench.write(I.PMR, 0xA8)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 32)
    }

    @Test("The lowest priority can never be signalled")
    func lowestPriority() {
        let bench = asserted(0xF8)
        bench.write(I.PMR, 0xFF)
        #expect(bench.read(I.PMR) == 0xF8)
        #expect(!bench.irq())
    }

    @Test("Only a higher priority preempts, and the running priority follows")
    func preemption() {
        let bench = asserted(0xA0)
        #expect(bench.acknowledge() == 32)
        #expect(bench.read(I.RPR) == 0xA0)
        #expect(bench.read(I.AP1R0) == 1 << (0xA0 >> 3))
        bench.enable(40, priority: 0xA0)
        bench.line(40).set(true)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
        bench.enable(41, priority: 0x98)
        bench.line(41).set(true)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 41)
        #expect(bench.read(I.RPR) == 0x98)
        bench.line(41).set(false)
        bench.end(41)
        #expect(bench.read(I.RPR) == 0xA0)
        #expect(!bench.irq())
        bench.line(32).set(false)
        bench.end(32)
        #expect(bench.read(I.RPR) == 0xFF)
        #expect(bench.acknowledge() == 40)
    }

    @Test("A raised priority of a pending interrupt makes it preempt")
    func priorityChange() {
        let bench = asserted(0xA0, 0xB0)
        #expect(bench.acknowledge() == 32)
        #expect(!bench.irq())
        bench.writeD(D.IPRIORITYR + 33, 0x20, size: 1)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 33)
    }

    @Test("The binary point keeps subpriorities from preempting, but not from ordering")
    func binaryPoint() {
        let bench = asserted(0xA8)
        // Group 1: with 5, the group priority is bits 7 to 5.
        bench.write(I.BPR1, 5)
        #expect(bench.acknowledge() == 32)
        #expect(bench.read(I.RPR) == 0xA0)
        bench.enable(40, priority: 0xA8)
        bench.line(40).set(true)
        bench.enable(41, priority: 0xA0)
        bench.line(41).set(true)
        #expect(!bench.irq())
        #expect(bench.read(I.HPPIR1) == 41)
        bench.enable(42, priority: 0x98)
        bench.line(42).set(true)
        #expect(bench.irq())
    }

    @Test("Binary points have a minimum that covers the five bits of priority")
    func binaryPointMinimum() {
        let bench = GICBench()
        bench.write(I.BPR0, 0)
        bench.write(I.BPR1, 0)
        #expect(bench.read(I.BPR0) == 2)
        #expect(bench.read(I.BPR1) == 3)
        bench.write(I.BPR0, 7)
        bench.write(I.BPR1, 7)
        #expect(bench.read(I.BPR0) == 7)
        #expect(bench.read(I.BPR1) == 7)
    }

    @Test("With CBPR, group 1 uses group 0's binary point and shows it plus one")
    func commonBinaryPoint() {
        let bench = asserted(0xA8)
        bench.write(I.BPR0, 4)
        bench.write(I.CTLR, 1)
        #expect(bench.read(I.BPR1) == 5)
        bench.write(I.BPR1, 3)
        #expect(bench.read(I.BPR1) == 5)
        #expect(bench.acknowledge() == 32)
        #expect(bench.read(I.RPR) == 0xA0)
        bench.write(I.BPR0, 7)
        #expect(bench.read(I.BPR1) == 7)
        bench.write(I.CTLR, 0)
        #expect(bench.read(I.BPR1) == 3)
    }

    @Test("With all bits a subpriority, nothing preempts")
    func noPreemption() {
        let bench = asserted(0xA0)
        bench.write(I.BPR0, 7)
        bench.write(I.CTLR, 1)
        #expect(bench.acknowledge() == 32)
        #expect(bench.read(I.RPR) == 0)
        bench.enable(40, priority: 0)
        bench.line(40).set(true)
        #expect(!bench.irq())
        bench.line(32).set(false)
        bench.end(32)
        #expect(bench.acknowledge() == 40)
    }

    @Test("With EOImode, EOIR drops the priority and DIR deactivates")
    func splitEndOfInterrupt() {
        let bench = asserted(0xA0, 0xA0)
        bench.write(I.CTLR, 0b10)
        #expect(bench.acknowledge() == 32)
        bench.end(32)
        #expect(bench.read(I.RPR) == 0xFF)
        #expect(bench.bit(D.ISACTIVER, 32))
        #expect(bench.acknowledge() == 33, "others are no longer held back")
        bench.end(33)
        #expect(!bench.irq(), "both are asserted, but active")
        bench.write(I.DIR, 32)
        #expect(!bench.bit(D.ISACTIVER, 32) && bench.bit(D.ISACTIVER, 33))
        #expect(bench.acknowledge() == 32)
    }

    @Test("Another PE can deactivate an SPI, but nobody else's PPI")
    func remoteDeactivation() {
        let bench = GICBench.running(2)
        for cpu in 0..<2 { bench.write(I.CTLR, 0b10, cpu) }
        bench.enable(32)
        bench.setBit(D.ISPENDR, 32)
        bench.enable(20, cpu: 0)
        bench.setBit(D.ISPENDR, 20, cpu: 0)
        #expect(bench.acknowledge() == 20)
        bench.end(20)
        #expect(bench.acknowledge() == 32)
        bench.end(32)
        bench.write(I.DIR, 20, 1)
        bench.write(I.DIR, 32, 1)
        #expect(bench.bit(D.ISACTIVER, 20, cpu: 0))
        #expect(!bench.bit(D.ISACTIVER, 32))
    }

    @Test("Without EOImode, DIR does nothing")
    func deactivationWithoutSplit() {
        let bench = asserted(0xA0)
        #expect(bench.acknowledge() == 32)
        bench.write(I.DIR, 32)
        #expect(bench.bit(D.ISACTIVER, 32))
    }

    @Test("An EOIR of a special INTID, of no interrupt or with nothing running does nothing")
    func strayEndOfInterrupt() {
        let bench = asserted(0xA0)
        bench.setBit(D.ISACTIVER, 100)
        bench.end(100)
        #expect(bench.bit(D.ISACTIVER, 100))
        #expect(bench.acknowledge() == 32)
        for intid: UInt64 in [288, 1019, 1020, 1021, 1022, 1023, 8192, 0xFF_FFFF] {
            bench.end(intid)
            bench.write(I.DIR, intid)
        }
        #expect(bench.read(I.RPR) == 0xA0)
        bench.write(I.EOIR0, 32)
        #expect(bench.read(I.RPR) == 0xA0, "it is a group 1 priority that is active")
        bench.line(32).set(false)
        bench.end(32)
        #expect(bench.read(I.RPR) == 0xFF)
    }

    @Test("Active priorities can be cleared by software, as Linux does at boot")
    func clearActivePriorities() {
        let bench = asserted(0xA0, 0xA0)
        #expect(bench.acknowledge() == 32)
        #expect(!bench.irq())
        bench.write(I.AP1R0, 0)
        #expect(bench.read(I.RPR) == 0xFF)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 33)
    }

    @Test("Group 0 interrupts are never signalled as IRQ, and are read from IAR0")
    func group0() {
        let bench = asserted(0xA0)
        bench.writeD(D.CTLR, 0b11)
        bench.write(I.IGRPEN0, 1)
        bench.writeD(D.IGROUPR + 4, ~1 & 0xFFFF_FFFF)
        #expect(!bench.irq())
        #expect(bench.acknowledge() == GICBench.spurious)
        #expect(bench.read(I.HPPIR1) == GICBench.spurious)
        #expect(bench.read(I.HPPIR0) == 32)
        #expect(bench.read(I.IAR0) == 32)
        #expect(bench.read(I.AP0R0) == 1 << (0xA0 >> 3))
        #expect(bench.read(I.AP1R0) == 0)
        bench.line(32).set(false)
        bench.end(32)
        #expect(bench.read(I.RPR) == 0xA0, "EOIR1 is not for group 0")
        bench.write(I.EOIR0, 32)
        #expect(bench.read(I.RPR) == 0xFF)
        #expect(bench.read(I.IAR0) == GICBench.spurious)
    }

    @Test("A pending group 0 interrupt does not get in the way while its group is off")
    func disabledGroup0() {
        let bench = asserted(0x20, 0xA0)
        bench.writeD(D.IGROUPR + 4, ~1 & 0xFFFF_FFFF)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 33)
        bench.write(I.IGRPEN0, 1)
        #expect(bench.read(I.HPPIR0) == GICBench.spurious, "the distributor does not forward it")
        bench.writeD(D.CTLR, 0b11)
        #expect(bench.read(I.HPPIR0) == 32)
    }

    @Test("The running priority is the highest of both groups, and each EOIR drops its own")
    func nestedGroups() {
        let bench = asserted(0xA0)
        bench.writeD(D.CTLR, 0b11)
        bench.write(I.IGRPEN0, 1)
        #expect(bench.acknowledge() == 32)
        bench.enable(64, priority: 0x40)
        bench.writeD(D.IGROUPR + 8, 0)
        bench.setBit(D.ISPENDR, 64)
        #expect(bench.read(I.IAR0) == 64)
        #expect(bench.read(I.RPR) == 0x40)
        bench.end(32)
        #expect(bench.read(I.RPR) == 0x40, "out of order")
        bench.write(I.EOIR0, 64)
        #expect(bench.read(I.RPR) == 0xA0)
    }
}
