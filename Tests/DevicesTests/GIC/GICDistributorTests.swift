// GICD_* as IHI 0069 describes them.

import Devices
import Hypervisor
import Testing

private typealias D = GICBench.D

@Suite("GICv3 distributor")
struct GICDistributorTests {
    @Test("It says that it is a GICv3 with 288 INTIDs, one Security state and no LPIs")
    func identification() {
        let bench = GICBench()
        #expect(bench.readD(D.PIDR2) >> 4 & 0xF == 3)
        let type = bench.readD(D.TYPER)
        #expect(32 * ((type & 0x1F) + 1) == 288, "ITLinesNumber")
        #expect(type >> 10 & 1 == 0, "SecurityExtn")
        #expect(type >> 17 & 1 == 0, "LPIS")
        #expect((type >> 19 & 0x1F) + 1 >= 10, "IDbits covers the special INTIDs")
        #expect(type >> 24 & 1 == 1, "A3V")
        #expect(type >> 25 & 1 == 0, "No1N")
        #expect(bench.readD(D.IIDR) != 0, "0 is the IIDR of a GIC with an erratum")
    }

    @Test("GICD_CTLR keeps the group enables; ARE and DS are fixed and RWP is never set")
    func control() {
        let bench = GICBench()
        #expect(bench.readD(D.CTLR) == 0b101_0000)
        bench.writeD(D.CTLR, 0xFFFF_FFFF)
        #expect(bench.readD(D.CTLR) == 0b101_0011)
        bench.writeD(D.CTLR, 0)
        #expect(bench.readD(D.CTLR) == 0b101_0000)
    }

    @Test("Enables are set and cleared by ones only", arguments: [32, 63, 64, 287])
    func enables(_ intid: Int) {
        let bench = GICBench()
        bench.setBit(D.ISENABLER, intid)
        bench.writeD(D.ISENABLER + UInt64(intid / 32) * 4, 0)
        #expect(bench.bit(D.ISENABLER, intid))
        #expect(bench.bit(D.ICENABLER, intid))
        bench.writeD(D.ICENABLER + UInt64(intid / 32) * 4, 0)
        #expect(bench.bit(D.ISENABLER, intid))
        bench.setBit(D.ICENABLER, intid)
        #expect(!bench.bit(D.ISENABLER, intid))
        #expect(!bench.bit(D.ICENABLER, intid))
    }

    @Test("Pending and active states are set and cleared by software")
    func states() {
        let bench = GICBench()
        for (set, clear) in [(D.ISPENDR, D.ICPENDR), (D.ISACTIVER, D.ICACTIVER)] {
            bench.setBit(set, 45)
            #expect(bench.bit(set, 45) && bench.bit(clear, 45))
            bench.setBit(clear, 45)
            #expect(!bench.bit(set, 45) && !bench.bit(clear, 45))
        }
    }

    @Test("The registers of SGIs and PPIs are not in the distributor, since affinity routing is on")
    func privateBank() {
        let bench = GICBench()
        for register in [D.IGROUPR, D.ISENABLER, D.ISPENDR, D.ISACTIVER, D.IPRIORITYR, D.ICFGR] {
            bench.writeD(register, 0xFFFF_FFFF)
            #expect(bench.readD(register) == 0)
        }
    }

    @Test("There are no registers for INTID 288 and up, no target registers and no group modifiers")
    func absent() {
        let bench = GICBench()
        let offsets = [
            D.ISENABLER + 9 * 4, D.IPRIORITYR + 288, D.ICFGR + 18 * 4, D.IROUTER + 288 * 8, D.IROUTER + 31 * 8,
            D.ITARGETSR + 32, 0xD04, 0xE08, 0xF00, 0xF10, 0x40,
        ]
        for offset in offsets {
            bench.writeD(offset, 0xFFFF_FFFF)
            #expect(bench.readD(offset) == 0, "offset \(offset)")
        }
    }

    @Test("Priorities have five bits and are accessed by word and by byte")
    func priorities() {
        let bench = GICBench()
        bench.writeD(D.IPRIORITYR + 40, 0xFFA1_0F80)
        #expect(bench.readD(D.IPRIORITYR + 40) == 0xF8A0_0880)
        #expect(bench.readD(D.IPRIORITYR + 43, size: 1) == 0xF8)
        bench.writeD(D.IPRIORITYR + 41, 0x57, size: 1)
        #expect(bench.readD(D.IPRIORITYR + 40) == 0xF8A0_5080)
    }

    @Test("Other registers have no bytes, and nothing has halfwords")
    func accessSizes() {
        let bench = GICBench()
        bench.writeD(D.ISENABLER + 4, 0xFF, size: 1)
        bench.writeD(D.ISENABLER + 4, 0xFFFF, size: 2)
        bench.writeD(D.IPRIORITYR + 32, 0xFFFF, size: 2)
        bench.writeD(D.ISENABLER + 6, 0xFFFF_FFFF)
        bench.writeD(D.ISENABLER + 4, 0xFFFF_FFFF_FFFF_FFFF, size: 8)
        #expect(bench.readD(D.ISENABLER + 4) == 0)
        #expect(bench.readD(D.IPRIORITYR + 32) == 0)
        #expect(bench.readD(D.CTLR, size: 1) == 0)
    }

    @Test("The trigger configuration is the upper bit of each pair")
    func configuration() {
        let bench = GICBench()
        bench.writeD(D.ICFGR + 2 * 4, 0xFFFF_FFFF)
        #expect(bench.readD(D.ICFGR + 2 * 4) == 0xAAAA_AAAA)
        bench.writeD(D.ICFGR + 2 * 4, 0x0000_0008)
        #expect(bench.readD(D.ICFGR + 2 * 4) == 0x0000_0008)
    }

    @Test("GICD_IROUTER is a doubleword, or two words, with affinity and routing mode")
    func routers() {
        let bench = GICBench()
        bench.writeD(D.IROUTER + 100 * 8, 0xFFFF_FFFF_FFFF_FFFF, size: 8)
        #expect(bench.readD(D.IROUTER + 100 * 8, size: 8) == 0xFF_80FF_FFFF)
        #expect(bench.readD(D.IROUTER + 100 * 8 + 4) == 0xFF)
        bench.writeD(D.IROUTER + 100 * 8 + 4, 0)
        bench.writeD(D.IROUTER + 100 * 8, 0x0000_0203)
        #expect(bench.readD(D.IROUTER + 100 * 8, size: 8) == 0x203)
    }

    @Test("Reset forgets everything but the levels of the wires")
    func reset() {
        let bench = GICBench.running()
        bench.enable(40)
        bench.line(40).set(true)
        bench.makeEdge(41)
        bench.line(41).set(true)
        bench.line(41).set(false)
        #expect(bench.bit(D.ISPENDR, 41))
        #expect(bench.irq())
        bench.gic.reset()
        #expect(!bench.irq())
        #expect(bench.readD(D.CTLR) == 0b101_0000)
        #expect(!bench.bit(D.ISENABLER, 40))
        #expect(bench.readD(D.IPRIORITYR + 40) == 0)
        #expect(bench.bit(D.ISPENDR, 40), "the wire of a level-sensitive interrupt is still asserted")
        #expect(!bench.bit(D.ISPENDR, 41), "the edge is forgotten")
        #expect(bench.readR(0, GICBench.R.WAKER) == 0)
        #expect(bench.read(GICBench.I.IGRPEN1) == 0)
        bench.start()
        bench.enable(40)
        #expect(bench.irq())
        #expect(bench.acknowledge() == 40)
    }
}
