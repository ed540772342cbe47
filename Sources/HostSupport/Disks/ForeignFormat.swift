// Telling a file in another format from a raw disk, by what it begins or ends with.
//
// Responsible for: the signatures of disk images' formats and of compressed files, so that nobody takes one for a raw
// disk and writes over it. Not responsible for reading any of them, nor for what is on a raw disk: partition tables,
// file systems, LUKS are all a guest's.
//
// Follows each format's own description: QEMU's docs/interop (qcow2, QED, Parallels), VMware's Virtual Disk Format 5.0,
// Microsoft's VHD 1.0 and [MS-VHDX] 2.1, RFC 1952 (gzip), RFC 8878 (zstd), the xz and LZ4 file formats.

/// A format that a raw disk is not in.
public enum ForeignFormat: String, Sendable, CaseIterable {
    case qcow = "qcow"
    case qcow2 = "qcow2"
    case qed = "QED"
    case vmdk = "VMDK"
    case vdi = "VDI"
    case vhd = "VHD"
    case vhdx = "VHDX"
    case parallels = "Parallels"
    case gzip = "gzip"
    case xz = "xz"
    case zstd = "zstd"
    case bzip2 = "bzip2"
    case lz4 = "LZ4"
    case lzop = "lzop"
    case zip = "ZIP"

    /// Bytes at the beginning that are looked at.
    public static let headByteCount = 512
    /// Bytes at the end that are looked at.
    public static let tailByteCount = 512

    /// What makes a raw disk of it.
    private enum Remedy {
        /// The name that `qemu-img convert -f` has for it.
        case convert(String)
        /// A program that unpacks.
        case unpack(String)
    }

    private var remedy: Remedy {
        switch self {
        case .qcow: .convert("qcow")
        case .qcow2: .convert("qcow2")
        case .qed: .convert("qed")
        case .vmdk: .convert("vmdk")
        case .vdi: .convert("vdi")
        case .vhd: .convert("vpc")
        case .vhdx: .convert("vhdx")
        case .parallels: .convert("parallels")
        case .gzip: .unpack("gzip -d")
        case .xz: .unpack("xz -d")
        case .zstd: .unpack("zstd -d")
        case .bzip2: .unpack("bzip2 -d")
        case .lz4: .unpack("lz4 -d")
        case .lzop: .unpack("lzop -d")
        case .zip: .unpack("unzip")
        }
    }

    /// What qemu-img calls it; nil if that cannot read it.
    public var converterName: String? { if case .convert(let name) = remedy { name } else { nil } }

    /// What it is and what to do, for people: the end of a sentence that names the disk.
    public var words: String {
        switch remedy {
        case .convert(let name):
            "is a \(rawValue) image, not a raw disk; make a raw one with qemu-img convert -f \(name) -O raw"
        case .unpack(let program):
            "is compressed (\(rawValue)), not a raw disk; unpack it with \(program)"
        }
    }

    /// The format of a file; nil if nothing says that it is in one.
    ///
    /// - Parameters:
    ///   - head: its first `headByteCount` bytes, or all of it if it is shorter.
    ///   - tail: its last `tailByteCount` bytes, or all of it if it is shorter.
    public init?(head: [UInt8], tail: [UInt8]) {
        if let known = Self.signatures.first(where: { head.dropFirst($0.offset).starts(with: $0.bytes) }) {
            self = known.format
        } else if Self.isGzip(head) {
            self = .gzip
        } else if Self.isBzip2(head) {
            self = .bzip2
        } else if Self.isVHDFooter(head) || Self.isVHDFooter(tail) {
            self = .vhd
        } else {
            return nil
        }
    }

    private struct Signature {
        var format: ForeignFormat
        var offset = 0
        var bytes: [UInt8]
    }

    private static let signatures = [
        Signature(format: .qcow2, bytes: [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 2]),
        Signature(format: .qcow2, bytes: [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3]),
        Signature(format: .qcow, bytes: [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 1]),
        Signature(format: .qed, bytes: Array("QED\0".utf8)),
        // Sparse extents of hosted products and of ESX, and the text that names extents.
        Signature(format: .vmdk, bytes: Array("KDMV".utf8)),
        Signature(format: .vmdk, bytes: Array("COWD".utf8)),
        Signature(format: .vmdk, bytes: Array("# Disk DescriptorFile".utf8)),
        Signature(format: .vdi, offset: 64, bytes: [0x7F, 0x10, 0xDA, 0xBE]),
        Signature(format: .vhdx, bytes: Array("vhdxfile".utf8)),
        Signature(format: .parallels, bytes: Array("WithoutFreeSpace".utf8)),
        Signature(format: .parallels, bytes: Array("WithouFreSpacExt".utf8)),
        Signature(format: .xz, bytes: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]),
        Signature(format: .zstd, bytes: [0x28, 0xB5, 0x2F, 0xFD]),
        Signature(format: .lz4, bytes: [0x04, 0x22, 0x4D, 0x18]),
        Signature(format: .lz4, bytes: [0x02, 0x21, 0x4C, 0x18]),
        Signature(format: .lzop, bytes: [0x89, 0x4C, 0x5A, 0x4F, 0, 0x0D, 0x0A, 0x1A, 0x0A]),
        Signature(format: .zip, bytes: [0x50, 0x4B, 0x03, 0x04]),
    ]

    /// RFC 1952 §2.3.1: the magic, deflate, and flags whose reserved bits are zero.
    private static func isGzip(_ head: [UInt8]) -> Bool {
        let reservedFlags: UInt8 = 0xE0
        return head.count > 3 && head.starts(with: [0x1F, 0x8B, 8]) && head[3] & reservedFlags == 0
    }

    /// "BZh", the level, and the first block's magic, the digits of pi; or the end's, of an empty file.
    private static func isBzip2(_ head: [UInt8]) -> Bool {
        guard head.count >= 10, head.starts(with: Array("BZh".utf8)), (0x31...0x39).contains(head[3]) else {
            return false
        }
        let magic = head[4..<10]
        return magic.elementsEqual([0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
            || magic.elementsEqual([0x17, 0x72, 0x45, 0x38, 0x50, 0x90])
    }

    /// The footer of VHD 1.0, which is a fixed disk's last sector, and which a dynamic disk begins with, too. Its
    /// checksum counts: the cookie alone may be anybody's data.
    private static func isVHDFooter(_ sector: [UInt8]) -> Bool {
        let checksumField = 64..<68
        // Of Virtual PC before 2004, it is one byte shorter.
        for count in [512, 511] where sector.count >= count {
            let footer = count == sector.count ? sector[...] : sector.suffix(count)
            guard footer.starts(with: "conectix".utf8) else { continue }
            let bytes = Array(footer)
            var sum: UInt32 = 0
            for (index, byte) in bytes.enumerated() where !checksumField.contains(index) { sum &+= UInt32(byte) }
            let checksum = bytes[checksumField].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            if checksum == ~sum { return true }
        }
        return false
    }
}
