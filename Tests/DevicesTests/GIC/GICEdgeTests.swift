// Interrupts that come as an edge, from a wire or as a message: IHI 0069, GICD_ICFGR<n> and GICD_SETSPI_NSR.

import Devices
import Foundation
import Hypervisor
import Synchronization
import Testing

private typealias D = GICBench.D

@Suite("GICv3 edges and messages")
struct GICEdgeTests {
    private static let distributor: PhysicalAddress = 0x1234_5600_0000
    /// GICD_SETSPI_NSR.
    private static let register = distributor + 0x40

    @Test("A pulse is one interrupt where it is edge-triggered, and none where it is a level")
    func pulse() {
        let bench = GICBench.running()
        bench.makeEdge(50)
        for intid in [50, 51] {
            bench.enable(intid)
            bench.line(intid).pulse()
        }
        #expect(bench.bit(D.ISPENDR, 50) && !bench.bit(D.ISPENDR, 51))
        #expect(bench.acknowledge() == 50)
        // Another one while it is active waits for its end, and two are one.
        bench.line(50).pulse()
        bench.line(50).pulse()
        #expect(!bench.irq())
        bench.end(50)
        #expect(bench.acknowledge() == 50)
        bench.end(50)
        #expect(!bench.irq())
    }

    @Test("A pulse leaves an asserted level alone")
    func pulseOfALevel() {
        let bench = GICBench.running()
        bench.enable(51)
        bench.line(51).set(true)
        bench.line(51).pulse()
        #expect(bench.bit(D.ISPENDR, 51))
        #expect(bench.acknowledge() == 51)
        bench.end(51)
        #expect(bench.irq())
    }

    @Test("A PPI can be pulsed")
    func pulseOfAPPI() {
        let bench = GICBench.running(2)
        bench.writeR(1, GICBench.R.SGI + D.ICFGR + 4, 0b10 << ((23 - 16) * 2))
        bench.enable(23, cpu: 1)
        bench.gic.ppi(23, cpu: 1).pulse()
        #expect(bench.irqs == [1])
        #expect(bench.acknowledge(1) == 23)
    }

    @Test("No pulse gets lost in another one of the same wire")
    func concurrentPulses() {
        let bench = GICBench.running()
        bench.makeEdge(50)
        bench.enable(50)
        let state = Other()
        Thread.detachNewThread {
            while !state.isDone.load(ordering: .relaxed) { bench.line(50).pulse() }
            state.hasEnded.signal()
        }
        var lost = 0
        for _ in 0..<20_000 {
            bench.line(50).pulse()
            // Only this thread takes it.
            if bench.acknowledge() != 50 { lost += 1 }
            bench.end(50)
        }
        state.isDone.store(true, ordering: .relaxed)
        state.hasEnded.wait()
        #expect(lost == 0)
    }

    private final class Other: Sendable {
        let isDone = Atomic(false)
        let hasEnded = DispatchSemaphore(value: 0)
    }

    @Test("A wire whose end knows levels only gets a pulse as a level that goes up and down")
    func pulseOfAPlainWire() {
        let levels = Mutex<[Bool]>([])
        let line = InterruptLine { level in levels.withLock { $0.append(level) } }
        line.pulse()
        #expect(levels.withLock { $0 } == [true, false])
    }

    /// A device with two vectors, each told its address and data by the guest, as PCI's MSI-X are.
    private struct MessageDevice {
        let controllers: [any MessageInterruptController]
        var vectors: [InterruptMessage]

        /// Whether somebody took the message.
        func interrupt(_ vector: Int) -> Bool { controllers.contains { $0.send(vectors[vector]) } }
    }

    @Test("A message to GICD_SETSPI_NSR is an edge of the SPI that its data name")
    func message() {
        let bench = GICBench.running()
        let other = GICBench.running()
        bench.makeEdge(50)
        bench.makeEdge(287)
        bench.enable(50)
        bench.enable(287)
        let device = MessageDevice(
            controllers: [
                other.gic.messages(ofDistributorAt: 0x0800_0000), bench.gic.messages(ofDistributorAt: Self.distributor),
            ],
            vectors: [InterruptMessage(address: Self.register, data: 50), .init(address: Self.register, data: 287)])
        #expect(device.interrupt(0))
        #expect(bench.acknowledge() == 50)
        bench.end(50)
        #expect(!bench.irq())
        #expect(device.interrupt(1))
        #expect(bench.acknowledge() == 287)
        #expect(!other.irq())
    }

    @Test("A message to another address, or for no edge-triggered SPI, interrupts nobody")
    func wrongMessages() {
        let bench = GICBench.running()
        for intid in 0..<32 { bench.enable(intid, cpu: 0) }
        for intid in 32..<288 { bench.enable(intid) }
        let messages = bench.gic.messages(ofDistributorAt: Self.distributor)
        for address in [Self.distributor, Self.register - 4, Self.register + 4, 0, .max] {
            #expect(!messages.send(InterruptMessage(address: address, data: 50)))
        }
        // An SGI, a PPI, an SPI that is level-sensitive, and none at all.
        for data: UInt32 in [0, 15, 23, 32, 287, 288, 1019, 1023, 0x1FFF, .max] {
            #expect(messages.send(InterruptMessage(address: Self.register, data: data)))
        }
        #expect(!bench.irq())
        #expect((0..<9).allSatisfy { bench.readD(D.ISPENDR + $0 * 4) == 0 })
    }

    @Test("What a guest finds says nothing of messages, and its own store there does nothing")
    func guestSeesNone() {
        let bench = GICBench.running()
        bench.makeEdge(50)
        bench.enable(50)
        _ = bench.gic.messages(ofDistributorAt: Self.distributor)
        // GICD_TYPER.MBIS.
        #expect(bench.readD(D.TYPER) >> 16 & 1 == 0)
        bench.writeD(0x40, 50)
        #expect(!bench.irq())
    }
}
