import Devices
import Hypervisor
import Synchronization
import Testing

/// An event device whose interrupt the test watches.
private final class Bench: Sendable {
    private final class Outside: Sendable {
        let interrupt = Atomic<Bool>(false)
    }

    private let outside = Outside()
    let device: EventDevice

    init() {
        device = EventDevice(
            interrupt: InterruptLine { [outside] in outside.interrupt.store($0, ordering: .sequentiallyConsistent) })
    }

    var isInterrupting: Bool { outside.interrupt.load(ordering: .sequentiallyConsistent) }

    func read(at offset: UInt64 = 0, size: Int = 4) -> UInt64 { device.read(offset: offset, size: size, cpu: 0) }
}

@Suite("The event device")
struct EventDeviceTests {
    @Test("An event interrupts until it is read, and is read once")
    func event() {
        let bench = Bench()
        #expect(!bench.isInterrupting)
        bench.device.raise(.sleepButton)
        #expect(bench.isInterrupting)
        // Other registers there are none.
        #expect(bench.read(at: 4) == 0)
        #expect(bench.isInterrupting)
        #expect(bench.read() == 2)
        #expect(!bench.isInterrupting)
        #expect(bench.read() == 0)
    }

    @Test("Events add up, and the same twice is one")
    func several() {
        let bench = Bench()
        bench.device.raise(.powerButton)
        bench.device.raise(.powerButton)
        bench.device.raise(.generationID)
        #expect(bench.read(size: 8) == 5)
        #expect(!bench.isInterrupting)
    }

    @Test("A byte is read and cleared alone, and a write changes nothing")
    func parts() {
        let bench = Bench()
        bench.device.raise([.powerButton, EventDevice.Event(rawValue: 1 << 8)])
        for size in [1, 2, 4, 8] { bench.device.write(offset: 0, size: size, value: .max, cpu: 0) }
        #expect(bench.read(size: 1) == 1)
        #expect(bench.isInterrupting)
        #expect(bench.read(size: 2) == 1 << 8)
        #expect(!bench.isInterrupting)
    }

    @Test("A reset forgets what was not read")
    func reset() {
        let bench = Bench()
        bench.device.raise(.powerButton)
        bench.device.reset()
        #expect(!bench.isInterrupting)
        #expect(bench.read() == 0)
    }

    @Test("A port that firmware has turned on takes characters, as the SBSA's generic UART does")
    func enabledPort() {
        let port = PL011(interrupt: .unconnected, output: { _ in }, inputReady: {})
        #expect(port.receive([1, 2, 3]) == 0)
        // What its driver does: it unmasks the interrupts of the receiver.
        port.write(offset: 0x38, size: 4, value: 0x50, cpu: 0)
        #expect(port.receive([1, 2, 3]) == 0)
        port.enable()
        #expect(port.receive([1, 2, 3]) == 3)
        port.reset()
        #expect(port.receive([1]) == 0)
    }
}
