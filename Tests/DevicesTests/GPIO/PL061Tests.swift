// A PL061 as its programmer's model has it (DDI 0190), and its buttons as Linux's gpio-pl061.c and gpio_keys.c use it.

import Devices
import Testing

@Suite("PL061")
struct PL061Tests {
    private let wire = RecordingLine()
    private let pins: PL061

    init() { pins = PL061(interrupt: wire.line) }

    private func read(_ offset: UInt64) -> UInt64 { pins.read(offset: offset, size: 4, cpu: 0) }
    private func write(_ offset: UInt64, _ value: UInt64) { pins.write(offset: offset, size: 4, value: value, cpu: 0) }
    /// GPIODATA of one pin.
    private func data(_ pin: Int) -> UInt64 { 1 << UInt64(pin + 2) }

    @Test("It says what it is, and keeps what is written to its registers, eight bits each")
    func registers() {
        #expect((0..<8).map { read(0xFE0 + $0 * 4) } == [0x61, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1])
        for offset in [0x400, 0x404, 0x408, 0x40C, 0x410, 0x420] as [UInt64] {
            #expect(read(offset) == 0)
            write(offset, 0x1A5)
            #expect(read(offset) == 0xA5)
        }
        pins.reset()
        #expect(read(0x400) == 0 && read(0x410) == 0)
    }

    @Test("Bits of the address say which pins are read and written, and only outputs are written")
    func data() {
        write(0x400, 0x0F)
        write(0x3FC, 0xFF)
        #expect(read(0x3FC) == 0x0F)
        write(data(1), 0)
        #expect(read(0x3FC) == 0x0D && read(data(0)) == 1 && read(data(1)) == 0 && read(data(7)) == 0)
        write(0, 0xFF)
        #expect(read(0x3FC) == 0x0D && read(0) == 0)
    }

    @Test("A button that is pressed is an interrupt, is high when it is read, and then let go of, which is another one")
    func button() {
        // Both edges of pin 3.
        write(0x408, 8)
        write(0x410, 8)
        #expect(!wire.level)
        pins.press(pin: 3)
        #expect(wire.level && read(0x414) == 8 && read(0x418) == 8)
        // What is not read, is held.
        #expect(read(data(4)) == 0 && wire.level)
        write(0x41C, 8)
        #expect(!wire.level && read(0x414) == 0)
        #expect(read(data(3)) == 8)
        #expect(wire.level && read(data(3)) == 0)
        write(0x41C, 8)
        #expect(!wire.level)
        // One that nobody read is let go of and pressed again.
        pins.press(pin: 3)
        write(0x41C, 8)
        pins.press(pin: 3)
        #expect(wire.level && read(data(3)) == 8)
        // There are eight.
        pins.press(pin: 8)
        pins.press(pin: -1)
        #expect(read(0x3FC) == 0)
        pins.reset()
        #expect(!wire.level)
    }

    @Test("Of one edge, or of a level, that one is an interrupt, and an interrupt that is not wanted is only kept")
    func triggers() {
        // A rising edge of pin 0, a falling one of pin 1, a high level of pin 2, a low one of pin 3.
        write(0x404, 0b1100)
        write(0x40C, 0b0101)
        #expect(read(0x414) == 0b1000)
        pins.press(pin: 0)
        pins.press(pin: 1)
        pins.press(pin: 2)
        pins.press(pin: 3)
        #expect(read(0x414) == 0b0101 && read(0x418) == 0 && !wire.level)
        write(0x410, 0b0100)
        #expect(wire.level && read(0x418) == 0b0100)
        // A level is not cleared.
        write(0x41C, 0xFF)
        #expect(wire.level && read(0x414) == 0b0100)
        #expect(read(0x3FC) == 0b1111)
        #expect(read(0x414) == 0b1010 && !wire.level)
    }
}
