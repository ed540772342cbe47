// GUID partition tables.
//
// Follows UEFI 2.10 §5.3: both checksums count, and the table at the disk's end is taken if the one at its beginning is
// damaged. Sectors have 512 bytes, or 4096 on a disk that was divided with such.

import Bytes

/// The partitions of a GPT that is intact.
struct GPT {
    /// Whether it is the one at the disk's end.
    var isBackup: Bool
    var partitions: [DiskRegion]

    private static let sectorByteCounts = [512, 4096]
    private static let signature = Array("EFI PART".utf8)
    /// Bytes of a header's fields: what its size is at least.
    private static let headerByteCount = 92
    private static let entryByteCount = 128
    /// Of all entries. 128 entries of 128 bytes are usual.
    private static let maximumArrayByteCount = 1 << 20
    /// 0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, with its first three parts little-endian.
    private static let linuxSwap: [UInt8] = [
        0x6D, 0xFD, 0x57, 0x06, 0xAB, 0xA4, 0xC4, 0x43, 0x84, 0xE5, 0x09, 0x33, 0xC8, 0x4B, 0x4F, 0x4F,
    ]

    /// Offsets in the header (§5.3.2, table 5.5).
    private enum Field {
        static let headerSize = 12
        static let headerCRC32 = 16..<20
        static let myLBA = 24
        static let partitionEntryLBA = 72
        static let numberOfEntries = 80
        static let entrySize = 84
        static let entriesCRC32 = 88
    }

    /// Offsets in an entry (§5.3.3, table 5.6).
    private enum EntryField {
        static let typeGUID = 0..<16
        static let startingLBA = 32
        static let endingLBA = 40
        /// UTF-16, little-endian.
        static let partitionName = 56..<128
    }

    /// The table of `disk`; nil if there is none that is intact.
    static func read(from disk: RawDisk) throws(RawDiskError) -> GPT? {
        for sectorByteCount in sectorByteCounts {
            let sectorCount = disk.byteCount / UInt64(sectorByteCount)
            guard sectorCount > 2 else { continue }
            for header in [1, sectorCount - 1] {
                if let partitions = try partitions(header: header, sectorByteCount: sectorByteCount, disk) {
                    return GPT(isBackup: header != 1, partitions: partitions)
                }
            }
        }
        return nil
    }

    /// What the table says whose header is sector `header`; nil if it is none, or damaged.
    private static func partitions(
        header sector: UInt64, sectorByteCount: Int, _ disk: RawDisk
    ) throws(RawDiskError) -> [DiskRegion]? {
        // Safe from overflow: the sector is on the disk.
        let offset = sector * UInt64(sectorByteCount)
        guard var header = try disk.read(at: offset, count: sectorByteCount), header.starts(with: signature) else {
            return nil
        }
        let headerSize = Int(header.littleEndian(at: Field.headerSize, as: UInt32.self))
        let headerCRC32 = header.littleEndian(at: Field.headerCRC32.lowerBound, as: UInt32.self)
        guard (headerByteCount...sectorByteCount).contains(headerSize) else { return nil }
        // The checksum is that of the header with zeros in its place.
        header.replaceSubrange(Field.headerCRC32, with: [0, 0, 0, 0])
        guard CRC32.ieee(Array(header[..<headerSize])) == headerCRC32,
            header.littleEndian(at: Field.myLBA, as: UInt64.self) == sector
        else { return nil }

        let entrySize = Int(header.littleEndian(at: Field.entrySize, as: UInt32.self))
        let count = Int(header.littleEndian(at: Field.numberOfEntries, as: UInt32.self))
        let arrayLBA = header.littleEndian(at: Field.partitionEntryLBA, as: UInt64.self)
        guard entrySize >= entryByteCount, entrySize.isMultiple(of: entryByteCount),
            entrySize <= maximumArrayByteCount, count <= maximumArrayByteCount / entrySize
        else { return nil }
        let (arrayOffset, isTooFar) = arrayLBA.multipliedReportingOverflow(by: UInt64(sectorByteCount))
        guard !isTooFar, let array = try disk.read(at: arrayOffset, count: count * entrySize),
            CRC32.ieee(array) == header.littleEndian(at: Field.entriesCRC32, as: UInt32.self)
        else { return nil }
        return (0..<count).compactMap { index in
            region(
                array[(index * entrySize)...].prefix(entrySize), partition: index + 1,
                sectorByteCount: UInt64(sectorByteCount), disk)
        }
    }

    /// The partition of an entry; nil if it is unused or makes no sense.
    private static func region(
        _ entry: ArraySlice<UInt8>, partition: Int, sectorByteCount: UInt64, _ disk: RawDisk
    ) -> DiskRegion? {
        let kind = entry.prefix(EntryField.typeGUID.upperBound)
        let first = entry.littleEndian(at: EntryField.startingLBA, as: UInt64.self)
        let last = entry.littleEndian(at: EntryField.endingLBA, as: UInt64.self)
        let sectorCount = disk.byteCount / sectorByteCount
        guard kind.contains(where: { $0 != 0 }), first <= last, last < sectorCount else { return nil }
        // Safe from overflow: all of it is on the disk.
        return DiskRegion(
            partition: partition, name: name(Array(entry.prefix(entryByteCount))[EntryField.partitionName]),
            offset: first * sectorByteCount, byteCount: (last - first + 1) * sectorByteCount,
            isTypedAsSwap: kind.elementsEqual(linuxSwap), diskByteCount: disk.byteCount)
    }

    /// Nil if it is empty. What is not printable ASCII is a question mark.
    private static func name(_ field: ArraySlice<UInt8>) -> String? {
        let text = RegionContent.textOfUTF16(Array(field))
        return text.isEmpty ? nil : text
    }
}
