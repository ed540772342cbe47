// Disks that fail on purpose: the disks of one machine, which lose their power together.
//
// Responsible for: counting requests, doing what the rules say of them, the write caches, and the log of a run. Not
// responsible for: what the rules are (`DiskFaults`), or what the machine does when the power has gone. A laboratory is
// slow on purpose of being simple: one lock for all disks, and what is not flushed is in memory, up to a limit.

import Glibc
import Hypervisor
import Synchronization

/// The disks of a machine in the laboratory.
public final class DiskLaboratory: Sendable {
    private struct Disk {
        var file: DiskFile
        var faults: DiskFaults
        var counts: [DiskFaults.Request: UInt64] = [:]
        var cache = WriteCache()
    }

    private struct State {
        var disks: [Disk] = []
        var hasPower = true
        /// What the host's storage said when the power cut was carried out; the machine finds it when it ends the run.
        var failure: DiskFileError?
        var powerCut: @Sendable () -> Void = {}
    }

    /// The longest write, which has to be in memory as a whole. A guest may ask for 4 GiB at once; none does that is no
    /// attack.
    private static let maximumWriteByteCount = 64 << 20
    /// Bytes of a read that are looked up in a cache together.
    private static let pieceByteCount = 1 << 20

    private let faults: [Int: DiskFaults]
    /// Whether the power may go, so that nothing may be on the medium before it is flushed.
    private let holdsBack: Bool
    private let log: DiskLogWriter?
    private let state = Mutex(State())
    private let hasPowerFlag = Atomic(true)

    /// - Parameters:
    ///   - faults: what goes wrong, by the position of the disk.
    ///   - log: where every request that is done is written to.
    public init(_ faults: [Int: DiskFaults], log: DiskLogWriter? = nil) {
        self.faults = faults
        self.log = log
        holdsBack = faults.values.contains { $0.rules.contains { $0.action.cutsPower } }
    }

    /// Says whom to tell when the power goes. Called once, before the machine runs; the call comes on the thread of the
    /// request that it goes at, and only once.
    public func onPowerCut(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.powerCut = action }
    }

    /// Puts `file` into the laboratory, as the next disk.
    func attach(_ file: DiskFile) -> LaboratoryDisk {
        state.withLock { state in
            let index = state.disks.count
            state.disks.append(Disk(file: file, faults: faults[index] ?? DiskFaults()))
            return LaboratoryDisk(file: file, index: index, laboratory: self)
        }
    }

    /// Has what is written to `storage` in the log, if there is one.
    public func recording(_ storage: any FlashStorage) -> any FlashStorage {
        log.map { RecordedFlashStorage(storage, log: $0) } ?? storage
    }

    var hasPower: Bool { hasPowerFlag.load(ordering: .acquiring) }

    // MARK: Requests

    func read(_ index: Int, into buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError)
    {
        try perform(.read, index) { (disk, action) throws(DiskFileError) in
            try disk.file.read(into: buffers, of: memory, at: offset)
            if !disk.cache.isEmpty { Self.overlay(disk.cache, buffers, of: memory, at: offset) }
            try log?.append(
                .read(disk: index, sector: offset / DiskFile.sectorByteCount, byteCount: UInt64(buffers.byteCount)))
        }
    }

    /// What a read would find, without one.
    func peek(_ index: Int, _ count: Int, at offset: UInt64) -> [UInt8]? {
        state.withLock { state in
            let disk = state.disks[index]
            guard var bytes = disk.file.peek(count, at: offset) else { return nil }
            let sectorByteCount = Int(DiskFile.sectorByteCount)
            for start in stride(from: 0, to: count, by: sectorByteCount) {
                guard let sector = disk.cache.sector((offset &+ UInt64(start)) / DiskFile.sectorByteCount) else {
                    continue
                }
                bytes.replaceSubrange(start..<min(start + sectorByteCount, count), with: sector.prefix(count - start))
            }
            return bytes
        }
    }

    func write(_ index: Int, _ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        guard buffers.byteCount <= Self.maximumWriteByteCount else { throw tooLong(index) }
        try write(
            index, [DiskWrite(sector: offset / DiskFile.sectorByteCount, bytes: buffers.bytes(in: memory))])
    }

    /// A discard, too: here it leaves zeros, so that what is logged is what there is.
    func clear(_ index: Int, _ ranges: [Range<UInt64>]) throws(DiskFileError) {
        try write(index, ranges.flatMap(DiskWrite.zeroes))
    }

    /// Does one request, of one write or of several.
    private func write(_ index: Int, _ writes: [DiskWrite]) throws(DiskFileError) {
        try perform(.write, index) { (disk, action) throws(DiskFileError) in
            // It may be held back: whoever asks is told now.
            guard writes.allSatisfy(disk.file.staysRaw) else { throw .wouldBeQcow2(path: disk.file.path) }
            var done = writes
            if case .short(let sectors)? = action { done = writes.prefix(sectors: sectors) }
            for write in done {
                if disk.file.isInterrupted { throw .interrupted(path: disk.file.path) }
                if holdsBack {
                    for write in disk.cache.append(write) { try disk.file.write(write) }
                } else {
                    try disk.file.write(write)
                }
                try log?.append(.write(disk: index, write))
            }
            if case .short? = action { throw .injected(.inputOutput, .write, disk.file.path) }
        } torn: { (disk, sectors) throws(DiskFileError) in
            for write in writes.prefix(sectors: sectors) where disk.file.staysRaw(after: write) {
                try disk.file.write(write)
            }
        }
    }

    private func tooLong(_ index: Int) -> DiskFileError {
        let path = state.withLock { $0.disks[index].file.path }
        return .failed(operation: DiskFaults.Request.write.rawValue, path: path, errno: EFBIG)
    }

    func synchronize(_ index: Int) throws(DiskFileError) {
        try log?.check()
        try perform(.flush, index) { (disk, action) throws(DiskFileError) in
            for write in disk.cache.writes { try disk.file.write(write) }
            disk.cache.removeAll()
            try disk.file.synchronize()
            try log?.append(.flush(disk: index))
        }
    }

    /// Counts a request and does it, or what is to become of it. Without power nothing is done, and nobody is told: the
    /// device does not answer.
    private func perform(
        _ request: DiskFaults.Request, _ index: Int,
        body: (inout Disk, DiskFaults.Action?) throws(DiskFileError) -> Void,
        torn: (Disk, Int) throws(DiskFileError) -> Void = { (_, _) throws(DiskFileError) in }
    ) throws(DiskFileError) {
        let powerCut = try state.withLock { state throws(DiskFileError) -> (@Sendable () -> Void)? in
            guard state.hasPower else {
                if let failure = state.failure { throw failure }
                return nil
            }
            let number = state.disks[index].counts[request, default: 0] &+ 1
            state.disks[index].counts[request] = number
            let action = state.disks[index].faults.action(on: request, number)
            switch action {
            case nil, .short?:
                try body(&state.disks[index], action)
                return nil
            case .fail(let error)?:
                throw .injected(error, request, state.disks[index].file.path)
            case .cut?, .tear?:
                state.hasPower = false
                hasPowerFlag.store(false, ordering: .releasing)
                do throws(DiskFileError) {
                    try Self.loseCaches(&state)
                    if case .tear(let sectors)? = action { try torn(state.disks[index], sectors) }
                    try state.disks[index].file.synchronize()
                } catch {
                    state.failure = error
                }
                return state.powerCut
            }
        }
        powerCut?()
    }

    /// What the power cut leaves of the caches goes to the media.
    private static func loseCaches(_ state: inout State) throws(DiskFileError) {
        for index in state.disks.indices {
            let disk = state.disks[index]
            for write in disk.cache.writes.survivors(disk.faults.unflushed ?? .lose) { try disk.file.write(write) }
            state.disks[index].cache.removeAll()
            try disk.file.synchronize()
        }
    }

    /// Puts what was written and not flushed over what was read.
    private static func overlay(
        _ cache: WriteCache, _ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64
    ) {
        var rest = buffers
        var sector = offset / DiskFile.sectorByteCount
        while rest.byteCount > 0 {
            // A piece first: to cut a sector off a list takes as long as the list is, and a guest may mean gigabytes.
            var (piece, tail) = rest.split(at: pieceByteCount)
            rest = tail
            while piece.byteCount > 0 {
                let head: GuestBuffers
                (head, piece) = piece.split(at: Int(DiskFile.sectorByteCount))
                if let bytes = cache.sector(sector) { head.write(bytes, in: memory) }
                sector &+= 1
            }
        }
    }
}

/// One disk in the laboratory.
final class LaboratoryDisk: DiskStorage {
    private let file: DiskFile
    private let index: Int
    private let laboratory: DiskLaboratory

    fileprivate init(file: DiskFile, index: Int, laboratory: DiskLaboratory) {
        self.file = file
        self.index = index
        self.laboratory = laboratory
    }

    var isReadOnly: Bool { file.isReadOnly }
    var byteCount: UInt64 { file.byteCount }
    var hasPower: Bool { laboratory.hasPower }
    var isInterrupted: Bool { file.isInterrupted }

    func peek(_ count: Int, at offset: UInt64) -> [UInt8]? { laboratory.peek(index, count, at: offset) }

    func read(into buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try laboratory.read(index, into: buffers, of: memory, at: offset)
    }

    func write(_ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try laboratory.write(index, buffers, of: memory, at: offset)
    }

    func clear(_ ranges: [Range<UInt64>], _ clearing: DiskClearing) throws(DiskFileError) {
        try laboratory.clear(index, ranges)
    }

    func synchronize() throws(DiskFileError) {
        try laboratory.synchronize(index)
    }
}

extension DiskFileError {
    /// An error that a rule asks for.
    fileprivate static func injected(
        _ error: DiskFaults.HostError, _ request: DiskFaults.Request, _ path: String
    ) -> Self {
        .failed(operation: request.rawValue, path: path, errno: error.number)
    }
}

extension DiskFaults.HostError {
    fileprivate var number: Int32 {
        switch self {
        case .inputOutput: EIO
        case .noSpace: ENOSPC
        }
    }
}
