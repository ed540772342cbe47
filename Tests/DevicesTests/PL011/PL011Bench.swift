// A PL011 on the bench. Offsets and bits are written here once more, from DDI 0183.

import Devices
import Hypervisor
import Synchronization

/// A PL011 whose wires and output can be looked at.
final class PL011Bench: Sendable {
    private final class Outside: Sendable {
        let interrupt = Atomic<Bool>(false)
        let output = Mutex<[UInt8]>([])
        let readyCount = Atomic<Int>(0)
    }

    private let outside = Outside()
    let uart: PL011

    init() {
        uart = PL011(
            interrupt: InterruptLine { [outside] in outside.interrupt.store($0, ordering: .sequentiallyConsistent) },
            output: { [outside] byte in outside.output.withLock { $0.append(byte) } },
            inputReady: { [outside] in outside.readyCount.add(1, ordering: .sequentiallyConsistent) })
    }

    /// Set up as Linux does: FIFOs on, receiver and transmitter on; and waiting for a character without interrupts.
    static func running() -> PL011Bench {
        let bench = PL011Bench()
        bench.write(LCR_H, 0x70)
        bench.write(CR, 0x301)
        bench.poll()
        return bench
    }

    /// Asks for a character again and again.
    func poll() {
        for _ in 0..<100 { _ = read(Self.FR) }
    }

    var isInterrupting: Bool { outside.interrupt.load(ordering: .sequentiallyConsistent) }
    var output: [UInt8] { outside.output.withLock { $0 } }
    var readyCount: Int { outside.readyCount.load(ordering: .sequentiallyConsistent) }

    func read(_ offset: UInt64, size: Int = 4) -> UInt64 { uart.read(offset: offset, size: size, cpu: 0) }
    func write(_ offset: UInt64, _ value: UInt64, size: Int = 4) {
        uart.write(offset: offset, size: size, value: value, cpu: 0)
    }
    /// Reads the data register until the FIFO is empty.
    func drain() -> [UInt8] {
        var bytes: [UInt8] = []
        while read(Self.FR) & Self.RXFE == 0 { bytes.append(UInt8(truncatingIfNeeded: read(Self.DR))) }
        return bytes
    }

    static let DR: UInt64 = 0x00
    static let RSR: UInt64 = 0x04
    static let FR: UInt64 = 0x18
    static let IBRD: UInt64 = 0x24
    static let FBRD: UInt64 = 0x28
    static let LCR_H: UInt64 = 0x2C
    static let CR: UInt64 = 0x30
    static let IFLS: UInt64 = 0x34
    static let IMSC: UInt64 = 0x38
    static let RIS: UInt64 = 0x3C
    static let MIS: UInt64 = 0x40
    static let ICR: UInt64 = 0x44
    static let DMACR: UInt64 = 0x48

    static let RXFE: UInt64 = 1 << 4
    static let TXFF: UInt64 = 1 << 5
    static let RXFF: UInt64 = 1 << 6
    static let TXFE: UInt64 = 1 << 7
    static let BUSY: UInt64 = 1 << 3

    static let RX: UInt64 = 1 << 4
    static let TX: UInt64 = 1 << 5
    static let RT: UInt64 = 1 << 6
    static let BE: UInt64 = 1 << 9
    static let OE: UInt64 = 1 << 10
}
