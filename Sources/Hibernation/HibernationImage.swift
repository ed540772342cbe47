// Finding the image that a hibernated Linux guest left in its swap area.
//
// Responsible for: whether there is one, and what its header says. Not responsible for: the image's contents, whether
// it may be resumed, or partition tables: only a disk that is a swap area as a whole is searched so far.
//
// Follows Linux's kernel/power/swap.c (`struct swsusp_header`) and kernel/power/power.h. The header's fields are at the
// end of the swap area's first page, whose size is the guest's; all are little-endian. What is on the disk may be
// anything: it is only compared and reported.

/// A Linux hibernation image, as the header of the swap area that holds it describes it.
public struct HibernationImage: Sendable, Equatable {
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
    }

    /// Where the swap area begins on the disk, in bytes.
    public let swapAreaOffset: UInt64
    /// The guest's page size in bytes: 4096, 16384 or 65536.
    public let pageSize: Int
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

    /// The page sizes of arm64 Linux.
    private static let pageSizes = [4096, 16384, 65536]

    /// Looks for a hibernation image on the raw disk (an image file, or a block device of the host) at `path`.
    ///
    /// - Returns: the image; nil if there is none, which includes a disk that is no swap area.
    public static func find(onDiskAt path: String) throws(RawDiskError) -> HibernationImage? {
        try RawDisk.withDisk(at: path) { disk throws(RawDiskError) in
            // A swap partition would be another offset.
            try find(on: disk, swapAreaOffset: 0)
        }
    }

    private static func find(on disk: RawDisk, swapAreaOffset: UInt64) throws(RawDiskError) -> HibernationImage? {
        for pageSize in pageSizes {
            let fields = swapAreaOffset + UInt64(pageSize - Header.byteCount)
            guard let bytes = try disk.read(at: fields, count: Header.byteCount) else { return nil }
            if let image = HibernationImage(header: bytes, pageSize: pageSize, swapAreaOffset: swapAreaOffset) {
                return image
            }
        }
        return nil
    }
}

extension HibernationImage {
    /// The fields of `struct swsusp_header` after its padding, by their offsets from the first of them.
    private enum Header {
        static let hardwareSignature = 0..<4
        static let checksum = 4..<8
        static let firstSector = 8..<16
        static let flags = 16..<20
        static let originalSignature = 20..<30
        static let signature = 30..<40
        static let byteCount = signature.upperBound
    }

    /// The image that `header`, the last bytes of a page, describes; nil if the page's signature is another.
    private init?(header: [UInt8], pageSize: Int, swapAreaOffset: UInt64) {
        guard SwapSignature(bytes: header[Header.signature]) == .suspend else { return nil }
        func integer<Value: FixedWidthInteger>(_ range: Range<Int>, as type: Value.Type) -> Value {
            header[range].reversed().reduce(0) { $0 << 8 | Value($1) }
        }
        flags = Flags(rawValue: integer(Header.flags, as: UInt32.self))
        hardwareSignature = flags.contains(.hwSig) ? integer(Header.hardwareSignature, as: UInt32.self) : nil
        checksum = flags.contains(.crc32Mode) ? integer(Header.checksum, as: UInt32.self) : nil
        firstSector = integer(Header.firstSector, as: UInt64.self)
        originalSignature = SwapSignature(bytes: header[Header.originalSignature])
        self.pageSize = pageSize
        self.swapAreaOffset = swapAreaOffset
    }
}
