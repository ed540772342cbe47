// Software generated interrupts: ICC_SGI0R_EL1, ICC_SGI1R_EL1 and ICC_ASGI1R_EL1 of IHI 0069.

import Devices
import Hypervisor
import Testing

private typealias D = GICBench.D
private typealias R = GICBench.R
private typealias I = GICBench.I

@Suite("GICv3 SGIs")
struct GICSGITests {
    /// A value for ICC_SGI1R_EL1.
    private func request(
        _ intid: UInt64, aff3: UInt64 = 0, aff2: UInt64 = 0, aff1: UInt64 = 0, rs: UInt64 = 0, list: UInt64 = 0,
        irm: UInt64 = 0
    ) -> UInt64 {
        aff3 << 48 | rs << 44 | irm << 40 | aff2 << 32 | intid << 24 | aff1 << 16 | list
    }

    private func bench(_ count: Int, enabling intid: Int) -> GICBench {
        let bench = GICBench.running(count)
        for cpu in 0..<count { bench.enable(intid, cpu: cpu) }
        return bench
    }

    @Test("A target list names PEs of one cluster, the sender included")
    func targetList() {
        let bench = bench(20, enabling: 3)
        #expect(bench.write(I.SGI1R, request(3, list: 0b1000_0000_0010_0001), 0))
        #expect(bench.irqs == [0, 5, 15])
        for cpu in [0, 5, 15] {
            #expect(bench.acknowledge(cpu) == 3)
            bench.end(3, cpu)
        }
        #expect(bench.irqs == [])
        bench.write(I.SGI1R, request(3, aff1: 1, list: 0b1010), 0)
        #expect(bench.irqs == [17, 19])
    }

    @Test("Targets that do not exist are ignored")
    func absentTargets() {
        let bench = bench(2, enabling: 3)
        for value in [
            request(3, list: 0xFFFC), request(3, aff1: 1, list: 1), request(3, aff2: 1, list: 1),
            request(3, aff3: 1, list: 1), request(3, rs: 1, list: 1), request(3),
        ] {
            bench.write(I.SGI1R, value)
            #expect(bench.irqs == [])
        }
    }

    @Test("Every affinity level and the range selector choose the PE")
    func affinityLevels() {
        let mpidrs: [UInt64] = [0, 0x12_0034_5607, 0x12_0034_5637, 0x13_0034_5607, 0x12_0035_5607, 0x12_0034_5707]
        let bench = GICBench(mpidrs: mpidrs)
        bench.start()
        for cpu in 0..<mpidrs.count { bench.enable(1, cpu: cpu) }
        bench.write(I.SGI1R, request(1, aff3: 0x12, aff2: 0x34, aff1: 0x56, rs: 3, list: 1 << 7), 0)
        #expect(bench.irqs == [2])
        bench.write(I.SGI1R, request(1, aff3: 0x12, aff2: 0x35, aff1: 0x56, list: 1 << 7), 0)
        #expect(bench.irqs == [2, 4])
    }

    @Test("A broadcast goes to everybody but the sender", arguments: [1, 2, 64])
    func broadcast(_ count: Int) {
        let bench = bench(count, enabling: 15)
        bench.write(I.SGI1R, request(15, irm: 1), count - 1)
        #expect(bench.irqs == Array(0..<count - 1))
    }

    @Test("An SGI sent twice before it is acknowledged arrives once, and one sent while active again")
    func coalescing() {
        let bench = bench(2, enabling: 7)
        bench.write(I.SGI1R, request(7, list: 0b10))
        bench.write(I.SGI1R, request(7, list: 0b10))
        #expect(bench.acknowledge(1) == 7)
        bench.write(I.SGI1R, request(7, list: 0b10))
        #expect(!bench.irq(1))
        bench.end(7, 1)
        #expect(bench.acknowledge(1) == 7)
        bench.end(7, 1)
        #expect(!bench.irq(1))
    }

    @Test("A disabled SGI stays pending")
    func disabled() {
        let bench = GICBench.running(2)
        bench.write(I.SGI1R, request(7, list: 0b10))
        #expect(!bench.irq(1))
        #expect(bench.bit(D.ISPENDR, 7, cpu: 1))
        bench.enable(7, cpu: 1)
        #expect(bench.irq(1))
    }

    @Test("SGI0R and ASGI1R reach only targets that have the SGI in group 0")
    func groups() {
        let bench = bench(2, enabling: 7)
        bench.write(I.SGI0R, request(7, list: 0b10))
        bench.write(I.ASGI1R, request(7, list: 0b10))
        #expect(!bench.bit(D.ISPENDR, 7, cpu: 1))
        bench.writeR(1, R.SGI + D.IGROUPR, 0)
        bench.write(I.SGI0R, request(7, list: 0b10))
        #expect(bench.bit(D.ISPENDR, 7, cpu: 1))
        bench.writeD(D.CTLR, 0b11)
        bench.write(I.IGRPEN0, 1, 1)
        #expect(bench.read(I.IAR0, 1) == 7)
    }
}
