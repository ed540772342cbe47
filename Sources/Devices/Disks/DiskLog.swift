// The log of a run: what the guest asked of its disks and wrote to its flash, in order, and what it said meanwhile.
//
// Responsible for: the entries, and their form in a file. What the disks and the flash hold after a power cut at any
// point of it is in `DiskLog+Cut`; writing it while a machine runs in `DiskLogWriter`. A file may be cut off or be no
// log at all: both are errors.
//
// The file: 8 bytes of magic, then entries of a 24-byte header (kind, disk, 6 bytes of zero, first sector, bytes; in
// little endian) and, for writes and the console, so many bytes. Zeros that are written are a kind of their own,
// without the bytes. A write to the flash has its first byte's offset where a disk's has its sector.

import Bytes

/// What was done, and all of it: requests that failed are not there.
public struct DiskLog: Sendable {
    public enum Entry: Sendable, Hashable {
        case read(disk: Int, sector: UInt64, byteCount: UInt64)
        case write(disk: Int, DiskWrite)
        /// The guest's, or the machine's own at the end of a run.
        case flush(disk: Int)
        /// A word, a buffer or a block of the flash with UEFI's variables is changed: so it is from that offset on.
        case flashWrite(offset: UInt64, bytes: [UInt8])
        /// The guest wrote this to its console.
        case console([UInt8])
    }

    static let magic = Array("DMLOG\u{1}\r\n".utf8)

    public var entries: [Entry]

    public init(entries: [Entry] = []) {
        self.entries = entries
    }

    /// Reads the bytes of a log's file.
    public init(bytes: [UInt8]) throws(DiskLogError) {
        guard bytes.starts(with: Self.magic) else { throw .noLog }
        entries = []
        var rest = bytes.dropFirst(Self.magic.count)
        while !rest.isEmpty {
            entries.append(try Self.takeEntry(&rest))
        }
    }

    private static func takeEntry(_ rest: inout ArraySlice<UInt8>) throws(DiskLogError) -> Entry {
        guard rest.count >= Header.byteCount, let header = Header(rest.prefix(Header.byteCount)) else { throw .damaged }
        rest = rest.dropFirst(Header.byteCount)
        var payload: [UInt8] {
            get throws(DiskLogError) {
                guard header.byteCount <= UInt64(rest.count) else { throw .damaged }
                return Array(rest.prefix(Int(header.byteCount)))
            }
        }
        switch header.kind {
        case .read: return .read(disk: header.disk, sector: header.sector, byteCount: header.byteCount)
        case .flush: return .flush(disk: header.disk)
        case .console:
            let bytes = try payload
            rest = rest.dropFirst(bytes.count)
            return .console(bytes)
        case .flashWrite:
            let bytes = try payload
            rest = rest.dropFirst(bytes.count)
            return .flashWrite(offset: header.sector, bytes: bytes)
        case .write:
            let bytes = try payload
            guard bytes.count.isMultiple(of: Int(DiskFile.sectorByteCount)) else { throw .damaged }
            rest = rest.dropFirst(bytes.count)
            return .write(disk: header.disk, DiskWrite(sector: header.sector, bytes: bytes))
        case .zeroes:
            let (count, rest) = header.byteCount.quotientAndRemainder(dividingBy: DiskFile.sectorByteCount)
            guard rest == 0, count <= UInt64(DiskWrite.maximumZeroedSectorCount) else { throw .damaged }
            return .write(disk: header.disk, DiskWrite(sector: header.sector, zeroedSectorCount: Int(count)))
        }
    }

    /// An entry's header.
    struct Header {
        enum Kind: UInt8 {
            case read = 1
            case write, flush, console, zeroes, flashWrite
        }

        static let byteCount = 24

        var kind: Kind
        var disk: Int
        var sector: UInt64
        var byteCount: UInt64

        init(_ kind: Kind, disk: Int = 0, sector: UInt64 = 0, byteCount: Int = 0) {
            self.kind = kind
            self.disk = disk
            self.sector = sector
            self.byteCount = UInt64(byteCount)
        }

        init?(_ bytes: ArraySlice<UInt8>) {
            let bytes = Array(bytes)
            guard bytes.count == Self.byteCount, let kind = Kind(rawValue: bytes[0]) else { return nil }
            self.kind = kind
            disk = Int(bytes[1])
            sector = UInt64(littleEndianBytes: bytes[8..<16])
            byteCount = UInt64(littleEndianBytes: bytes[16..<24])
        }

        var bytes: [UInt8] {
            var bytes = [UInt8](repeating: 0, count: Self.byteCount)
            bytes[0] = kind.rawValue
            bytes[1] = UInt8(truncatingIfNeeded: disk)
            bytes.replace(at: 8, littleEndian: sector)
            bytes.replace(at: 16, littleEndian: byteCount)
            return bytes
        }
    }
}

extension DiskLog.Entry {
    /// Its form in the file.
    var bytes: [UInt8] {
        switch self {
        case .read(let disk, let sector, let byteCount):
            var header = DiskLog.Header(.read, disk: disk, sector: sector)
            header.byteCount = byteCount
            return header.bytes
        case .write(let disk, let write):
            switch write.content {
            case .bytes(let bytes):
                return DiskLog.Header(.write, disk: disk, sector: write.sector, byteCount: bytes.count).bytes + bytes
            case .zeroes(let count):
                let byteCount = count * Int(DiskFile.sectorByteCount)
                return DiskLog.Header(.zeroes, disk: disk, sector: write.sector, byteCount: byteCount).bytes
            }
        case .flush(let disk):
            return DiskLog.Header(.flush, disk: disk).bytes
        case .flashWrite(let offset, let bytes):
            return DiskLog.Header(.flashWrite, sector: offset, byteCount: bytes.count).bytes + bytes
        case .console(let text):
            return DiskLog.Header(.console, byteCount: text.count).bytes + text
        }
    }
}

/// Why a file is no log. The text is for the user.
public enum DiskLogError: Error, Equatable, Sendable, CustomStringConvertible {
    case noLog
    case damaged

    public var description: String {
        switch self {
        case .noLog: "this is no log of a run's disks; name a file that a laboratory recorded"
        case .damaged: "this log of a run's disks ends in the middle or is damaged; record the run again"
        }
    }
}
