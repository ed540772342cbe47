// What each device's state means: cases that chance does not find, and values that no guest can bring about.

import Hypervisor
import TestSupport
import Testing

@testable import Devices

@Suite("A device that goes on where another one was")
struct RestoredDeviceTests {
    // MARK: Without RAM

    @Test("Characters that were received and not read are read from the new UART, whose interrupt is asserted")
    func characters() throws {
        let bench = PL011Bench.running()
        bench.write(PL011Bench.IMSC, PL011Bench.RT | PL011Bench.RX)
        #expect(bench.uart.receive(Array("hello".utf8)) == 5)
        let other = PL011Bench()
        try other.uart.restore(bench.uart.save())
        #expect(other.isInterrupting)
        #expect(other.drain() == Array("hello".utf8))
        #expect(!other.isInterrupting)
        #expect(other.uart.isRead)
    }

    @Test("Who waits for room at a UART is told by it, whatever was waited for at the other one")
    func waitingSender() throws {
        let original = PL011Bench.running()
        let other = PL011Bench.running()
        #expect(other.uart.receive([UInt8](repeating: 1, count: 40)) == 16)
        try other.uart.restore(original.uart.save())
        #expect(other.readyCount == 1, "it is empty now")
    }

    @Test("The clock of the guest goes on from the host's time, and an alarm that was due meanwhile goes off")
    func alarm() throws {
        let clock = SharedClock()
        let rtc = PL031(revision: .r1p0, interrupt: .unconnected, clock: { clock.time })
        // RTCLR, RTCMR and RTCIMSC.
        rtc.write(offset: 8, size: 4, value: 5000, cpu: 0)
        rtc.write(offset: 4, size: 4, value: 5060, cpu: 0)
        rtc.write(offset: 0x10, size: 4, value: 1, cpu: 0)
        let state = try rtc.save()

        for (seconds, isDue) in [(59, false), (60, true), (10_000, true)] as [(UInt64, Bool)] {
            let wire = RecordingLine()
            let later = SharedClock()
            later.advance(seconds)
            let other = PL031(revision: .r1p0, interrupt: wire.line, clock: { later.time })
            try other.restore(state)
            #expect(other.read(offset: 0, size: 4, cpu: 0) == 5000 + seconds)
            #expect(wire.level == isDue, "\(seconds) seconds")
            #expect(other.nextAlarm == (isDue ? nil : later.time + 1))
        }
    }

    @Test("A clock of another revision is another device")
    func revision() throws {
        let state = try PL031(revision: .r1p0, interrupt: .unconnected, clock: { 0 }).save()
        let other = PL031(revision: .r1p3, interrupt: .unconnected, clock: { 0 })
        #expect(throws: DeviceStateError.impossible("identification")) { try other.restore(state) }
    }

    @Test("An event that the guest has not read of is told by the new device")
    func event() throws {
        let events = EventDevice(interrupt: .unconnected)
        events.raise([.powerButton, .generationID])
        let wire = RecordingLine()
        let other = EventDevice(interrupt: wire.line)
        try other.restore(events.save())
        #expect(wire.level)
        #expect(other.read(offset: 0, size: 4, cpu: 0) == 0b101)
        #expect(!wire.level)
    }

    @Test("A wire that is told another level after a device was restored follows it")
    func wireFollows() throws {
        let wire = RecordingLine()
        let events = EventDevice(interrupt: wire.line)
        let silent = try events.save()
        // The far end, restored for itself, says that the wire is high, and the device has never driven it.
        wire.line.set(true)
        try events.restore(silent)
        #expect(!wire.level)
    }

    // MARK: The GIC

    @Test("An interrupt that a PE is busy with is ended at the new GIC, and what was held up then comes")
    func busy() throws {
        let bench = GICBench.running(2)
        bench.enable(40, priority: 0x40)
        bench.enable(41, priority: 0x80)
        bench.line(40).set(true)
        #expect(bench.acknowledge() == 40)
        bench.line(40).set(false)
        bench.line(41).set(true)
        #expect(!bench.irq())

        let other = GICBench(2)
        try other.gic.restore(bench.gic.save())
        #expect(!other.irq())
        #expect(other.read(GICBench.I.RPR) == 0x40)
        other.end(40)
        #expect(other.irqs == [0])
        #expect(other.acknowledge() == 41)
    }

    @Test("The IRQ inputs of a GIC that had other interrupts become those of the state")
    func inputs() throws {
        let quiet = try GICBench.running(2).gic.save()
        let bench = GICBench.running(2)
        bench.enable(40)
        bench.line(40).set(true)
        #expect(bench.irqs == [0])
        let busy = try bench.gic.save()
        try bench.gic.restore(quiet)
        #expect(bench.irqs == [])
        try bench.gic.restore(busy)
        #expect(bench.irqs == [0])
    }

    @Test("Who waits for a wake request gets the one that a state brings")
    func wakeRequest() throws {
        let bench = GICBench.running(1)
        bench.enable(40)
        bench.line(40).set(true)
        let woken = RecordingLine()
        let other = GIC(
            mpidrs: [GICBench.mpidr(0)], interruptInputs: [{ _ in }], wakeRequested: { _ in woken.line.set(true) })
        #expect(!other.awaitWakeRequest(cpu: 0))
        try other.restore(bench.gic.save())
        #expect(woken.level)
    }

    @Test("The state of a GIC with other PEs is refused")
    func otherPEs() throws {
        let state = try GICBench(2).gic.save()
        for other in [GICBench(1), GICBench(3), GICBench(mpidrs: [GICBench.mpidr(0), GICBench.mpidr(2)])] {
            #expect(throws: DeviceStateError.impossible("affinities")) { try other.gic.restore(state) }
        }
    }

    @Test(
        "What no guest can bring a GIC to is refused, with the field's name",
        arguments: [
            ("\"control\":2", "\"control\":16", "control"),
            ("\"lastChosen\":0", "\"lastChosen\":2", "lastChosen"),
            ("\"priorityMask\":248", "\"priorityMask\":255", "processors[0].priorityMask"),
            ("\"storedBinaryPoint0\":2", "\"storedBinaryPoint0\":8", "processors[0].binaryPoint0"),
            ("\"storedBinaryPoint1\":3", "\"storedBinaryPoint1\":2", "processors[0].binaryPoint1"),
            ("\"edgeTriggered\":65535", "\"edgeTriggered\":65534", "processors[0].edgeTriggered"),
            ("\"priorities\":[0,", "\"priorities\":[", "processors[0].priorities"),
            ("\"priorities\":[0,", "\"priorities\":[4,", "processors[0].priorities"),
            ("\"routers\":[0,", "\"routers\":[", "routers"),
            ("\"routers\":[0,", "\"routers\":[4294967296,", "targets[0]"),
            ("\"routers\":[0,", "\"routers\":[16777216,", "routers[0]"),
            ("\"targets\":[0,", "\"targets\":[1,", "targets[0]"),
            ("\"targets\":[0,", "\"targets\":[", "targets"),
        ])
    func nonsense(old: String, new: String, field: String) throws {
        let bench = GICBench.running(2)
        var state = try bench.gic.save()
        let before = state
        state.fields = try #require(
            StateText.replacing(old, in: state.fields, by: new), "\(old) is not in \(state.fields)")
        #expect(throws: DeviceStateError.impossible(field)) { try bench.gic.restore(state) }
        #expect(try bench.gic.save() == before)
    }

    @Test(
        "What no guest can bring a UART to is refused, with the field's name",
        arguments: [
            ("\"control\":769", "\"control\":768000", "control"), ("\"fifo\":[]", "\"fifo\":[2048]", "fifo"),
            ("\"polls\":0", "\"polls\":17", "reader.polls"), ("\"takeBacks\":0", "\"takeBacks\":5", "reader.takeBacks"),
            ("\"withdrawn\":[]", "\"withdrawn\":[256]", "reader.withdrawn"),
            ("\"interruptMask\":0", "\"interruptMask\":2048", "interruptMask"),
            ("\"rawInterrupts\":0", "\"rawInterrupts\":2048", "rawInterrupts"),
            ("\"lineControl\":112", "\"lineControl\":256", "lineControl"),
            ("\"levelSelect\":18", "\"levelSelect\":64", "levelSelect"),
        ])
    func uartNonsense(old: String, new: String, field: String) throws {
        let bench = PL011Bench()
        bench.write(PL011Bench.LCR_H, 0x70)
        bench.write(PL011Bench.CR, 0x301)
        var state = try bench.uart.save()
        state.fields = try #require(
            StateText.replacing(old, in: state.fields, by: new), "\(old) is not in \(state.fields)")
        #expect(throws: DeviceStateError.impossible(field)) { try bench.uart.restore(state) }
    }
}
