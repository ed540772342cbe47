// A disk in a qcow2 image.
//
// Responsible for: opening it, and reading and writing the guest's bytes. Its tables are in `Qcow2Tables`, which also
// keeps the order of writes that makes a power cut harmless; backing files are found by `BackingChain`.
//
// Follows QEMU's docs/interop/qcow2.txt. Requests are done one at a time, under one lock: those of a disk of ours come
// from one thread anyhow.

import Bytes
import Decompression
import Glibc
import HostSupport
import Synchronization

/// The bytes of a disk, wherever they are.
protocol DiskContent: AnyObject, Sendable {
    var byteCount: UInt64 { get }
    /// Fills `buffers`; what is behind the end of the disk is zero.
    func read(into buffers: [iovec], at offset: UInt64) throws(DiskImageError)
    /// Where the next byte from `offset` on is that need not be zero; nil if there is none before `limit`, where the
    /// search ends: it may be long, and who asks may do so for every cluster.
    func nextData(from offset: UInt64, before limit: UInt64) throws(DiskImageError) -> UInt64?
}

/// A raw backing file.
final class RawContent: DiskContent {
    let file: HostImageFile
    let byteCount: UInt64

    init(_ file: HostImageFile) {
        self.file = file
        byteCount = file.disk.byteCount
    }

    func read(into buffers: [iovec], at offset: UInt64) throws(DiskImageError) {
        try file.read(into: buffers, at: offset)
    }

    func nextData(from offset: UInt64, before limit: UInt64) -> UInt64? {
        // A device has data everywhere, behind its end, too.
        let limit = min(limit, byteCount)
        guard offset < limit, let next = file.nextData(from: offset), next < limit else { return nil }
        return next
    }
}

/// A disk in a qcow2 image.
public final class Qcow2Image: Sendable {
    /// What becomes of bytes that are cleared.
    public enum Clearing: Sendable, Hashable {
        /// They may read as anything afterwards.
        case discard
        /// They read as zeros; with `mayUnmap` they need no room either.
        case writeZeroes(mayUnmap: Bool)
    }

    /// The most that is allocated for one write at a time.
    private static let maximumAllocationByteCount = 4 << 20

    public let path: String
    public let isReadOnly: Bool
    /// Bytes of the guest's disk, a multiple of 512.
    public let byteCount: UInt64
    /// The files behind it, the nearest first.
    public let backingFiles: [BackingFile]

    let header: Qcow2Header
    private let backing: (any DiskContent)?
    private let tables: Mutex<Qcow2Tables>
    private let unpacked = Mutex<UnpackedCluster?>(nil)

    /// The compressed cluster that was read last: guests read pages of it.
    private struct UnpackedCluster {
        var entry: Qcow2Entry
        var bytes: [UInt8]
    }

    /// - Parameters:
    ///   - file: the image's.
    ///   - chain: what the header's backing file is; nothing is behind it otherwise.
    ///   - limits: how much of the tables is kept in memory.
    init(
        _ file: any ImageFile, header: Qcow2Header, readOnly: Bool, chain: BackingChain? = nil,
        limits: Qcow2Tables.Limits = .init()
    ) throws(DiskImageError) {
        path = file.path
        isReadOnly = readOnly
        self.header = header
        byteCount = header.byteCount
        backing = chain?.content
        backingFiles = chain?.files ?? []
        if !readOnly, header.isDirty || header.isCorrupt {
            throw .needsRepair(path: file.path, isCorrupt: header.isCorrupt)
        }
        tables = Mutex(try Qcow2Tables(file, header, limits, readOnly: readOnly))
    }

    /// Whether what is not allocated may be something else than zeros, from `offset` on.
    private func hasBacking(at offset: UInt64) -> Bool { backing.map { offset < $0.byteCount } ?? false }

    // MARK: Reading

    /// Fills `buffers` from `offset` of the disk on; what is behind its end is zero.
    public func read(into buffers: [iovec], at offset: UInt64) throws(DiskImageError) {
        try tables.withLock { tables throws(DiskImageError) in try read(&tables, into: buffers, at: offset) }
    }

    private func read(
        _ tables: inout Qcow2Tables, into buffers: [iovec], at start: UInt64
    ) throws(DiskImageError) {
        var cursor = BufferCursor(buffers)
        var offset = start
        var left = buffers.byteCount
        while left > 0 {
            guard offset < byteCount else { return cursor.take(left).clear() }
            let room = min(UInt64(left), byteCount - offset)
            let extent = try tables.extent(at: offset, byteCount: Int(room))
            let part = cursor.take(extent.byteCount)
            switch extent.place {
            case .file(let place): try tables.file.read(into: part, at: place)
            case .zero: part.clear()
            case .backing:
                if let backing, hasBacking(at: offset) {
                    try backing.read(into: part, at: offset)
                } else {
                    part.clear()
                }
            case .compressed(let entry):
                let within = Int(offset & UInt64(header.clusterByteCount - 1))
                let bytes = try unpack(entry, from: tables.file)
                part.fill(from: bytes[within..<within + extent.byteCount])
            }
            offset += UInt64(extent.byteCount)
            left -= extent.byteCount
        }
    }

    private func unpack(_ entry: Qcow2Entry, from file: any ImageFile) throws(DiskImageError) -> [UInt8] {
        try unpacked.withLock { unpacked throws(DiskImageError) in
            if let unpacked, unpacked.entry == entry { return unpacked.bytes }
            let range = entry.compressedRange(clusterBits: header.clusterBits)
            let packed = try file.read(Int(range.upperBound - range.lowerBound), at: range.lowerBound)
            guard
                let bytes = decompressBlock(
                    header.compression == .zlib ? .deflate : .zstd, packed, byteCount: header.clusterByteCount)
            else { throw .damaged(path: path, .compressed(offset: range.lowerBound)) }
            unpacked = UnpackedCluster(entry: entry, bytes: bytes)
            return bytes
        }
    }

    /// Where the next byte from `offset` on is that need not be zero; nil if there is none.
    ///
    /// - Parameter offset: on the disk.
    /// - Returns: an offset on the disk.
    /// - Throws: why it cannot be looked up.
    public func nextData(from offset: UInt64) throws(DiskImageError) -> UInt64? {
        try nextData(from: offset, before: byteCount)
    }

    func nextData(from offset: UInt64, before limit: UInt64) throws(DiskImageError) -> UInt64? {
        try tables.withLock { tables throws(DiskImageError) in
            let limit = min(limit, byteCount)
            var offset = offset
            while offset < limit {
                let extent =
                    if let hollow = tables.hollowByteCount(at: offset) {
                        Qcow2Tables.Extent(place: .backing, byteCount: Int(min(hollow, limit - offset)))
                    } else { try tables.extent(at: offset, byteCount: Int(limit - offset)) }
                let end = offset + UInt64(extent.byteCount)
                switch extent.place {
                case .file, .compressed: return offset
                case .backing:
                    if let next = try backing?.nextData(from: offset, before: end) { return next }
                case .zero: break
                }
                offset = end
            }
            return nil
        }
    }

    // MARK: Writing

    /// Writes all of `buffers` from `offset` of the disk on, which has room for them.
    public func write(_ buffers: [iovec], at offset: UInt64) throws(DiskImageError) {
        try tables.withLock { tables throws(DiskImageError) in
            try checkWritable(offset, buffers.byteCount)
            try write(&tables, buffers, at: offset)
        }
    }

    private func checkWritable(_ offset: UInt64, _ count: Int) throws(DiskImageError) {
        guard !isReadOnly else { throw .failed(operation: "write", path: path, errno: EROFS) }
        guard offset <= byteCount, UInt64(count) <= byteCount - offset else {
            throw .failed(operation: "write", path: path, errno: ENOSPC)
        }
    }

    private func write(
        _ tables: inout Qcow2Tables, _ buffers: [iovec], at start: UInt64
    ) throws(DiskImageError) {
        try tables.beginWriting()
        var cursor = BufferCursor(buffers)
        var offset = start
        var left = buffers.byteCount
        while left > 0 {
            if let extent = try tables.writableExtent(at: offset, byteCount: left) {
                try tables.file.write(cursor.take(extent.byteCount), at: extent.offset)
                offset += UInt64(extent.byteCount)
                left -= extent.byteCount
            } else {
                let count = try allocate(&tables, for: &cursor, at: offset, atMost: left)
                offset += UInt64(count)
                left -= count
            }
        }
    }

    /// Writes to clusters that are not this image's alone: to new ones, with the rest of what they hold.
    ///
    /// - Returns: how many bytes it took.
    private func allocate(
        _ tables: inout Qcow2Tables, for cursor: inout BufferCursor, at offset: UInt64, atMost limit: Int
    ) throws(DiskImageError) -> Int {
        let cluster = UInt64(header.clusterByteCount)
        let within = Int(offset & (cluster - 1))
        let first = offset - UInt64(within)
        let wanted = (within + min(limit, Self.maximumAllocationByteCount) + Int(cluster) - 1) >> header.clusterBits
        let run = try tables.allocateData(at: first, count: wanted)
        let count = min(limit, (run.count << header.clusterBits) - within)
        let end = within + count
        // Both ends of the first and the last cluster, as they are now. The last may be cut off by the disk's end.
        let tail = (run.count << header.clusterBits) - end
        do throws(DiskImageError) {
            let head = try filling(&tables, at: first, count: within, isNew: run.isZero)
            let rest = try filling(&tables, at: offset + UInt64(count), count: tail, isNew: run.isZero)
            let part = cursor.take(count)
            try Self.write(head, part, rest, to: tables.file, at: run.offset, within: within)
        } catch {
            tables.giveBack(run)
            throw error
        }
        try tables.map(run, at: first)
        return count
    }

    /// What the part of a new cluster that is not written holds; nil if that is zeros, and it has them.
    private func filling(
        _ tables: inout Qcow2Tables, at offset: UInt64, count: Int, isNew: Bool
    ) throws(DiskImageError) -> [UInt8]? {
        guard count > 0 else { return nil }
        if isNew, try isZero(&tables, at: offset, count: count) { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { buffer -> Result<Void, DiskImageError> in
            do throws(DiskImageError) {
                try read(&tables, into: [iovec(iov_base: buffer.baseAddress, iov_len: count)], at: offset)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
        return bytes
    }

    /// Whether nothing has to be read to know that `count` bytes of one cluster are zero.
    private func isZero(
        _ tables: inout Qcow2Tables, at offset: UInt64, count: Int
    ) throws(DiskImageError) -> Bool {
        guard offset < byteCount else { return true }
        switch try tables.extent(at: offset, byteCount: count).place {
        case .zero: return true
        case .backing: return !hasBacking(at: offset)
        case .file, .compressed: return false
        }
    }

    private static func write(
        _ head: [UInt8]?, _ part: [iovec], _ tail: [UInt8]?, to file: any ImageFile, at offset: UInt64, within: Int
    ) throws(DiskImageError) {
        let result = (head ?? []).withUnsafeBytes { head in
            (tail ?? []).withUnsafeBytes { tail -> Result<Void, DiskImageError> in
                // Safe: both are only read from, while they are borrowed.
                func vector(_ buffer: UnsafeRawBufferPointer) -> [iovec] {
                    guard !buffer.isEmpty else { return [] }
                    return [
                        iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
                    ]
                }
                do throws(DiskImageError) {
                    try file.write(
                        vector(head) + part + vector(tail), at: offset + UInt64(head.isEmpty ? within : 0))
                    return .success(())
                } catch { return .failure(error) }
            }
        }
        try result.get()
    }

    // MARK: Clearing

    private static let zeroes = [UInt8](repeating: 0, count: 64 << 10)

    /// Makes `range` of the disk zero, or lets go of it.
    public func clear(_ range: Range<UInt64>, _ clearing: Clearing) throws(DiskImageError) {
        try tables.withLock { tables throws(DiskImageError) in
            guard range.upperBound <= byteCount, !isReadOnly else {
                throw .failed(operation: "write", path: path, errno: isReadOnly ? EROFS : ENOSPC)
            }
            try tables.beginWriting()
            let cluster = UInt64(header.clusterByteCount)
            var offset = range.lowerBound
            while offset < range.upperBound {
                let end = min((offset / cluster + 1) * cluster, range.upperBound)
                // The last cluster of the disk is whole if the disk ends in it.
                let isWhole = offset.isMultiple(of: cluster) && (end.isMultiple(of: cluster) || end == byteCount)
                if isWhole {
                    let isDone = try tables.clear(
                        clusterAt: offset, keepsRoom: clearing == .writeZeroes(mayUnmap: false),
                        isDiscard: clearing == .discard, hasBacking: hasBacking(at: offset))
                    if !isDone { try writeZeroes(&tables, offset..<end) }
                } else if clearing != .discard, try !isZero(&tables, at: offset, count: Int(end - offset)) {
                    try writeZeroes(&tables, offset..<end)
                }
                offset = end
            }
        }
    }

    private func writeZeroes(
        _ tables: inout Qcow2Tables, _ range: Range<UInt64>
    ) throws(DiskImageError) {
        let result = Self.zeroes.withUnsafeBytes { buffer -> Result<Void, DiskImageError> in
            // Safe: it is only read from.
            let base = UnsafeMutableRawPointer(mutating: buffer.baseAddress)
            let count = Int(range.upperBound - range.lowerBound)
            let vectors = stride(from: 0, to: count, by: buffer.count).map {
                iovec(iov_base: base, iov_len: min(buffer.count, count - $0))
            }
            do throws(DiskImageError) {
                try write(&tables, vectors, at: range.lowerBound)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Waits until everything that was written is on stable storage.
    public func synchronize() throws(DiskImageError) {
        guard !isReadOnly else { return }
        try tables.withLock { tables throws(DiskImageError) in try tables.synchronize() }
    }
}

extension Qcow2Image: DiskContent {}
