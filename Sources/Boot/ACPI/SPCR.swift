// SPCR: which serial port is the console. Microsoft's Serial Port Console Redirection Table, revision 2.

import Bytes

enum SPCR {
    private static let revision: UInt8 = 2
    /// Interface type: Arm PL011 UART.
    private static let pl011: UInt8 = 3
    /// Interrupt type: a GIC's, by its GSI.
    private static let gicInterrupt: UInt8 = 1 << 3
    /// Keep what firmware chose.
    private static let baudRateAsIs: UInt8 = 0
    private static let oneStopBit: UInt8 = 1
    private static let ansiTerminal: UInt8 = 3
    private static let noPCIDevice = UInt16.max

    static func bytes(uart: BoardDescription.Device) -> [UInt8] {
        var table = ACPITable("SPCR", revision: revision)
        table.body.append(pl011)
        table.body.append(zeros: 3)
        table.body.append(contentsOf: ACPITable.register32(at: uart.registers.lowerBound))
        // The PC's interrupt number has no meaning here.
        table.body.append(contentsOf: [gicInterrupt, 0])
        table.body.append(littleEndian: uart.interrupt.gsi)
        // No parity, no flow control; the language is reserved.
        table.body.append(contentsOf: [baudRateAsIs, 0, oneStopBit, 0, ansiTerminal, 0])
        table.body.append(littleEndian: noPCIDevice)
        table.body.append(littleEndian: noPCIDevice)
        // PCI bus, device, function, flags, segment; the clock's frequency is not told.
        table.body.append(zeros: 1 + 1 + 1 + 4 + 1 + 4)
        return table.bytes
    }
}
