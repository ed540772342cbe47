// A bank of flash of two blocks, and a driver's accesses to it.

import Bytes
import Hypervisor
import Synchronization

@testable import Devices

/// Storage in memory, which can fail.
final class TestFlashStorage: FlashStorage {
    struct State {
        var contents: [UInt8]
        var writes = 0
        var lastWrite: Range<Int>?
        var fails = false
        /// What the guest would have read while the last write was under way.
        var romDuringWrite: [UInt8] = []
    }
    let state: Mutex<State>
    private let rom: GuestROM

    init(_ rom: GuestROM, byteCount: Int) {
        self.rom = rom
        state = Mutex(State(contents: [UInt8](repeating: 0, count: byteCount)))
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FlashFileError) {
        let isDone = state.withLock { state in
            guard !state.fails else { return false }
            state.contents.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            state.romDuringWrite = rom.read(offset: UInt64(offset), count: bytes.count) ?? []
            state.writes += 1
            state.lastWrite = offset..<offset + bytes.count
            return true
        }
        guard isDone else { throw .failed(operation: "write", path: "nowhere", errno: 5) }
    }
}

/// A bank, and who uses it.
struct FlashBench {
    static let byteCount = 2 * CFIFlash.blockByteCount

    private let memory: GuestMemory
    let rom: GuestROM
    let storage: TestFlashStorage
    let flash: CFIFlash

    init(isWritable: Bool = true) throws {
        memory = try GuestMemory(
            ram: [0x4000_0000..<0x4000_1000], rom: [0x400_0000..<0x400_0000 + UInt64(Self.byteCount)])
        rom = memory.roms[0]
        storage = TestFlashStorage(rom, byteCount: Self.byteCount)
        flash = CFIFlash(rom: rom, storage: isWritable ? storage : nil)
    }

    /// A command to both chips.
    func command(_ code: UInt32, at offset: Int = 0) { store(code << 16 | code, at: offset) }

    func store(_ value: UInt32, at offset: Int) {
        flash.write(offset: UInt64(offset), size: 4, value: UInt64(value), cpu: 0)
    }

    func load(_ offset: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: flash.read(offset: UInt64(offset), size: 4, cpu: 0))
    }

    /// Erases the block of `offset`; returns the status of both chips.
    @discardableResult
    func erase(_ offset: Int) -> UInt32 {
        command(0x20, at: offset)
        command(0xD0, at: offset)
        return load(offset)
    }

    /// A buffered program, as edk2's driver does it; returns the status.
    @discardableResult
    func program(_ words: [UInt32], at offset: Int) -> UInt32 {
        command(0xE8, at: offset)
        command(UInt32(words.count - 1), at: offset)
        for (index, word) in words.enumerated() { store(word, at: offset + 4 * index) }
        command(0xD0, at: offset)
        return load(offset)
    }

    /// The contents, as the guest finds them in an array.
    func array(_ offset: Int) -> UInt32 {
        UInt32(littleEndianBytes: rom.read(offset: UInt64(offset), count: 4) ?? [])
    }
}
