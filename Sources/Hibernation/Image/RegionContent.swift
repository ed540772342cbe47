// What is on a disk, a partition or a logical volume, by the name, label and UUID that its owner knows it by.
//
// Responsible for: saying it to people. Not responsible for: what follows from it (`UnsearchedRegion`, `VolumeLayout`).
// libblkid knows more, but reads devices and raw files only, and these may be in qcow2 images.
//
// Follows, for each, what `UnsearchedRegion` follows; for FAT the BIOS parameter block, for swap include/linux/swap.h.
// All of it may be anything: places are fixed, and a label is printed in printable ASCII.

import Bytes
import DiskImages

/// What a region holds.
public struct RegionContent: Sendable, Hashable {
    /// The format: `ext4`, `XFS`, `LUKS`, `swap`, …
    public var name: String
    public var label: String?
    /// As the format's own tools print it.
    public var uuid: String?

    /// How a UUID is written.
    private enum Identifier {
        /// 16 bytes, in the order of RFC 9562.
        case uuid(UInt64)
        case text(UInt64, count: Int)
        /// FAT's: 32 bits, little-endian, as two halves.
        case serial(UInt64)
    }

    /// Where a format keeps its names.
    private struct Names {
        var label: (position: UInt64, count: Int)?
        var identifier: Identifier?
        var isUTF16 = false
    }

    private enum Ext {
        static let features: UInt64 = 1024 + 92
        /// COMPAT_HAS_JOURNAL, and INCOMPAT_EXTENTS, INCOMPAT_64BIT and INCOMPAT_FLEX_BG, which ext3 does not have.
        static let hasJournal: UInt32 = 0x4
        static let ext4Only: UInt32 = 0x40 | 0x80 | 0x200
    }

    /// What is in each region of a disk that was searched; nil where it is nothing that has a name here.
    ///
    /// - Parameters:
    ///   - search: says what each is.
    ///   - path: the disk's.
    ///   - format: what the disk is; nil if it is what it looks like.
    static func all(
        in search: SwapSearch, onDiskAt path: String, format: DiskFormat?
    ) throws(RawDiskError) -> [RegionContent?] {
        try RawDisk.withDisk(at: path, format: format, for: .readingAlone) { disk throws(RawDiskError) in
            let unsearched = Dictionary(search.unsearched.map { ($0.region, $0.kind) }) { first, _ in first }
            let physicalVolumes = Set(search.physicalVolumes)
            var contents: [RegionContent?] = []
            for region in search.regions {
                contents.append(
                    try read(region, unsearched[region], isOfLVM: physicalVolumes.contains(region), on: disk))
            }
            return contents
        }
    }

    private static func read(
        _ region: DiskRegion, _ kind: UnsearchedRegion.Kind?, isOfLVM: Bool, on disk: RawDisk
    ) throws(RawDiskError) -> RegionContent? {
        func bytes(_ position: UInt64, _ count: Int) throws(RawDiskError) -> [UInt8]? {
            guard let offset = region.diskOffset(of: position, count: count) else { return nil }
            return try disk.read(at: offset, count: count)
        }
        // Not among the search's areas if that was told to look elsewhere.
        if try SwapArea.find(in: region, resumeOffset: 0, on: disk) != nil {
            return try RegionContent(
                "swap", Names(label: (1052, 16), identifier: .uuid(1036)), bytes)
        }
        switch kind {
        case .fileSystem("ext4")?:
            let features = try bytes(Ext.features, 8)
            let compatible = features?.littleEndian(at: 0, as: UInt32.self) ?? 0
            let incompatible = features?.littleEndian(at: 4, as: UInt32.self) ?? 0
            let name = incompatible & Ext.ext4Only != 0 ? "ext4" : compatible & Ext.hasJournal != 0 ? "ext3" : "ext2"
            return try RegionContent(name, Names(label: (1024 + 120, 16), identifier: .uuid(1024 + 104)), bytes)
        case .fileSystem("XFS")?:
            return try RegionContent("XFS", Names(label: (108, 12), identifier: .uuid(32)), bytes)
        case .fileSystem("F2FS")?:
            return try RegionContent(
                "F2FS", Names(label: (1024 + 124, 1024), identifier: .uuid(1024 + 108), isUTF16: true), bytes)
        case .fileSystem(let name)?:
            return try RegionContent(name, btrfs, bytes)
        case .btrfsOfDevices?:
            return try RegionContent("btrfs", btrfs, bytes)
        case .luks?:
            let isVersion2 = try bytes(6, 2) == [0, 2]
            return try RegionContent(
                isVersion2 ? "LUKS2" : "LUKS",
                Names(label: isVersion2 ? (24, 48) : nil, identifier: .text(168, count: 40)), bytes)
        case .raid?: return RegionContent(name: "Linux RAID")
        case .bcache?: return RegionContent(name: "bcache")
        case .volume?, .lvm?, nil: break
        }
        if isOfLVM { return RegionContent(name: "LVM") }
        return try fat(bytes)
    }

    private static let btrfs = Names(label: (0x1_012B, 256), identifier: .uuid(0x1_0020))

    private typealias Reader = (UInt64, Int) throws(RawDiskError) -> [UInt8]?

    private static func fat(_ bytes: Reader) throws(RawDiskError) -> RegionContent? {
        guard let sector = try bytes(0, 512), sector[510...] == [0x55, 0xAA] else { return nil }
        for (place, names) in [
            (54, Names(label: (43, 11), identifier: .serial(39))),
            (82, Names(label: (71, 11), identifier: .serial(67))),
        ] where sector[place...].starts(with: "FAT".utf8) {
            return try RegionContent("FAT", names, bytes)
        }
        return nil
    }

    public init(name: String, label: String? = nil, uuid: String? = nil) {
        self.name = name
        self.label = label
        self.uuid = uuid
    }

    private init(_ name: String, _ names: Names, _ bytes: Reader) throws(RawDiskError) {
        self.init(name: name)
        if let (position, count) = names.label, let field = try bytes(position, count) {
            let text = names.isUTF16 ? Self.textOfUTF16(field) : KernelName.text(field[...])
            let trimmed = Self.trimmed(text)
            // What mkfs.vfat writes where there is no label.
            label = trimmed.isEmpty || trimmed == "NO NAME" ? nil : trimmed
        }
        switch names.identifier {
        case .uuid(let position)?: uuid = try bytes(position, 16).flatMap(Self.uuid)
        case .text(let position, let count)?:
            uuid = try bytes(position, count).map { KernelName.text($0[...]) }.flatMap { $0.isEmpty ? nil : $0 }
        case .serial(let position)?:
            uuid = try bytes(position, 4).map { bytes in
                let digits = Hexadecimal.text(of: bytes.reversed()).uppercased()
                return "\(digits.prefix(4))-\(digits.suffix(4))"
            }
        case nil: break
        }
    }

    /// The text of a field in UTF-16, little-endian, to its first zero; what is not printable ASCII is a question mark.
    static func textOfUTF16(_ field: [UInt8]) -> String {
        let low = stride(from: 0, to: field.count - 1, by: 2).map { index in
            field[index + 1] == 0 ? field[index] : UInt8(ascii: "?")
        }
        return KernelName.text(low[...])
    }

    private static func trimmed(_ text: String) -> String {
        var end = text.endIndex
        while end > text.startIndex, text[text.index(before: end)] == " " { end = text.index(before: end) }
        return String(text[..<end])
    }

    /// Nil for zeros, which is none.
    private static func uuid(_ bytes: [UInt8]) -> String? {
        guard bytes.contains(where: { $0 != 0 }) else { return nil }
        return [bytes[..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10...]]
            .map { Hexadecimal.text(of: $0) }.joined(separator: "-")
    }
}
