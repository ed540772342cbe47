// Partition tables of the PC's BIOS, with logical partitions.
//
// Follows UEFI 2.10 §5.2 and, for the chain of logical partitions and how they are numbered, Linux's
// block/partitions/msdos.c. Sectors have 512 bytes, as those of Dormouse's disks. A chain may be a loop.

import Bytes

/// The first sector of a disk, or of a logical partition's frame.
struct MBR {
    static let sectorByteCount = 512
    private static let signature: [UInt8] = [0x55, 0xAA]
    private static let signatureOffset = 510
    private static let firstEntry = 446
    private static let entryByteCount = 16
    private static let primaryCount = 4
    /// Of logical partitions; Linux gives up at the same number.
    private static let maximumChainLength = 100

    /// Partition types (OSType of UEFI 2.10 §5.2.1, and Linux's).
    private enum Kind {
        static let empty: UInt8 = 0
        static let extended: Set<UInt8> = [0x05, 0x0F, 0x85]
        static let linuxSwap: UInt8 = 0x82
        static let protective: UInt8 = 0xEE
    }

    private struct Entry {
        var status: UInt8
        var kind: UInt8
        /// In sectors.
        var start: UInt32
        var count: UInt32

        init(_ bytes: ArraySlice<UInt8>) {
            status = bytes.littleEndian(at: 0)
            kind = bytes.littleEndian(at: 4)
            start = bytes.littleEndian(at: 8)
            count = bytes.littleEndian(at: 12)
        }

        var isExtended: Bool { Kind.extended.contains(kind) }
        var isUsed: Bool { kind != Kind.empty && count > 0 }
    }

    private let entries: [Entry]

    /// The table in `sector`; nil if there is none.
    init?(sector: [UInt8]) {
        guard sector[Self.signatureOffset...].starts(with: Self.signature) else { return nil }
        entries = (0..<Self.primaryCount).map { index in
            Entry(sector[(Self.firstEntry + index * Self.entryByteCount)...].prefix(Self.entryByteCount))
        }
        // A boot sector of something else has code there: the status is 0 or, for the active partition, 0x80.
        guard entries.allSatisfy({ $0.status & 0x7F == 0 }) else { return nil }
    }

    /// Whether the table is there to say that a GPT is.
    var isProtective: Bool { entries.contains { $0.kind == Kind.protective } }

    /// Primary partitions are 1 to 4, logical ones follow from 5 on.
    func partitions(on disk: RawDisk) throws(RawDiskError) -> [DiskRegion] {
        var regions: [DiskRegion] = []
        for (index, entry) in entries.enumerated() where entry.isUsed && !entry.isExtended {
            Self.add(entry, base: 0, partition: index + 1, on: disk, to: &regions)
        }
        var number = Self.primaryCount + 1
        for entry in entries where entry.isUsed && entry.isExtended {
            try Self.addLogical(of: entry, from: &number, on: disk, to: &regions)
        }
        return regions
    }

    /// Goes along the frames of `extended`: each names its partition, from itself on, and the next frame, from the
    /// extended partition's beginning on.
    private static func addLogical(
        of extended: Entry, from number: inout Int, on disk: RawDisk, to regions: inout [DiskRegion]
    ) throws(RawDiskError) {
        var frame = UInt64(extended.start)
        var seen: Set<UInt64> = []
        while seen.count < maximumChainLength, seen.insert(frame).inserted {
            let offset = frame * UInt64(sectorByteCount)
            guard let sector = try disk.read(at: offset, count: sectorByteCount), let table = MBR(sector: sector)
            else { return }
            for entry in table.entries where entry.isUsed && !entry.isExtended {
                add(entry, base: frame, partition: number, on: disk, to: &regions)
                number += 1
            }
            guard let next = table.entries.first(where: { $0.isUsed && $0.isExtended }) else { return }
            frame = UInt64(extended.start) + UInt64(next.start)
        }
    }

    private static func add(
        _ entry: Entry, base: UInt64, partition: Int, on disk: RawDisk, to regions: inout [DiskRegion]
    ) {
        // Safe from overflow: sums of a few numbers of 32 bits, times 512.
        let region = DiskRegion(
            partition: partition, offset: (base + UInt64(entry.start)) * UInt64(sectorByteCount),
            byteCount: UInt64(entry.count) * UInt64(sectorByteCount), isTypedAsSwap: entry.kind == Kind.linuxSwap,
            diskByteCount: disk.byteCount)
        if let region { regions.append(region) }
    }
}
