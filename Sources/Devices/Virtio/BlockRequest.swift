// One request to a block device: its framing, its checks and its execution.
//
// Follows virtio 1.2 §5.2.6. A request is a 16-byte header, then data, then a status byte; how these are cut into
// descriptors is the driver's choice (§2.7.4).

import Bytes
import Hypervisor

/// The request types of §5.2.6 that are answered; any other is unsupported.
enum BlockRequestType: UInt32 {
    /// VIRTIO_BLK_T_IN.
    case `in` = 0
    /// VIRTIO_BLK_T_OUT.
    case out = 1
    /// VIRTIO_BLK_T_FLUSH.
    case flush = 4
    /// VIRTIO_BLK_T_GET_ID.
    case getID = 8
    /// VIRTIO_BLK_T_DISCARD.
    case discard = 11
    /// VIRTIO_BLK_T_WRITE_ZEROES.
    case writeZeroes = 13

    /// What has to be negotiated before it is answered. A flush always is.
    fileprivate var feature: VirtioFeatures {
        switch self {
        case .in, .out, .flush, .getID: []
        case .discard: .blockDiscard
        case .writeZeroes: .blockWriteZeroes
        }
    }
}

/// The status byte of §5.2.6.
enum BlockStatus: UInt8 {
    /// VIRTIO_BLK_S_OK.
    case ok = 0
    /// VIRTIO_BLK_S_IOERR.
    case ioError = 1
    /// VIRTIO_BLK_S_UNSUPP.
    case unsupported = 2
}

/// A request, taken out of its descriptor chain.
struct BlockRequest {
    private static let headerByteCount = 16
    private static let statusByteCount = 1
    /// Bytes of the identity that VIRTIO_BLK_T_GET_ID asks for.
    static let identityByteCount = BlockDevice.serialByteLimit

    /// nil: a type that is not supported, or was not negotiated.
    let type: BlockRequestType?
    /// Where the data begins, in sectors of 512 bytes.
    let sector: UInt64
    /// The data that the driver gives.
    let outgoing: GuestBuffers
    /// The data that the driver asks for.
    let incoming: GuestBuffers
    /// What a discard, or a request to write zeros, is to clear; nil if it asks for what is not to be had.
    let cleared: [BlockRange]?
    private let status: GuestBuffers

    /// Takes the chain apart; a chain without room for header and status is a fault of the driver.
    ///
    /// - Parameter features: what was negotiated.
    init(_ chain: DescriptorChain, features: VirtioFeatures, memory: GuestMemory) throws(VirtqueueFault) {
        guard chain.readable.byteCount >= Self.headerByteCount, chain.writable.byteCount >= Self.statusByteCount else {
            throw .requestFraming
        }
        let readable = chain.readable.split(at: Self.headerByteCount)
        let writable = chain.writable.split(at: chain.writable.byteCount - Self.statusByteCount)
        let header = readable.head.bytes(in: memory)
        let type = BlockRequestType(rawValue: UInt32(littleEndianBytes: header[0..<4]))
            .flatMap { features.isSuperset(of: $0.feature) ? $0 : nil }
        self.type = type
        sector = UInt64(littleEndianBytes: header[8..<16])
        outgoing = readable.tail
        incoming = writable.head
        status = writable.tail
        cleared =
            switch type {
            case .discard: BlockRange.list(outgoing, limits: .discard, memory: memory)
            case .writeZeroes: BlockRange.list(outgoing, limits: .writeZeroes, memory: memory)
            case .in, .out, .flush, .getID, nil: []
            }
    }

    /// Does what is asked, writes the status, and returns how many bytes at the start of the chain's device-writable
    /// part were written.
    ///
    /// - Parameter flushesWrites: a write must be on stable storage when it completes, such as for a driver that does
    ///   not know VIRTIO_BLK_F_FLUSH (§5.2.6.2).
    func execute(on file: some DiskStorage, identity: [UInt8], flushesWrites: Bool, memory: GuestMemory) -> Int {
        var written = 0
        var result = BlockStatus.ok
        do throws(DiskFileError) {
            switch type {
            case .in:
                if let offset = offset(of: incoming, in: file) {
                    try file.read(into: incoming, of: memory, at: offset)
                    written = incoming.byteCount
                } else {
                    result = .ioError
                }
            case .out:
                if !file.isReadOnly, let offset = offset(of: outgoing, in: file) {
                    try file.write(outgoing, of: memory, at: offset)
                    if flushesWrites {
                        try file.synchronize()
                    }
                } else {
                    result = .ioError
                }
            case .flush:
                try file.synchronize()
            case .getID:
                written = incoming.write(identity[...], in: memory)
            case .discard, .writeZeroes:
                result = try clear(on: file, flushesWrites: flushesWrites)
            case nil:
                result = .unsupported
            }
        } catch {
            // Nobody is told how a request ended that was left undone.
            if case .interrupted = error { return 0 }
            result = .ioError
        }
        status.write([result.rawValue], in: memory)
        // The length counts from the start of the device-writable part, without gaps (§2.7.8.2): a status byte
        // behind data that was not written is not counted.
        return written == incoming.byteCount ? written + Self.statusByteCount : written
    }

    /// A discard, or a request to write zeros. Nothing is done unless all of it can be.
    private func clear(on file: some DiskStorage, flushesWrites: Bool) throws(DiskFileError) -> BlockStatus {
        guard let cleared else { return .ioError }
        // §5.2.6.2: the flag is for zeros only.
        guard cleared.allSatisfy({ !$0.hasUnknownFlags && (type == .writeZeroes || !$0.mayUnmap) }) else {
            return .unsupported
        }
        let capacity = file.byteCount / DiskFile.sectorByteCount
        guard !file.isReadOnly, cleared.allSatisfy({ $0.sectors.upperBound <= capacity }) else { return .ioError }
        let clearing: DiskClearing =
            type == .discard ? .discard : .writeZeroes(mayUnmap: cleared.allSatisfy(\.mayUnmap))
        try file.clear(cleared.map(\.sectors), clearing)
        if flushesWrites { try file.synchronize() }
        return .ok
    }

    /// Whether it is a write that is tried, and not refused for what it is.
    func isWrite(to file: some DiskStorage) -> Bool {
        type == .out && !file.isReadOnly && offset(of: outgoing, in: file) != nil
    }

    /// The sectors that it changes, on the disk or not.
    var changedSectors: [Range<UInt64>] {
        switch type {
        case .out:
            let (end, overflow) = sector.addingReportingOverflow(UInt64(outgoing.byteCount) / DiskFile.sectorByteCount)
            return [sector..<(overflow ? .max : end)]
        case .discard, .writeZeroes: return (cleared ?? []).map(\.sectors)
        case .in, .flush, .getID, nil: return []
        }
    }

    /// Where in the file the data is, in bytes; nil if it is not whole sectors, or not wholly on the disk.
    private func offset(of data: GuestBuffers, in file: some DiskStorage) -> UInt64? {
        let capacity = file.byteCount / DiskFile.sectorByteCount
        let byteCount = UInt64(data.byteCount)
        guard byteCount.isMultiple(of: DiskFile.sectorByteCount), sector <= capacity,
            byteCount / DiskFile.sectorByteCount <= capacity - sector
        else { return nil }
        return sector * DiskFile.sectorByteCount
    }
}
