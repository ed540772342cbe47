// A bank of NOR flash (CFI, Intel command set): two chips of 16 bits side by side, as firmware's boards have them.
//
// Responsible for: the bank behind its `GuestROM`, and the order in which its contents are stored. While it is read as
// an array, loads and instruction fetches find that memory and never come here; stores, and loads in the other modes,
// do. Not responsible for: where the contents come from, and what makes them last (`FlashStorage`).

import Hypervisor
import Synchronization

/// Where the contents of a flash last.
public protocol FlashStorage: AnyObject, Sendable {
    /// Replaces what is at `offset`. When it returns, the bytes last whatever happens to the host.
    func write(_ bytes: [UInt8], at offset: Int) throws(FlashFileError)
}

/// Storage of a machine that is not kept: what its guest writes lasts as long as the ROM.
public final class VolatileFlashStorage: FlashStorage {
    public init() {}
    public func write(_ bytes: [UInt8], at offset: Int) {}
}

/// A bank. Its contents are those of the ROM, which whoever makes it has loaded.
public final class CFIFlash: MMIODevice {
    /// Bytes that are erased at once.
    public static let blockByteCount = 256 << 10
    /// For `bank-width` of a device tree.
    public static let bankWidth = CFIGeometry.wordByteCount

    private let rom: GuestROM
    /// nil: the bank may not be written.
    private let storage: (any FlashStorage)?
    private let geometry: CFIGeometry
    private let state = Mutex(State())

    private struct State {
        var commands = CFIFlashState()
        /// At most one: before another block is stored, this one is.
        var erased: ErasedBlock?
    }

    /// - Parameters:
    ///   - rom: where the guest sees the bank: whole blocks.
    ///   - storage: where what the guest writes lasts; nil if it may not write.
    public init(rom: GuestROM, storage: (any FlashStorage)?) {
        self.rom = rom
        self.storage = storage
        let byteCount = Int(rom.range.upperBound - rom.range.lowerBound)
        geometry = CFIGeometry(byteCount: byteCount, blockByteCount: Self.blockByteCount)
    }

    /// The power-on state: an array. The contents stay.
    public func reset() {
        state.withLock { state in
            state.commands = CFIFlashState()
            rom.setMode(.memory)
        }
    }

    /// Stores what is not stored yet. When it returns, all that the guest has written lasts.
    public func flush() throws(FlashFileError) {
        let failure = state.withLock { state -> FlashFileError? in
            do throws(FlashFileError) { try store(&state.erased) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }

    /// The host has no power any more: what was not stored is lost.
    public func losePower() {
        state.withLock { state in
            guard let block = state.erased else { return }
            rom.write(block.stored, offset: UInt64(block.offset))
            state.erased = nil
        }
    }

    // MARK: Accesses

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        guard let offset = checked(offset, size) else { return 0 }
        return state.withLock { state in
            var bytes: [UInt8] = []
            for byte in offset..<offset + size {
                let word = byte / CFIGeometry.wordByteCount
                guard let answer = state.commands.answer(word: word, isLocked: storage == nil, geometry) else {
                    // A vCPU that did not know yet that it is memory again.
                    return Self.value(rom.read(offset: UInt64(offset), count: size) ?? [])
                }
                // Each chip answers with 16 bits, of which the upper ones are zero.
                bytes.append(byte % 2 == 0 ? answer : 0)
            }
            return Self.value(bytes)
        }
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        guard let offset = checked(offset, size) else { return }
        let stored = size == 8 ? value : value & (1 << UInt64(size * 8) - 1)
        state.withLock { state in
            if let change = state.commands.write(offset: offset, size: size, value: stored, in: geometry) {
                if let failure = perform(change, &state.erased) { state.commands.failed(failure) }
            }
            rom.setMode(state.commands.reading == .array ? .memory : .device)
        }
    }

    private func checked(_ offset: UInt64, _ size: Int) -> Int? {
        guard let offset = Int(exactly: offset), offset <= geometry.byteCount - size else { return nil }
        return offset
    }

    private static func value(_ bytes: [UInt8]) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    // MARK: The contents

    /// Changes the contents. Returns what the guest is told if that cannot be done.
    private func perform(_ change: CFIChange, _ erased: inout ErasedBlock?) -> CFIStatus? {
        switch change {
        case .program(let offset, let bytes, let isBuffered):
            guard storage != nil else { return [.programFailed, .locked] }
            do throws(FlashFileError) {
                try program(bytes, at: offset, isBuffered: isBuffered, &erased)
            } catch { return .programFailed }
        case .erase(let block):
            guard storage != nil else { return [.eraseFailed, .locked] }
            do throws(FlashFileError) { try erase(block, &erased) } catch { return .eraseFailed }
        }
        return nil
    }

    /// Clears bits: first where they last, unless the block was erased and is being written anew.
    private func program(
        _ bytes: [UInt8], at offset: Int, isBuffered: Bool, _ erased: inout ErasedBlock?
    ) throws(FlashFileError) {
        let old = contents(at: offset, count: bytes.count)
        let new = zip(old, bytes).map { $0 & $1 }
        if isBuffered, erased?.goesOn(with: offset..<offset + bytes.count) == true {
            rom.write(new, offset: UInt64(offset))
            erased?.wrote(offset..<offset + bytes.count)
            if erased?.isComplete == true { try store(&erased) }
            return
        }
        try store(&erased)
        guard new != old else { return }
        try storage?.write(new, at: offset)
        rom.write(new, offset: UInt64(offset))
    }

    /// Sets all bits of a block, which its storage does not learn yet.
    private func erase(_ block: Int, _ erased: inout ErasedBlock?) throws(FlashFileError) {
        let old = contents(at: block, count: geometry.blockByteCount)
        if erased?.offset == block {
            erased?.begin()
        } else {
            try store(&erased)
            erased = ErasedBlock(offset: block, stored: old)
        }
        rom.write([UInt8](repeating: 0xFF, count: geometry.blockByteCount), offset: UInt64(block))
    }

    /// Stores what was made of a block that was erased. It is kept if that fails.
    private func store(_ erased: inout ErasedBlock?) throws(FlashFileError) {
        guard let block = erased else { return }
        let new = contents(at: block.offset, count: block.stored.count)
        if let changed = block.changes(to: new) {
            try storage?.write(Array(new[changed]), at: block.offset + changed.lowerBound)
        }
        erased = nil
    }

    private func contents(at offset: Int, count: Int) -> [UInt8] {
        rom.read(offset: UInt64(offset), count: count) ?? [UInt8](repeating: 0xFF, count: count)
    }
}

extension CFIFlash: StatefulDevice {
    private static let kind = DeviceState.Kind("cfi-flash", version: 1)

    /// Stores the contents. What cannot be stored is kept, and tried again.
    public func quiesce() { try? flush() }

    /// The contents are no part of it: they are in their storage, as a disk's are.
    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, state.withLock(\.commands))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(CFIFlashState.self, of: Self.kind)
        try new.check(geometry)
        state.withLock { state in
            state.commands = new
            rom.setMode(new.reading == .array ? .memory : .device)
        }
    }
}
