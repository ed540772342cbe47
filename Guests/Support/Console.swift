// Text on the PL011 (DDI0183): the boot core's, as nobody takes turns.

import _Volatile

/// The UART of the board.
enum Console {
    private static var base: UInt { 0x0900_0000 }
    private static var data: VolatileMappedRegister<UInt32> { register(0x000) }
    private static var flags: VolatileMappedRegister<UInt32> { register(0x018) }
    private static var lineControl: VolatileMappedRegister<UInt32> { register(0x02C) }
    private static var control: VolatileMappedRegister<UInt32> { register(0x030) }

    /// UARTFR.TXFF: no room for another character.
    private static var transmitFull: UInt32 { 1 << 5 }
    /// UARTFR.BUSY: not everything is sent.
    private static var busy: UInt32 { 1 << 3 }

    private static func register(_ offset: UInt) -> VolatileMappedRegister<UInt32> {
        VolatileMappedRegister(unsafeBitPattern: base + offset)
    }

    /// Eight bits, FIFOs on, transmitter and receiver on.
    static func start() {
        lineControl.store(0b11 << 5 | 1 << 4)
        control.store(1 << 9 | 1 << 8 | 1)
    }

    /// Waits until everything is sent.
    static func flush() {
        while flags.load() & busy != 0 {}
    }

    static func write(byte: UInt8) {
        while flags.load() & transmitFull != 0 {}
        data.store(UInt32(byte))
    }

    static func write(_ text: StaticString) {
        text.withUTF8Buffer { for byte in $0 { write(byte: byte) } }
    }

    static func writeLine(_ text: StaticString = "") {
        write(text)
        write(byte: UInt8(ascii: "\n"))
    }

    static func write(decimal value: UInt64) {
        if value >= 10 { write(decimal: value / 10) }
        write(byte: UInt8(ascii: "0") + UInt8(value % 10))
    }

    static func write(decimal value: Int64) {
        if value < 0 { write("-") }
        write(decimal: value.magnitude)
    }

    static func write(hexadecimal value: UInt64) {
        write("0x")
        var shift = value == 0 ? 0 : (63 - value.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(value >> UInt64(shift) & 0xF)
            write(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
    }
}
