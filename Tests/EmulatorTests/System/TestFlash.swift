// A NOR flash as a guest sees it, with the few commands that tests need (CFI, Intel command set).

import Hypervisor
import Synchronization

/// Stands behind a ROM: stores are commands.
final class TestFlash: MMIODevice {
    enum Command {
        static let readArray: UInt64 = 0xFF
        static let readIdentity: UInt64 = 0x90
        /// The next store is a word to be programmed.
        static let program: UInt64 = 0x40
    }

    /// What every load finds while it is no memory.
    static let identity: UInt64 = 0x1D1D_1D1D_1D1D_1D1D

    private struct State {
        var rom: GuestROM?
        var isProgramming = false
        var stores: [UInt64] = []
    }
    // Held while the mode changes, as a device does that has more to keep together.
    private let state = Mutex(State())

    /// The offsets of all stores.
    var stores: [UInt64] { state.withLock(\.stores) }

    func connect(_ rom: GuestROM) { state.withLock { $0.rom = rom } }

    func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        state.withLock { _ in size == 8 ? Self.identity : Self.identity & (1 << UInt64(size * 8) - 1) }
    }

    func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        state.withLock { state in
            state.stores.append(offset)
            if state.isProgramming {
                state.isProgramming = false
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
                state.rom?.write(bytes, offset: offset)
            } else if value == Command.program {
                state.isProgramming = true
            } else {
                state.rom?.setMode(value == Command.readArray ? .memory : .device)
            }
        }
    }
}

extension SystemMachine {
    /// A machine with a flash in front of RAM.
    static func withFlash(cpuCount: Int = 1) throws -> (SystemMachine, GuestROM, TestFlash) {
        let flash = TestFlash()
        let machine = try SystemMachine(
            cpuCount: cpuCount, devices: [.init(range: Layout.flash, device: flash)], rom: [Layout.flash])
        let rom = machine.memory.roms[0]
        flash.connect(rom)
        return (machine, rom, flash)
    }
}

extension GuestROM {
    /// Puts code at an offset.
    func load(_ code: [A64], offset: UInt64) {
        write(code.flatMap { withUnsafeBytes(of: $0.word.littleEndian, Array.init) }, offset: offset)
    }
}
