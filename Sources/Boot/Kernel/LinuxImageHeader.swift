// The header of an arm64 Linux kernel.
//
// Responsible for: reading it, and saying what a file without one is. Follows Linux's
// Documentation/arch/arm64/booting.rst, "Call the kernel image". Not responsible for: where the kernel goes
// (BootPlan.swift).

/// Why a file cannot be started as an arm64 Linux kernel. The text follows the file's name: "FILE is …; …".
public enum KernelImageError: Error, Equatable, CustomStringConvertible {
    /// Something else than an arm64 Image.
    case notAnImage(KernelFileFormat)
    /// An ELF file that cannot be started.
    case elf(ELFError)
    /// An arm64 Image that ends before its header does.
    case tooShort(byteCount: UInt64)
    /// An arm64 Image for a big-endian CPU.
    case bigEndian
    /// An arm64 Image that ends before its last section does.
    case cutShort(byteCount: UInt64, expected: UInt64)

    public var description: String {
        switch self {
        case .notAnImage(let format):
            format.advice
        case .elf(let error): error.description
        case .tooShort(let byteCount):
            "is too short for a kernel (\(byteCount) bytes, and the header alone has "
                + "\(LinuxImageHeader.byteCount)); fetch it again"
        case .bigEndian:
            "is a big-endian kernel; give one built with CONFIG_CPU_LITTLE_ENDIAN"
        case .cutShort(let byteCount, let expected):
            "is cut short: it has \(byteCount) bytes, and its header tells of \(expected); fetch it again, and check that "
                + "the disk is not full"
        }
    }
}

/// The 64 bytes with which a little-endian arm64 Linux Image begins.
public struct LinuxImageHeader: Sendable, Equatable {
    /// The page size that a kernel was built for.
    public enum PageSize: UInt64, Sendable {
        case unspecified = 0
        case kib4 = 1
        case kib16 = 2
        case kib64 = 3
    }

    /// Bytes in the header.
    public static let byteCount = 64
    /// `text_offset` where the header does not say it in a known byte order: before Linux 3.17.
    public static let legacyTextOffset: UInt64 = 0x8_0000

    static let magicOffset = 56
    static let magic = Array("ARM\u{64}".utf8)

    private enum Field {
        static let textOffset = 8
        static let imageSize = 16
        static let flags = 24
    }

    private enum Flags {
        static let bigEndian: UInt64 = 1 << 0
        static let pageSizeShift: UInt64 = 1
        static let pageSizeMask: UInt64 = 0b11
        static let placedAnywhere: UInt64 = 1 << 3
    }

    /// Bytes from a 2 MiB aligned address to the start of the image.
    public let textOffset: UInt64
    /// Bytes that the kernel needs from the start of the image, its BSS included; nil if it does not say (before
    /// Linux 3.17), and then it needs an unknown amount behind the file's own bytes.
    public let imageSize: UInt64?
    public let pageSize: PageSize
    /// Whether the kernel can use memory below itself, and so need not be near the start of RAM.
    public let canBePlacedAnywhere: Bool

    /// Reads the header of a file.
    ///
    /// - Parameters:
    ///   - prefix: the file's first `KernelFileFormat.prefixByteCount` bytes, or all of it if it is shorter.
    ///   - fileByteCount: bytes in the whole file.
    /// - Throws: `KernelImageError` if it is no little-endian arm64 Image.
    public init(prefix: [UInt8], fileByteCount: UInt64) throws(KernelImageError) {
        let format = KernelFileFormat(prefix: prefix)
        guard format == .linuxImage else {
            guard format == .unknown, fileByteCount < UInt64(Self.byteCount) else { throw .notAnImage(format) }
            throw .tooShort(byteCount: fileByteCount)
        }
        guard prefix.count >= Self.byteCount else { throw .tooShort(byteCount: fileByteCount) }

        func field(at offset: Int) -> UInt64 {
            prefix[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let flags = field(at: Field.flags)
        guard flags & Flags.bigEndian == 0 else { throw .bigEndian }
        let declaredSize = field(at: Field.imageSize)
        imageSize = declaredSize == 0 ? nil : declaredSize
        textOffset = declaredSize == 0 ? Self.legacyTextOffset : field(at: Field.textOffset)
        pageSize = PageSize(rawValue: flags >> Flags.pageSizeShift & Flags.pageSizeMask) ?? .unspecified
        canBePlacedAnywhere = flags & Flags.placedAnywhere != 0
        // Not `image_size`, which counts the BSS that no file has.
        if let expected = PESections.byteCount(prefix: prefix), fileByteCount < expected {
            throw .cutShort(byteCount: fileByteCount, expected: expected)
        }
    }
}
