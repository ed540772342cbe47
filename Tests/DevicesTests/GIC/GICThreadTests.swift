// The GIC under several threads: nothing is lost, nothing traps, nothing deadlocks.

import Devices
import Foundation
import Hypervisor
import Synchronization
import Testing

private typealias D = GICBench.D
private typealias R = GICBench.R
private typealias I = GICBench.I

@Suite("GICv3 and threads")
struct GICThreadTests {
    @Test("Random accesses from several threads are all answered, and a reset makes the GIC usable again")
    func fuzz() async {
        let bench = GICBench(5)
        await withTaskGroup { group in
            for seed in 0..<4 {
                group.addTask {
                    var random = RepeatableGenerator(state: UInt64(seed))
                    for _ in 0..<20_000 { Self.fuzzStep(bench, &random) }
                }
            }
        }
        bench.gic.reset()
        for spi in 0..<256 { bench.gic.spi(spi).set(false) }
        for cpu in 0..<5 { for intid in 16..<32 { bench.gic.ppi(intid, cpu: cpu).set(false) } }
        #expect(bench.irqs == [])
        bench.start()
        bench.enable(40)
        bench.line(40).set(true)
        #expect(bench.irqs == [0])
        #expect(bench.acknowledge() == 40)
    }

    private static func fuzzStep(_ bench: GICBench, _ random: inout RepeatableGenerator) {
        let size = 1 << Int.random(in: 0...3, using: &random)
        let cpu = Int.random(in: 0..<6, using: &random)
        let value = random.next() & random.next()
        // Mostly where registers are, sometimes anywhere.
        let near = UInt64.random(in: 0..<0x1000, using: &random)
        let bases: [UInt64] = [0, 0x1_0000, 0x6000, random.next()]
        let offset = near &+ (bases.randomElement(using: &random) ?? 0)
        switch Int.random(in: 0..<9, using: &random) {
        case 0: _ = bench.readD(offset, size: size)
        case 1: bench.writeD(offset, value, size: size)
        case 2: _ = bench.gic.redistributors.read(offset: offset &+ UInt64(cpu) << 17, size: size, cpu: 0)
        case 3: bench.gic.redistributors.write(offset: offset &+ UInt64(cpu) << 17, size: size, value: value, cpu: 0)
        case 4: _ = bench.read(I.all.randomElement(using: &random) ?? 0, cpu)
        case 5, 6: bench.write(I.all.randomElement(using: &random) ?? 0, value, cpu)
        case 7: bench.gic.spi(Int.random(in: 0..<256, using: &random)).set(value & 1 != 0)
        default: bench.gic.ppi(Int.random(in: 16..<32, using: &random), cpu: cpu % 5).set(value & 1 != 0)
        }
    }

    /// On threads of its own: tasks share theirs with every other test, and one that waits would wait for those too.
    @Test("Between two PEs that only look at their IRQ inputs, no SGI is lost")
    func pingPong() async {
        let bench = GICBench.running(2)
        for cpu in 0..<2 { bench.enable(1, cpu: cpu) }
        let rounds = 500
        let limit = ContinuousClock.now + .seconds(600)
        @Sendable func play(_ cpu: Int) -> Int {
            var taken = 0
            while taken < rounds, ContinuousClock.now < limit {
                guard bench.irq(cpu), bench.acknowledge(cpu) == 1 else {
                    sched_yield()
                    continue
                }
                taken += 1
                bench.end(1, cpu)
                bench.write(I.SGI1R, 1 << 24 | 1 << UInt64(1 - cpu), cpu)
            }
            return taken
        }
        bench.write(I.SGI1R, 1 << 24 | 1)
        async let first = onThread { play(0) }
        async let second = onThread { play(1) }
        #expect(await [first, second] == [rounds, rounds])
    }

    private func onThread(_ body: @escaping @Sendable () -> Int) async -> Int {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }

    @Test("After racing levels, the IRQ input has the level that the GIC ended with")
    func racingLevels() async {
        let bench = GICBench.running()
        for intid in [32, 33] { bench.enable(intid) }
        for round in 0..<500 {
            await withTaskGroup { group in
                for intid in [32, 33] {
                    group.addTask {
                        for step in 0..<20 { bench.line(intid).set(step % 2 == 0) }
                        bench.line(intid).set(intid == 32 && round % 2 == 0)
                    }
                }
            }
            #expect(bench.irq() == (round % 2 == 0))
        }
    }

    @Test("An IRQ input may use the GIC while it is driven")
    func reentrantInput() {
        final class Box: Sendable {
            let gic = Mutex<GIC?>(nil)
            let levels = Mutex<[Bool]>([])
        }
        let box = Box()
        let gic = GIC(
            mpidrs: [0],
            interruptInputs: [
                { level in
                    box.levels.withLock { $0.append(level) }
                    if level { _ = box.gic.withLock { $0 }?.readSystemRegister(I.IAR1, cpu: 0) }
                }
            ])
        box.gic.withLock { $0 = gic }
        gic.distributor.write(offset: D.CTLR, size: 4, value: 0b10, cpu: 0)
        gic.distributor.write(offset: D.IGROUPR + 4, size: 4, value: 1, cpu: 0)
        gic.distributor.write(offset: D.ISENABLER + 4, size: 4, value: 1, cpu: 0)
        gic.redistributors.write(offset: R.WAKER, size: 4, value: 0, cpu: 0)
        _ = gic.writeSystemRegister(I.PMR, value: 0xFF, cpu: 0)
        _ = gic.writeSystemRegister(I.IGRPEN1, value: 1, cpu: 0)
        gic.spi(0).set(true)
        #expect(box.levels.withLock { $0 } == [true, false])
        box.gic.withLock { $0 = nil }
    }
}

/// SplitMix64: a small generator whose sequences can be repeated.
private struct RepeatableGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
