// The image that a hibernated Linux guest left in its swap area.
//
// Responsible for: whether there is one, and what its header says. Not responsible for: whether it is whole
// (`ImageInspection`), taking it away (`HibernationImage+Discard`), or whether it may be resumed.
//
// Follows Linux's kernel/power/swap.c (`struct swsusp_header`) and kernel/power/power.h. What is on the disk may be
// anything: here it is only compared and reported.

import Bytes
import DiskImages

/// A Linux hibernation image, as the header of the swap area that holds it describes it.
public struct HibernationImage: Sendable, Hashable {
    /// The flags of the header (SF_* of kernel/power/power.h).
    public struct Flags: OptionSet, Sendable, Hashable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// SF_PLATFORM_MODE: the firmware was told of the hibernation.
        public static let platformMode = Self(rawValue: 1)
        /// SF_NOCOMPRESS_MODE: the image is not compressed.
        public static let noCompressMode = Self(rawValue: 2)
        /// SF_CRC32_MODE: the header has a checksum of the image.
        public static let crc32Mode = Self(rawValue: 4)
        /// SF_HW_SIG: the header has a hardware signature (Linux 5.17 and later).
        public static let hwSig = Self(rawValue: 8)
        /// SF_COMPRESSION_ALG_LZ4: the image is compressed with LZ4 rather than LZO.
        public static let compressionAlgLZ4 = Self(rawValue: 16)

        /// The names of those that are set, as kernel/power/power.h has them without "SF_"; unknown ones in
        /// hexadecimal.
        public var names: [String] {
            let known: [(Flags, String)] = [
                (.platformMode, "PLATFORM_MODE"), (.noCompressMode, "NOCOMPRESS_MODE"), (.crc32Mode, "CRC32_MODE"),
                (.hwSig, "HW_SIG"), (.compressionAlgLZ4, "COMPRESSION_ALG_LZ4"),
            ]
            let unknown = known.reduce(self) { $0.subtracting($1.0) }
            return known.filter { contains($0.0) }.map(\.1)
                + (unknown.isEmpty ? [] : [hexadecimal(unknown.rawValue)])
        }
    }

    /// How an image's data is compressed.
    public enum Compression: String, Sendable {
        case none
        case lzo
        case lz4
    }

    /// The swap area that holds the image.
    public let area: SwapArea
    /// The header's flags, unknown ones included.
    public let flags: Flags
    /// `hw_sig`: what the guest's FACS said when it hibernated; nil if it said nothing, and nothing will be checked.
    public let hardwareSignature: UInt32?
    /// `crc32`: the checksum of the image's data; nil if it has none.
    public let checksum: UInt32?
    /// `image`: where the image's first page map is, as the kernel counts: in pages from the disk's or partition's
    /// beginning.
    public let firstSector: UInt64
    /// `orig_sig`: what the swap area's signature was, and will be again; nil if it is none that Linux knows.
    public let originalSignature: SwapSignature?

    /// The partition that has the image, as Linux counts them; nil if the disk is not divided there.
    public var partition: Int? { area.region.partition }
    /// The bytes at the end of the page that makes a swap area one with an image.
    public static let signature = SwapSignature.suspend.bytes

    /// Whether a page that swap began with was marked as an image's (`mark_swapfiles` of Linux's kernel/power/swap.c):
    /// the signature was swap's and is kept in its place, and nothing else is new but hibernation's own fields. A file may
    /// have a page that ends like a header: as a copy of an image, or because somebody wants us to believe in one.
    ///
    /// - Parameters:
    ///   - before: the end of the page, as it was.
    ///   - after: as it is.
    public static func isMarked(before: [UInt8], after: [UInt8]) -> Bool {
        typealias Fields = SwapHeader.Fields
        guard before.count == after.count, before.count >= Fields.byteCount else { return false }
        let start = before.count - Fields.byteCount
        let (old, new) = (Array(before[start...]), Array(after[start...]))
        guard let swap = SwapSignature(bytes: old[Fields.signature]), swap != .suspend else { return false }
        return SwapSignature(bytes: new[Fields.signature]) == .suspend
            && new[Fields.originalSignature].elementsEqual(swap.bytes) && before[..<start] == after[..<start]
    }

    /// Where the swap area begins on the disk, in bytes.
    public var swapAreaOffset: UInt64 { area.headerOffset }
    /// The guest's page size in bytes: 4096, 16384 or 65536.
    public var pageSize: Int { area.pageSize }

    public var compression: Compression {
        if flags.contains(.noCompressMode) { return .none }
        return flags.contains(.compressionAlgLZ4) ? .lz4 : .lzo
    }

    /// The image in `area`; nil if the area has another signature.
    public init?(_ area: SwapArea) {
        guard area.signature == .suspend else { return nil }
        self.area = area
        typealias Fields = SwapHeader.Fields
        flags = Flags(rawValue: area.fields.littleEndian(at: Fields.flags))
        hardwareSignature = flags.contains(.hwSig) ? area.fields.littleEndian(at: Fields.hardwareSignature) : nil
        checksum = flags.contains(.crc32Mode) ? area.fields.littleEndian(at: Fields.checksum) : nil
        firstSector = area.fields.littleEndian(at: Fields.firstSector)
        originalSignature = SwapSignature(bytes: area.fields[Fields.originalSignature])
    }

    /// Looks for a hibernation image on the disk (an image file, or a block device of the host) at `path`: on the
    /// disk as a whole, then in its partitions. The disk's machine has stopped; it may still hold the disk's lock.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what it is; nil if it is what it looks like.
    ///   - selection: where to look.
    /// - Returns: the first image; nil if there is none, which includes a disk without swap area.
    public static func find(
        onDiskAt path: String, format: DiskFormat? = nil, _ selection: SwapSelection = .all
    ) throws(RawDiskError) -> HibernationImage? {
        try RawDisk.withDisk(at: path, format: format) { disk throws(RawDiskError) in
            try SwapSearch(disk, selection).images.first
        }
    }
}
