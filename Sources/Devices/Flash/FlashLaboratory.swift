// A host that loses its power while a guest writes to its flash, and one that keeps a log of what is written.
//
// Responsible for: what of a write is in the file then, and in the log. Not responsible for: telling the machine, nor
// for disks, which have a laboratory of their own.

import Synchronization

/// Where the power goes.
public struct FlashFault: Sendable, Hashable {
    /// Which write, from 1: a program or an erase that changes something.
    public var write: UInt64
    /// How many of its first bytes are there afterwards.
    public var byteCount: Int

    public init(write: UInt64, byteCount: Int = 0) {
        self.write = write
        self.byteCount = byteCount
    }
}

/// Storage whose power goes once.
public final class FailingFlashStorage: FlashStorage {
    private struct State {
        var count: UInt64 = 0
        var hasPower = true
    }

    private let storage: any FlashStorage
    private let fault: FlashFault
    private let powerCut: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - storage: what keeps the contents.
    ///   - fault: what goes wrong, and when.
    ///   - powerCut: called when the power is gone, on the thread that wrote.
    public init(_ storage: any FlashStorage, fault: FlashFault, powerCut: @escaping @Sendable () -> Void) {
        self.storage = storage
        self.fault = fault
        self.powerCut = powerCut
    }

    public func write(_ bytes: [UInt8], at offset: Int) throws(FlashFileError) {
        let (hadPower, isCut) = state.withLock { state in
            let hadPower = state.hasPower
            state.count += hadPower ? 1 : 0
            if state.count == fault.write { state.hasPower = false }
            return (hadPower, hadPower && !state.hasPower)
        }
        guard hadPower else { throw .noPower }
        guard isCut else { return try storage.write(bytes, at: offset) }
        let torn = Array(bytes.prefix(fault.byteCount))
        if !torn.isEmpty { try storage.write(torn, at: offset) }
        powerCut()
        throw .noPower
    }
}

/// Storage whose writes are logged once they are done.
final class RecordedFlashStorage: FlashStorage {
    private let storage: any FlashStorage
    private let log: DiskLogWriter

    init(_ storage: any FlashStorage, log: DiskLogWriter) {
        self.storage = storage
        self.log = log
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FlashFileError) {
        try storage.write(bytes, at: offset)
        // A log that is not whole fails the run at the next flush of a disk.
        try? log.append(.flashWrite(offset: UInt64(offset), bytes: bytes))
    }
}
