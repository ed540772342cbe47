// When the PL011 hands on what it is sent: once somebody reads it. The accesses of drivers are those that Linux's
// amba-pl011.c and other guests were seen to make.

import Devices
import Testing

private typealias U = PL011Bench

@Suite("PL011 before somebody reads")
struct PL011ReaderTests {
    /// A UART that firmware or a console that only writes has turned on, receiver included.
    private static func written() -> PL011Bench {
        let bench = PL011Bench()
        bench.write(U.LCR_H, 0x70)
        bench.write(U.CR, 0x301)
        return bench
    }

    /// As a console prints: it waits for room before each character, and for the last one to leave.
    private func print(_ bench: PL011Bench, _ text: String) {
        for byte in text.utf8 {
            while bench.read(U.FR) & U.TXFF != 0 {}
            bench.write(U.DR, UInt64(byte))
        }
        while bench.read(U.FR) & U.BUSY != 0 {}
    }

    /// As Linux opens the port: the interrupts are unmasked for a moment, and the FIFO is emptied, before it is really
    /// open. Returns what was thrown away.
    private func open(_ bench: PL011Bench, meanwhile: () -> Void = {}) -> [UInt64] {
        bench.write(U.ICR, U.OE | U.BE | U.RT | U.RX)
        let mask = bench.read(U.IMSC)
        bench.write(U.IMSC, U.RT | U.RX)
        meanwhile()
        bench.write(U.IMSC, mask)
        bench.write(U.IFLS, 0x12)
        bench.write(U.CR, 0x301)
        bench.write(U.ICR, U.RT | U.RX)
        var thrownAway: [UInt64] = []
        for _ in 0..<32 {
            if bench.read(U.FR) & U.RXFE != 0 { break }
            thrownAway.append(bench.read(U.DR))
        }
        bench.write(U.IMSC, U.RT | U.RX)
        return thrownAway
    }

    @Test("A console that only writes gets no input, however much it writes")
    func writer() {
        let bench = Self.written()
        for _ in 0..<100 { print(bench, "[    0.000000] Booting Linux\n") }
        #expect(bench.uart.receive([1, 2, 3]) == 0)
        #expect(bench.read(U.FR) & U.RXFE != 0)
        #expect(bench.readyCount == 0)
    }

    @Test("A driver that empties the FIFO before it opens the port throws nothing away", arguments: [false, true])
    func driver(isSentMeanwhile: Bool) {
        let bench = Self.written()
        #expect(bench.uart.receive(Array(1...40)) == 0)
        var taken = 0
        let thrownAway = open(bench) {
            if isSentMeanwhile { taken = bench.uart.receive(Array(1...40)) }
        }
        #expect(thrownAway == [])
        #expect(bench.readyCount >= 1)
        if !isSentMeanwhile { taken = bench.uart.receive(Array(1...40)) }
        #expect(bench.isInterrupting)
        #expect(bench.drain() == Array(1...UInt8(taken)))
        #expect(taken == 16)
    }

    @Test("The same driver may close the port and open it again")
    func reopen() {
        let bench = Self.written()
        _ = open(bench)
        for round in 1...10 as ClosedRange<UInt8> {
            #expect(bench.uart.receive([round]) == 1)
            #expect(bench.drain() == [round])
            bench.write(U.IMSC, 0)
            bench.write(U.ICR, 0x7FF)
            #expect(bench.uart.receive([99]) == 0)
            var taken = 0
            #expect(open(bench) { taken = bench.uart.receive([100]) } == [])
            #expect(taken == 1)
            #expect(bench.drain() == [100])
        }
    }

    @Test("Firmware that looks at UARTCR whenever it asks for a character gets its input")
    func firmware() {
        let bench = Self.written()
        for _ in 0..<15 {
            _ = bench.read(U.CR)
            _ = bench.read(U.FR)
        }
        #expect(bench.uart.receive([1, 2]) == 0)
        _ = bench.read(U.CR)
        _ = bench.read(U.FR)
        #expect(bench.uart.receive([1, 2]) == 2)
        #expect(bench.drain() == [1, 2])
    }

    @Test("A guest that polls gets its input, be it that it prints between")
    func poller() {
        let bench = Self.written()
        print(bench, "login: ")
        #expect(bench.uart.receive([1]) == 0)
        bench.poll()
        #expect(bench.readyCount == 1)
        #expect(bench.uart.receive([1, 2]) == 2)
        print(bench, "x")
        #expect(bench.drain() == [1, 2])
        #expect(bench.uart.receive([3]) == 1)
    }

    @Test("A handler that masks its interrupts and then reads what there is, finds it")
    func maskingHandler() {
        let bench = Self.written()
        bench.write(U.IMSC, U.RX | U.RT)
        #expect(bench.uart.receive([1, 2]) == 2)
        #expect(bench.isInterrupting)
        #expect(bench.read(U.MIS) == U.RT)
        bench.write(U.IMSC, 0)
        #expect(bench.uart.receive([3]) == 0, "nothing comes meanwhile")
        #expect(bench.drain() == [1, 2])
        bench.write(U.IMSC, U.RX | U.RT)
        #expect(bench.readyCount == 1)
    }

    @Test("A handler that masks its interrupts without asking which it was, finds its characters after a few attempts")
    func blindHandler() {
        let bench = Self.written()
        bench.write(U.IMSC, U.RX | U.RT)
        #expect(bench.uart.receive([1, 2]) == 2)
        var read: [UInt8] = []
        for _ in 0..<5 where bench.isInterrupting {
            bench.write(U.IMSC, 0)
            read += bench.drain()
            bench.write(U.IMSC, U.RX | U.RT)
        }
        #expect(read == [1, 2])
    }

    @Test("A break is a zero with an error, in UARTDR and UARTRSR, with an interrupt of its own")
    func breakReceived() {
        let bench = U.running()
        bench.write(U.IMSC, U.RX | U.RT | U.BE)
        #expect(bench.uart.receive([65]) == 1)
        #expect(bench.uart.receiveBreak())
        #expect(bench.uart.receive([66]) == 1)
        #expect(bench.read(U.MIS) == U.RT | U.BE)
        #expect((0..<3).map { _ in bench.read(U.DR) } == [65, 1 << 10, 66])
        bench.write(U.ICR, U.BE)
        #expect(!bench.isInterrupting)

        #expect(bench.uart.receiveBreak())
        _ = bench.read(U.DR)
        #expect(bench.read(U.RSR) == 1 << 2)
        #expect(bench.uart.receive([67]) == 1)
        _ = bench.read(U.DR)
        #expect(bench.read(U.RSR) == 0, "of the last character that was read")
    }

    @Test("A receiver that is off, or full, hears no break")
    func breakNotHeard() {
        #expect(!U().uart.receiveBreak())
        let bench = U.running()
        #expect(bench.uart.receive([UInt8](repeating: 1, count: 16)) == 16)
        #expect(!bench.uart.receiveBreak())
        #expect(bench.drain() == [UInt8](repeating: 1, count: 16))
    }
}
