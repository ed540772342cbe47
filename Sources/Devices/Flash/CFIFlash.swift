// A bank of NOR flash (CFI, Intel command set): two chips of 16 bits side by side, as firmware's boards have them.
//
// Responsible for: the bank behind its `GuestROM`. While it is read as an array, loads and instruction fetches find that
// memory and never come here; stores, and loads in the other modes, do. Not responsible for: where the contents come
// from, and what makes them last (`FlashStorage`).

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
    private let state = Mutex(CFIFlashState())

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
            state = CFIFlashState()
            rom.setMode(.memory)
        }
    }

    // MARK: Accesses

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        guard let offset = checked(offset, size) else { return 0 }
        return state.withLock { state in
            var bytes: [UInt8] = []
            for byte in offset..<offset + size {
                let word = byte / CFIGeometry.wordByteCount
                guard let answer = state.answer(word: word, isLocked: storage == nil, geometry) else {
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
            if let change = state.write(offset: offset, size: size, value: stored, in: geometry) {
                if let failure = perform(change) { state.failed(failure) }
            }
            rom.setMode(state.reading == .array ? .memory : .device)
        }
    }

    private func checked(_ offset: UInt64, _ size: Int) -> Int? {
        guard let offset = Int(exactly: offset), offset <= geometry.byteCount - size else { return nil }
        return offset
    }

    private static func value(_ bytes: [UInt8]) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    /// Changes the contents, first where they last. Returns what the guest is told if that cannot be done.
    private func perform(_ change: CFIChange) -> CFIStatus? {
        let failure: CFIStatus
        let offset: Int
        let old: [UInt8]
        let new: [UInt8]
        switch change {
        case .program(let start, let bytes):
            failure = .programFailed
            offset = start
            old = rom.read(offset: UInt64(start), count: bytes.count) ?? bytes
            new = zip(old, bytes).map { $0 & $1 }
        case .erase(let start):
            failure = .eraseFailed
            offset = start
            old = rom.read(offset: UInt64(start), count: geometry.blockByteCount) ?? []
            new = [UInt8](repeating: 0xFF, count: old.count)
        }
        guard let storage else { return failure.union(.locked) }
        guard new != old else { return nil }
        do throws(FlashFileError) {
            try storage.write(new, at: offset)
        } catch { return failure }
        rom.write(new, offset: UInt64(offset))
        return nil
    }
}

extension CFIFlash: StatefulDevice {
    private static let kind = DeviceState.Kind("cfi-flash", version: 1)

    /// The contents are no part of it: they are in their storage, as a disk's are.
    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, state.withLock(\.self))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(CFIFlashState.self, of: Self.kind)
        try new.check(geometry)
        state.withLock { state in
            state = new
            rom.setMode(new.reading == .array ? .memory : .device)
        }
    }
}
