// What is on a disk where no swap area is looked for, by name: so that "no image" is not said of what nobody looked at.
//
// Responsible for: recognising it by its signature. Not responsible for: reading any of it. What is encrypted without a
// header of its own (plain dm-crypt) cannot be told from noise.
//
// Follows, for each, the format's own description: cryptsetup's LUKS1 and LUKS2 on-disk formats; Linux's
// include/uapi/linux/raid/md_p.h (md), drivers/md/bcache (bcache), fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h,
// include/uapi/linux/btrfs_tree.h and include/linux/f2fs_fs.h.

import Bytes

/// A part of a disk that may hold a swap area that is not found.
public struct UnsearchedRegion: Sendable, Hashable {
    /// What it is.
    public enum Kind: Sendable, Hashable {
        /// A file system, which may have a swap file in it.
        case fileSystem(String)
        /// A btrfs over so many devices.
        case btrfsOfDevices(UInt64)
        case luks
        case raid
        case bcache
        /// A logical volume of a type that is not followed, such as `thin`.
        case volume(name: String, type: String)
        /// LVM's metadata is damaged, or not understood.
        case lvm
    }

    public var kind: Kind
    public var region: DiskRegion

    /// In words that can follow "not looked into: ".
    public var words: String {
        let what =
            switch kind {
            case .fileSystem(let name): "\(name), which may have a swap file"
            case .btrfsOfDevices(let count): "btrfs of \(count) devices"
            case .luks: "LUKS"
            case .raid: "Linux RAID"
            case .bcache: "bcache"
            case .volume(let name, let type): "the \(type) volume \(name)"
            case .lvm: "LVM with metadata that is not understood"
            }
        return what + (region.partition.map { " in partition \($0)" } ?? "")
            + (region.volume.map { ", volume \($0)" } ?? "")
    }

    /// Whether a guest may write an image there without its host seeing that it is one: what goes into a file system is
    /// written as it is, but what is not followed may be encrypted.
    public var hidesWrites: Bool {
        switch kind {
        case .fileSystem, .btrfsOfDevices: false
        case .luks, .raid, .bcache, .volume, .lvm: true
        }
    }

    /// A signature, and where it is.
    private struct Signature {
        var kind: Kind
        var position: UInt64
        var bytes: [UInt8]
    }

    private static let signatures = [
        Signature(kind: .luks, position: 0, bytes: Array("LUKS".utf8) + [0xBA, 0xBE]),
        // md superblocks 1.1 and 1.2; those of 1.0 and 0.90 are at the end.
        Signature(kind: .raid, position: 0, bytes: raidMagic),
        Signature(kind: .raid, position: 4096, bytes: raidMagic),
        Signature(
            kind: .bcache, position: 4096 + 24,
            bytes: [
                0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA, 0x82, 0x65, 0xF5, 0x7F, 0x48, 0xBA, 0x6D, 0x81,
            ]),
        Signature(kind: .fileSystem("ext4"), position: 1024 + 56, bytes: [0x53, 0xEF]),
        Signature(kind: .fileSystem("XFS"), position: 0, bytes: Array("XFSB".utf8)),
        Signature(kind: .fileSystem("F2FS"), position: 1024, bytes: [0x10, 0x20, 0xF5, 0xF2]),
        Signature(kind: .fileSystem("btrfs"), position: 0x1_0040, bytes: Array("_BHRfS_M".utf8)),
    ]

    /// MD_SB_MAGIC, little-endian.
    private static let raidMagic: [UInt8] = [0xFC, 0x4E, 0x2B, 0xA9]
    private static let sectorByteCount: UInt64 = 512
    /// `num_devices` of `struct btrfs_super_block`, which begins at 64 KiB.
    private static let btrfsDeviceCount: UInt64 = 0x1_0088

    /// What is in `regions`.
    static func all(in regions: [DiskRegion], on disk: RawDisk) throws(RawDiskError) -> [UnsearchedRegion] {
        var found: [UnsearchedRegion] = []
        for region in regions {
            if let kind = try kind(of: region, on: disk) { found.append(UnsearchedRegion(kind: kind, region: region)) }
        }
        return found
    }

    private static func kind(of region: DiskRegion, on disk: RawDisk) throws(RawDiskError) -> Kind? {
        func bytes(at position: UInt64, count: Int) throws(RawDiskError) -> [UInt8]? {
            guard let offset = region.diskOffset(of: position, count: count) else { return nil }
            return try disk.read(at: offset, count: count)
        }
        for place in raidEnds(region.byteCount) where try bytes(at: place, count: raidMagic.count) == raidMagic {
            return .raid
        }
        for signature in signatures {
            guard try bytes(at: signature.position, count: signature.bytes.count) == signature.bytes else { continue }
            if signature.kind == .fileSystem("btrfs"),
                let count = try bytes(at: btrfsDeviceCount, count: 8)?.littleEndian(at: 0, as: UInt64.self), count > 1
            {
                return .btrfsOfDevices(count)
            }
            return signature.kind
        }
        return nil
    }

    /// Where md's superblocks 1.0 and 0.90 are: from 8 KiB before the end on, at 4 KiB; and 64 KiB before it, at 64
    /// KiB.
    private static func raidEnds(_ byteCount: UInt64) -> [UInt64] {
        let sectors = byteCount / sectorByteCount
        var places: [UInt64] = []
        if sectors >= 16 { places.append((sectors - 16) / 8 * 8 * sectorByteCount) }
        if byteCount >= 128 << 10 { places.append(byteCount / (64 << 10) * (64 << 10) - (64 << 10)) }
        return places
    }
}
