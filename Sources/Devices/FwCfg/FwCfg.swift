// fw_cfg over MMIO: where firmware finds what the machine has for it. QEMU's docs/specs/fw_cfg.rst.
//
// Responsible for: selecting an item and reading it, by the data register or by DMA. Not responsible for: what items
// there are (`FwCfgItems`). Nothing can be written: whoever tries by DMA is told, and the data register ignores it.

import Bytes
import Hypervisor
import Synchronization

/// Registers: data at 0, of any size; the selector at 8, 16 bits; the address of a DMA request at 16, 64 bits. Selector
/// and address are big-endian.
public final class FwCfg: MMIODevice {
    /// Bytes of the register window.
    public static let windowSize: UInt64 = 0x18

    private enum Register {
        static let data: Range<UInt64> = 0..<8
        static let selector: UInt64 = 8
        static let dmaHigh: UInt64 = 16
        static let dmaLow: UInt64 = 20
    }

    /// Of a DMA request.
    private enum Control {
        static let error: UInt32 = 1 << 0
        static let read: UInt32 = 1 << 1
        static let skip: UInt32 = 1 << 2
        static let select: UInt32 = 1 << 3
        static let write: UInt32 = 1 << 4
        /// The key of `select`.
        static let keyShift: UInt32 = 16
    }

    /// What the address register reads as: "QEMU CFG".
    private static let dmaSignature: UInt64 = 0x5145_4D55_2043_4647
    private static let requestByteCount = 16
    /// What is copied at once: a request may ask for 4 GiB, and the run may have to end meanwhile.
    private static let pieceByteCount = 1 << 20

    private struct State: Codable {
        var key: UInt16 = 0
        /// From the item's beginning; never behind its end, where there are zeros only.
        var offset: UInt64 = 0
        /// The upper half of a request's address, until the lower one is stored.
        var dmaHigh: UInt32 = 0
    }

    private let items: FwCfgItems
    private let memory: GuestMemory
    private let state = Mutex(State())
    private let isEnding = Atomic(false)

    public init(_ items: FwCfgItems, memory: GuestMemory) {
        self.items = items
        self.memory = memory
    }

    public func reset() { state.withLock { $0 = State() } }

    /// A request that is under way is left undone; or (false) another run begins.
    public func setEnding(_ isEnding: Bool) { self.isEnding.store(isEnding, ordering: .releasing) }

    // MARK: Registers

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        if Register.data.contains(offset) {
            return state.withLock { state in
                // The first byte is the lowest one, as in memory.
                UInt64(littleEndianBytes: self.take(size, &state))
            }
        }
        let signature = Self.dmaSignature.byteSwapped
        switch (offset, size) {
        case (Register.dmaHigh, 8): return signature
        case (Register.dmaHigh, 4): return signature & 0xFFFF_FFFF
        case (Register.dmaLow, 4): return signature >> 32
        default: return 0
        }
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        switch (offset, size) {
        case (Register.selector, 2):
            state.withLock { Self.select(UInt16(truncatingIfNeeded: value).byteSwapped, &$0) }
        case (Register.dmaHigh, 4):
            state.withLock { $0.dmaHigh = UInt32(truncatingIfNeeded: value).byteSwapped }
        case (Register.dmaLow, 4):
            state.withLock { state in
                let low = UInt32(truncatingIfNeeded: value).byteSwapped
                request(at: UInt64(state.dmaHigh) << 32 | UInt64(low), &state)
                state.dmaHigh = 0
            }
        case (Register.dmaHigh, 8): state.withLock { request(at: value.byteSwapped, &$0) }
        default: break
        }
    }

    private static func select(_ key: UInt16, _ state: inout State) {
        state.key = key
        state.offset = 0
    }

    /// The next `count` bytes of the item; zero behind its end.
    private func take(_ count: Int, _ state: inout State) -> [UInt8] {
        var bytes: [UInt8] = []
        if let item = items.item(state.key), state.offset < item.byteCount {
            let length = min(count, Int(clamping: item.byteCount - state.offset))
            bytes = item.read(state.offset, length) ?? []
        }
        skip(UInt64(count), &state)
        return bytes + [UInt8](repeating: 0, count: count - bytes.count)
    }

    private func skip(_ count: UInt64, _ state: inout State) {
        let end = items.item(state.key)?.byteCount ?? 0
        state.offset += min(count, end - min(state.offset, end))
    }

    // MARK: DMA

    /// Does the request that is at `address`, and says there how it went. One that is not in RAM is none.
    private func request(at address: PhysicalAddress, _ state: inout State) {
        guard let bytes = memory.read(at: address, count: Self.requestByteCount),
            memory.contains(address, count: UInt64(Self.requestByteCount))
        else { return }
        let control: UInt32 = bytes.bigEndian(at: 0)
        let length = UInt64(bytes.bigEndian(at: 4, as: UInt32.self))
        let buffer: PhysicalAddress = bytes.bigEndian(at: 8)
        if control & Control.select != 0 { Self.select(UInt16(control >> Control.keyShift), &state) }
        var isDone = true
        if control & Control.read != 0 {
            isDone = transfer(length, to: buffer, &state)
        } else if control & Control.write != 0 {
            isDone = false
        } else if control & Control.skip != 0 {
            skip(length, &state)
        }
        memory.store((isDone ? 0 : Control.error).bigEndian, at: address)
    }

    /// Copies from the item to RAM, and zeros behind its end; false if it cannot, or is not to.
    private func transfer(_ length: UInt64, to buffer: PhysicalAddress, _ state: inout State) -> Bool {
        guard memory.contains(buffer, count: length) else { return false }
        let item = items.item(state.key)
        var done: UInt64 = 0
        while done < length {
            guard !isEnding.load(ordering: .acquiring) else { return false }
            let rest = item.map { $0.byteCount - state.offset } ?? 0
            let left = Int(clamping: min(length - done, rest > 0 ? rest : length - done))
            let count = min(left, Self.pieceByteCount)
            var piece = [UInt8](repeating: 0, count: count)
            if let item, rest > 0 {
                guard let bytes = item.read(state.offset, count), bytes.count == count else { return false }
                piece = bytes
                state.offset += UInt64(count)
            }
            guard memory.write(piece, at: buffer + done) else { return false }
            done += UInt64(count)
        }
        return true
    }
}

extension FwCfg: StatefulDevice {
    private static let kind = DeviceState.Kind("fw-cfg", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, state.withLock(\.self))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(State.self, of: Self.kind)
        try DeviceStateError.check(new.offset <= items.item(new.key)?.byteCount ?? 0, "offset")
        state.withLock { $0 = new }
    }
}
