// The PL011 as DDI 0183 describes it.

import Devices
import Hypervisor
import Synchronization
import Testing

private typealias U = PL011Bench

@Suite("PL011")
struct PL011Tests {
    @Test("It identifies itself as an Arm PL011 whose FIFOs hold 16 characters")
    func identification() {
        let bench = U()
        let peripheral = (0..<4).reduce(0) { $0 | bench.read(0xFE0 + $1 * 4) << ($1 * 8) }
        #expect(peripheral & 0xF_FFFF == 0x41011, "part number and designer, as Linux matches them")
        #expect(peripheral >> 20 & 0xF < 3, "from revision 3 on, Linux takes the FIFOs for 32 deep")
        let cell = (0..<4).reduce(0) { $0 | bench.read(0xFF0 + $1 * 4) << ($1 * 8) }
        #expect(cell == 0xB105_F00D)
    }

    @Test("The registers have their reset values, and get them back")
    func resetValues() {
        let bench = U()
        let reset: [UInt64: UInt64] = [
            U.RSR: 0, U.IBRD: 0, U.FBRD: 0, U.LCR_H: 0, U.CR: 0x300, U.IFLS: 0x12, U.IMSC: 0, U.RIS: 0, U.MIS: 0,
            U.DMACR: 0,
        ]
        func check() {
            for (offset, value) in reset { #expect(bench.read(offset) == value, "offset \(offset)") }
            #expect(bench.read(U.FR) & (U.RXFE | U.TXFF | U.RXFF | U.TXFE | U.BUSY) == U.RXFE | U.TXFE)
        }
        check()
        for offset in reset.keys { bench.write(offset, 0xFFFF_FFFF) }
        _ = bench.uart.receive([1, 2])
        bench.write(U.DR, 3)
        bench.uart.reset()
        #expect(!bench.isInterrupting)
        check()
    }

    @Test("Registers keep their implemented bits only")
    func widths() {
        let bench = U()
        let widths: [UInt64: UInt64] = [
            U.IBRD: 0xFFFF, U.FBRD: 0x3F, U.LCR_H: 0xFF, U.CR: 0xFF87, U.IFLS: 0x3F, U.IMSC: 0x7FF, U.DMACR: 7,
        ]
        for (offset, mask) in widths {
            bench.write(offset, 0xFFFF_FFFF)
            #expect(bench.read(offset) == mask, "offset \(offset)")
        }
    }

    @Test("Every byte written is output at once, with any access size", arguments: [1, 2, 4])
    func transmit(_ size: Int) {
        let bench = U.running()
        for byte in 0..<40 as Range<UInt64> {
            bench.write(U.DR, byte | 0xFFFF_FF00, size: size)
            #expect(bench.read(U.FR, size: size) & (U.TXFF | U.BUSY) == 0)
        }
        #expect(bench.output == Array(0..<40))
    }

    @Test("An early console can print before anybody enabled the transmitter")
    func transmitBeforeSetup() {
        let bench = U()
        bench.write(U.DR, 65)
        #expect(bench.output == [65])
    }

    @Test("The transmit interrupt is raised by a character that leaves, not by an empty FIFO, and stays cleared")
    func transmitInterrupt() {
        let bench = U.running()
        bench.write(U.IMSC, U.TX)
        #expect(!bench.isInterrupting)
        bench.write(U.DR, 65)
        #expect(bench.isInterrupting)
        #expect(bench.read(U.MIS) == U.TX)
        bench.write(U.ICR, U.TX)
        #expect(!bench.isInterrupting)
        #expect(bench.read(U.RIS) == 0)
        bench.write(U.DR, 66)
        #expect(bench.isInterrupting)
    }

    @Test("Characters are received in order, with any access size", arguments: [1, 2, 4])
    func receive(_ size: Int) {
        let bench = U.running()
        #expect(bench.uart.receive([0xFF, 1, 2]) == 3)
        #expect(bench.read(U.FR) & U.RXFE == 0)
        #expect((0..<3).map { _ in bench.read(U.DR, size: size) } == [0xFF, 1, 2])
        #expect(bench.read(U.FR) & U.RXFE != 0)
        #expect(bench.read(U.DR) == 0)
    }

    @Test("The FIFO takes 16 characters; the rest stays with the sender, who is told when there is room")
    func backPressure() {
        let bench = U.running()
        let text = Array(0..<100 as Range<UInt8>)
        #expect(bench.uart.receive(text) == 16)
        #expect(bench.read(U.FR) & U.RXFF != 0)
        #expect(bench.uart.receive(text.dropFirst(16)) == 0)
        #expect(bench.readyCount == 0)
        #expect(bench.drain() == Array(text.prefix(16)))
        #expect(bench.readyCount == 1)
        #expect(bench.read(U.RIS) & U.OE == 0, "nothing was lost")
        #expect(bench.uart.receive(text.dropFirst(16).prefix(16)) == 16)
        _ = bench.drain()
        #expect(bench.readyCount == 1, "everything fitted, nobody waits")
    }

    @Test("Without FIFOs there is room for one character")
    func characterMode() {
        let bench = U()
        bench.write(U.CR, 0x301)
        bench.write(U.IMSC, U.RX)
        #expect(bench.uart.receive([7, 8]) == 1)
        #expect(bench.isInterrupting)
        #expect(bench.read(U.RIS) == U.RX)
        #expect(bench.read(U.FR) & U.RXFF != 0)
        #expect(bench.read(U.DR) == 7)
        #expect(!bench.isInterrupting)
        #expect(bench.readyCount == 1)
        #expect(bench.uart.receive([8]) == 1)
    }

    @Test(
        "Nothing is taken before the guest enables its receiver, and nothing is lost",
        arguments: [0x300, 0x101] as [UInt64])
    func disabledReceiver(_ control: UInt64) {
        let bench = U()
        bench.write(U.IMSC, U.RX | U.RT)
        bench.write(U.CR, control)
        bench.write(U.LCR_H, 0x70)
        #expect(bench.uart.receive([1, 2, 3]) == 0)
        #expect(bench.read(U.FR) & U.RXFE != 0)
        #expect(bench.readyCount == 0)
        bench.write(U.CR, 0x301)
        #expect(bench.readyCount == 1)
        #expect(bench.uart.receive([1, 2, 3]) == 3)
    }

    @Test(
        "The receive interrupt is raised at the selected level and cleared below it",
        arguments: [(0, 2), (1, 4), (2, 8), (3, 12), (4, 14)] as [(UInt64, Int)])
    func receiveLevel(_ selection: UInt64, _ level: Int) {
        let bench = U.running()
        bench.write(U.IFLS, selection << 3)
        bench.write(U.IMSC, U.RX)
        #expect(bench.uart.receive(repeatElement(0, count: level - 1)) == level - 1)
        #expect(!bench.isInterrupting)
        #expect(bench.uart.receive([0]) == 1)
        #expect(bench.isInterrupting)
        _ = bench.read(U.DR)
        #expect(!bench.isInterrupting)
    }

    @Test("The receive timeout is raised by anything in the FIFO and cleared by emptying it, or by software")
    func receiveTimeout() {
        let bench = U.running()
        bench.write(U.IMSC, U.RT)
        _ = bench.uart.receive([1, 2])
        #expect(bench.isInterrupting)
        #expect(bench.read(U.MIS) == U.RT)
        _ = bench.read(U.DR)
        #expect(bench.isInterrupting)
        _ = bench.read(U.DR)
        #expect(!bench.isInterrupting)
        _ = bench.uart.receive([3])
        #expect(bench.isInterrupting)
        bench.write(U.ICR, U.RT)
        #expect(!bench.isInterrupting)
        _ = bench.uart.receive([4])
        #expect(bench.isInterrupting)
    }

    @Test("A masked interrupt shows in RIS only, and interrupts when it is unmasked")
    func mask() {
        let bench = U.running()
        _ = bench.uart.receive([1])
        #expect(!bench.isInterrupting)
        #expect(bench.read(U.RIS) == U.RT)
        #expect(bench.read(U.MIS) == 0)
        bench.write(U.IMSC, U.RT)
        #expect(bench.isInterrupting)
        bench.write(U.IMSC, 0)
        #expect(!bench.isInterrupting)
    }

    @Test("Loopback sends to itself, and what does not fit is an overrun")
    func loopback() {
        let bench = U.running()
        bench.write(U.CR, 0x381)
        #expect(bench.uart.receive([99]) == 0)
        for byte in 0..<17 as Range<UInt64> { bench.write(U.DR, byte) }
        #expect(bench.output == [])
        #expect(bench.read(U.RIS) & U.OE != 0)
        #expect(bench.read(U.RSR) == 1 << 3)
        #expect(bench.read(U.DR) == 0 | 1 << 11)
        bench.write(U.DR, 50)
        #expect(bench.read(U.DR) == 1, "a character was kept again")
        #expect(bench.drain() == Array(2..<16) + [50])
        bench.write(U.RSR, 0)
        #expect(bench.read(U.RSR) == 0)
        bench.write(U.ICR, U.OE)
        #expect(bench.read(U.RIS) & U.OE == 0)
    }

    @Test("In loopback the modem outputs come back as inputs, and a change raises the modem interrupts")
    func loopbackModem() {
        let bench = U.running()
        let modem: UInt64 = 0x107
        #expect(bench.read(U.FR) & modem == 0x007, "a terminal is there: CTS, DSR and DCD")
        bench.write(U.CR, 0x381)
        bench.write(U.ICR, 0x7FF)
        for (output, flag, interrupt) in [(11, 0, 1), (10, 1, 3), (12, 2, 2), (13, 8, 0)] as [(UInt64, UInt64, UInt64)]
        {
            bench.write(U.CR, 0x381 | 1 << output)
            #expect(bench.read(U.FR) & modem == 1 << flag)
            #expect(bench.read(U.RIS) == 1 << interrupt)
            bench.write(U.CR, 0x381)
            bench.write(U.ICR, 0x7FF)
        }
    }

    @Test("Offsets without register, and between registers, read as zero and ignore writes")
    func absent() {
        let bench = U.running()
        for offset: UInt64 in [0x08, 0x14, 0x1C, 0x4C, 0x80, 0xFDC, 0x1000, .max, 0x01, 0x31] {
            bench.write(offset, 0xFFFF_FFFF)
            #expect(bench.read(offset) == 0)
        }
        #expect(bench.output == [])
        #expect(bench.read(U.CR) == 0x301)
    }

    @Test("A long paste reaches a guest that reads by interrupt, whole and in order")
    func paste() async {
        let text = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let rest = Mutex(text[...])
        let box = Mutex<PL011?>(nil)
        @Sendable func feed() {
            rest.withLock { rest in
                guard let uart = box.withLock({ $0 }) else { return }
                rest = rest.dropFirst(uart.receive(rest))
            }
        }
        let interrupt = Atomic<Bool>(false)
        let uart = PL011(
            interrupt: InterruptLine { interrupt.store($0, ordering: .sequentiallyConsistent) },
            output: { _ in },
            inputReady: { feed() })
        box.withLock { $0 = uart }
        uart.write(offset: U.LCR_H, size: 4, value: 0x70, cpu: 0)
        uart.write(offset: U.CR, size: 4, value: 0x301, cpu: 0)
        uart.write(offset: U.IMSC, size: 4, value: U.RX | U.RT, cpu: 0)
        async let received: [UInt8] = {
            // From here: other tests may keep this from starting.
            let limit = ContinuousClock.now + .seconds(600)
            var received: [UInt8] = []
            while received.count < text.count, ContinuousClock.now < limit {
                guard interrupt.load(ordering: .sequentiallyConsistent) else {
                    await Task.yield()
                    continue
                }
                while uart.read(offset: U.FR, size: 4, cpu: 0) & U.RXFE == 0 {
                    received.append(UInt8(truncatingIfNeeded: uart.read(offset: U.DR, size: 4, cpu: 0)))
                }
            }
            return received
        }()
        feed()
        #expect(await received == text)
        box.withLock { $0 = nil }
    }

    @Test("Random accesses are all answered")
    func fuzz() {
        let bench = U()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50_000 {
            let offset = UInt64.random(in: 0..<0x60, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: _ = bench.read(offset, size: 1 << Int.random(in: 0...3, using: &random))
            case 1: bench.write(offset, random.next(), size: 1 << Int.random(in: 0...3, using: &random))
            default: _ = bench.uart.receive([1, 2, 3, 4, 5])
            }
        }
        bench.uart.reset()
        #expect(bench.read(U.CR) == 0x300)
    }
}
