// The header of a qcow2 image.
//
// Responsible for: its fields, its extensions, and refusing what is not to be had here. Everything is checked once,
// here: whoever has a header need not fear its numbers.
//
// Follows QEMU's docs/interop/qcow2.txt, "Header" and "Header extensions". Numbers are big-endian.

import Bytes
import Glibc

/// A header, and what follows from it.
struct Qcow2Header: Sendable, Hashable {
    /// "QFI" and 0xfb.
    static let magic: [UInt8] = [0x51, 0x46, 0x49, 0xFB]
    /// Where the fields are, in bytes.
    enum Field {
        static let version = 4
        static let backingOffset = 8
        static let backingByteCount = 16
        static let clusterBits = 20
        static let size = 24
        static let encryption = 32
        static let l1Count = 36
        static let l1Offset = 40
        static let refcountTableOffset = 48
        static let refcountTableClusters = 56
        static let snapshotCount = 60
        static let snapshotsOffset = 64
        static let incompatible = 72
        static let compatible = 80
        static let autoclear = 88
        static let refcountOrder = 96
        static let byteCount = 100
        static let compression = 104
    }

    /// Bits of the incompatible features.
    enum Incompatible {
        static let dirty: UInt64 = 1 << 0
        static let corrupt: UInt64 = 1 << 1
        static let dataFile: UInt64 = 1 << 2
        static let compression: UInt64 = 1 << 3
        static let extendedL2: UInt64 = 1 << 4
        static let known = dirty | corrupt | dataFile | compression | extendedL2
    }

    enum Extension {
        static let end: UInt32 = 0
        static let backingFormat: UInt32 = 0xE279_2ACA
        static let featureNames: UInt32 = 0x6803_F857
    }

    enum Compression: UInt8, Sendable {
        case zlib = 0
        case zstd = 1
    }

    static let version2ByteCount = 72
    static let version3ByteCount = 104
    /// Bytes at the beginning that are written together, whatever of them changes.
    static let sectorByteCount = 512
    static let clusterBits = 9...21
    /// What QEMU allows: 32 MiB of L1 table, 8 MiB of refcount table, 1023 bytes of name.
    static let maximumL1ByteCount = 32 << 20
    static let maximumRefcountTableByteCount = 8 << 20
    static let maximumNameByteCount = 1023
    static let maximumSnapshotCount: UInt32 = 65536
    /// What an image may say of its disk's size: half of what an off_t can tell.
    static let maximumByteCount: UInt64 = 1 << 62

    var version: UInt32
    var clusterBits: Int
    /// Of the guest's disk.
    var byteCount: UInt64
    var l1Count: Int
    var l1Offset: UInt64
    var refcountTableOffset: UInt64
    var refcountTableClusters: Int
    var snapshotCount: UInt32
    var incompatible: UInt64 = 0
    var autoclear: UInt64 = 0
    var refcountOrder = 4
    var compression = Compression.zlib
    var backingName: String?
    var backingFormat: String?

    var clusterByteCount: Int { 1 << clusterBits }
    /// Entries of a table of level 2, and of the L1 table's clusters.
    var l2Count: Int { 1 << (clusterBits - 3) }
    /// Clusters that a block of refcounts counts.
    var refcountBlockCount: Int { 1 << (clusterBits + 3 - refcountOrder) }
    var isDirty: Bool { incompatible & Incompatible.dirty != 0 }
    var isCorrupt: Bool { incompatible & Incompatible.corrupt != 0 }

    /// How many entries the L1 table has to have.
    static func l1Count(byteCount: UInt64, clusterBits: Int) -> UInt64 {
        let bits = UInt64(2 * clusterBits - 3)
        return (byteCount >> bits) + (byteCount & (1 << bits - 1) == 0 ? 0 : 1)
    }

    /// Reads the header of the image in `file`.
    init(_ file: some ImageFile) throws(DiskImageError) {
        let path = file.path
        func damaged(_ field: String) -> DiskImageError { .damaged(path: path, .header(field)) }
        let head = try file.read(Self.version3ByteCount + 8, at: 0)
        guard head.starts(with: Self.magic) else { throw damaged("magic number") }
        func field32(_ offset: Int) -> UInt32 { head.bigEndian(at: offset) }
        func field64(_ offset: Int) -> UInt64 { head.bigEndian(at: offset) }
        version = field32(Field.version)
        guard version == 2 || version == 3 else { throw .unsupported(path: path, .version(version)) }
        guard let bits = Int(exactly: field32(Field.clusterBits)), Self.clusterBits.contains(bits) else {
            throw damaged("cluster size")
        }
        clusterBits = bits
        byteCount = field64(Field.size)
        l1Count = Int(field32(Field.l1Count))
        l1Offset = field64(Field.l1Offset)
        refcountTableOffset = field64(Field.refcountTableOffset)
        refcountTableClusters = Int(field32(Field.refcountTableClusters))
        snapshotCount = field32(Field.snapshotCount)
        guard field32(Field.encryption) == 0 else { throw .unsupported(path: path, .encryption) }
        var extensionsOffset = Self.version2ByteCount
        if version == 3 {
            incompatible = field64(Field.incompatible)
            autoclear = field64(Field.autoclear)
            guard let order = Int(exactly: field32(Field.refcountOrder)), order <= 6 else {
                throw damaged("width of refcounts")
            }
            refcountOrder = order
            extensionsOffset = Int(field32(Field.byteCount))
            guard extensionsOffset >= Self.version3ByteCount, extensionsOffset.isMultiple(of: 8),
                extensionsOffset <= 1 << clusterBits
            else { throw damaged("length") }
            let type = extensionsOffset > Field.compression ? head[Field.compression] : 0
            // The bit says that there is another one than zlib.
            guard let known = Compression(rawValue: type) else {
                throw .unsupported(path: path, .compression(type))
            }
            guard (incompatible & Incompatible.compression != 0) == (known != .zlib) else {
                throw damaged("compression")
            }
            compression = known
        }
        let names = try readExtensions(
            file, from: extensionsOffset, backingOffset: field64(Field.backingOffset),
            backingByteCount: field32(Field.backingByteCount))
        try check(path: path, featureNames: names)
    }

    /// Reads the name of the backing file, and the extensions, of which only the two that matter are looked at.
    ///
    /// - Returns: the names of incompatible features, by their bits.
    private mutating func readExtensions(
        _ file: some ImageFile, from start: Int, backingOffset: UInt64, backingByteCount: UInt32
    ) throws(DiskImageError) -> [Int: String] {
        let path = file.path
        var end = UInt64(clusterByteCount)
        if backingOffset != 0 {
            guard backingByteCount <= Self.maximumNameByteCount, backingOffset >= start,
                backingOffset <= end, UInt64(backingByteCount) <= end - backingOffset
            else { throw .damaged(path: path, .header("backing file's name")) }
            let bytes = try file.read(Int(backingByteCount), at: backingOffset)
            guard !bytes.isEmpty, !bytes.contains(0), let name = String(validating: bytes, as: UTF8.self) else {
                throw .damaged(path: path, .header("backing file's name"))
            }
            backingName = name
            end = backingOffset
        }
        var names: [Int: String] = [:]
        var offset = UInt64(start)
        while offset + 8 <= end {
            let head = try file.read(8, at: offset)
            let type: UInt32 = head.bigEndian(at: 0)
            let count = UInt64(head.bigEndian(at: 4, as: UInt32.self))
            offset += 8
            if type == Extension.end { break }
            guard count <= end - offset else { throw .damaged(path: path, .header("extension")) }
            switch type {
            case Extension.backingFormat:
                guard count <= 16 else { throw .damaged(path: path, .header("backing file's format")) }
                backingFormat = String(decoding: try file.read(Int(count), at: offset), as: UTF8.self)
            case Extension.featureNames:
                // 48 bytes each: kind, bit, and a name that ends with a zero.
                let table = try file.read(Int(min(count, 48 * 64)), at: offset)
                for entry in stride(from: 0, to: table.count - 47, by: 48) where table[entry] == 0 {
                    let name = table[entry + 2..<entry + 48].prefix { $0 >= 0x20 && $0 < 0x7F }
                    names[Int(table[entry + 1])] = String(decoding: name, as: UTF8.self)
                }
            default: break
            }
            offset += (count + 7) & ~7
        }
        return names
    }

    private func check(path: String, featureNames: [Int: String]) throws(DiskImageError) {
        func damaged(_ field: String) -> DiskImageError { .damaged(path: path, .header(field)) }
        let unknown = incompatible & ~Incompatible.known
        guard unknown == 0 else {
            let bit = unknown.trailingZeroBitCount
            throw .unsupported(path: path, .incompatible(bit: bit, name: featureNames[bit]))
        }
        guard incompatible & Incompatible.dataFile == 0 else { throw .unsupported(path: path, .externalDataFile) }
        guard incompatible & Incompatible.extendedL2 == 0 else { throw .unsupported(path: path, .extendedL2) }
        guard byteCount <= Self.maximumByteCount, byteCount.isMultiple(of: UInt64(Self.sectorByteCount)) else {
            throw damaged("size of the disk")
        }
        guard l1Count * 8 <= Self.maximumL1ByteCount,
            refcountTableClusters <= Self.maximumRefcountTableByteCount >> clusterBits
        else { throw .unsupported(path: path, .tooLarge) }
        let cluster = UInt64(clusterByteCount)
        guard UInt64(l1Count) >= Self.l1Count(byteCount: byteCount, clusterBits: clusterBits) else {
            throw damaged("size of the L1 table")
        }
        guard l1Offset.isMultiple(of: cluster), l1Offset <= Self.maximumByteCount, l1Offset > 0 || l1Count == 0 else {
            throw damaged("place of the L1 table")
        }
        guard refcountTableClusters > 0, refcountTableOffset.isMultiple(of: cluster), refcountTableOffset > 0,
            refcountTableOffset <= Self.maximumByteCount
        else { throw damaged("place of the refcount table") }
        guard snapshotCount <= Self.maximumSnapshotCount else { throw damaged("number of snapshots") }
    }
}

extension [UInt8] {
    /// Puts `value`, its highest byte first, over what is at `offset`.
    mutating func replace(at offset: Int, bigEndian value: some FixedWidthInteger) {
        replace(at: offset, littleEndian: value.byteSwapped)
    }

    /// The 64 bits at `offset`, highest byte first. All of them are there.
    func entry(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + 8 <= count)
        // Safe: they are inside the array.
        return withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }

    /// Writes the 64 bits at `offset`, highest byte first.
    mutating func setEntry(at offset: Int, _ value: UInt64) {
        precondition(offset >= 0 && offset + 8 <= count)
        // Safe: they are inside the array.
        withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self) }
    }
}
