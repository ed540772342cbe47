// Recognising what a kernel file really is, to be able to say it.
//
// Responsible for: telling file formats apart by their first bytes. Not responsible for: reading any but the arm64
// Image (LinuxImageHeader.swift). Magic numbers are those of each format's own specification.

/// What a file that was given as a kernel is, by its first bytes.
public enum KernelFileFormat: Sendable, Equatable {
    /// An uncompressed arm64 Linux Image.
    case linuxImage
    case empty
    case gzip
    case zstandard
    case xz
    case bzip2
    case lzma
    case lz4
    /// A self-decompressing EFI application that holds a compressed kernel ("zboot").
    case efiZboot
    /// An EFI application or another Windows executable.
    case peExecutable
    case elf
    case riscvImage
    case x86Kernel
    case deviceTreeOrFIT
    case uImage
    case cpioArchive
    case debianPackage
    /// None that is known here: a flat binary, perhaps.
    case unknown

    /// How many of a file's first bytes `init(prefix:)` wants to see, if the file has as many.
    public static let prefixByteCount = 0x206

    private struct Signature {
        let format: KernelFileFormat
        let offset: Int
        let bytes: [UInt8]

        init(_ format: KernelFileFormat, at offset: Int = 0, _ bytes: [UInt8]) {
            self.format = format
            self.offset = offset
            self.bytes = bytes
        }

        func matches(_ prefix: [UInt8]) -> Bool {
            prefix.dropFirst(offset).starts(with: bytes)
        }
    }

    /// The first match counts: an Image, a zboot and an x86 kernel may all begin as an EFI application does.
    private static let signatures = [
        Signature(.linuxImage, at: LinuxImageHeader.magicOffset, LinuxImageHeader.magic),
        Signature(.riscvImage, at: 56, Array("RSC\u{05}".utf8)),
        Signature(.x86Kernel, at: 0x202, Array("HdrS".utf8)),
        Signature(.efiZboot, at: 4, Array("zimg".utf8)),
        Signature(.peExecutable, Array("MZ".utf8)),
        Signature(.gzip, [0x1F, 0x8B]),
        Signature(.zstandard, [0x28, 0xB5, 0x2F, 0xFD]),
        Signature(.xz, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
        Signature(.bzip2, Array("BZh".utf8)),
        Signature(.lzma, [0x5D, 0x00, 0x00]),
        Signature(.lz4, [0x04, 0x22, 0x4D, 0x18]),
        Signature(.lz4, [0x02, 0x21, 0x4C, 0x18]),
        Signature(.elf, [0x7F] + Array("ELF".utf8)),
        Signature(.deviceTreeOrFIT, [0xD0, 0x0D, 0xFE, 0xED]),
        Signature(.uImage, [0x27, 0x05, 0x19, 0x56]),
        Signature(.cpioArchive, Array("070701".utf8)),
        Signature(.debianPackage, Array("!<arch>\ndebian".utf8)),
    ]

    /// Recognises a file by `prefix`: its first `prefixByteCount` bytes, or all of it if it is shorter.
    public init(prefix: [UInt8]) {
        self = prefix.isEmpty ? .empty : Self.signatures.first { $0.matches(prefix) }?.format ?? .unknown
    }

    /// What the file is and what to do about it, to follow its name: "is …; …".
    var advice: String {
        switch self {
        case .linuxImage: "is an arm64 Linux Image"
        case .empty: "is empty; fetch it again, and check that the disk is not full"
        case .gzip: "is compressed with gzip; unpack it: gzip -dc FILE > Image"
        case .zstandard: "is compressed with zstd; unpack it: zstd -dc FILE > Image"
        case .xz: "is compressed with xz; unpack it: xz -dc FILE > Image"
        case .bzip2: "is compressed with bzip2; unpack it: bzip2 -dc FILE > Image"
        case .lzma: "is compressed with lzma; unpack it: xz -F lzma -dc FILE > Image"
        case .lz4: "is compressed with lz4; unpack it: lz4 -dc FILE > Image"
        case .efiZboot:
            "is an EFI zboot image, which holds a compressed kernel; take the Image out of it with unzboot, "
                + "or use a kernel built without CONFIG_EFI_ZBOOT"
        case .peExecutable:
            "is an EFI application and no arm64 Linux Image; give the kernel itself, such as arch/arm64/boot/Image"
        case .elf:
            "is an ELF file and no arm64 Linux Image; give the raw Image made from it (arch/arm64/boot/Image)"
        case .riscvImage: "is a Linux kernel for RISC-V; give one for arm64"
        case .x86Kernel: "is a Linux kernel for x86; give one for arm64"
        case .deviceTreeOrFIT:
            "is a device tree or a FIT image; give the arm64 Image in it (dumpimage takes it out)"
        case .uImage: "is a U-Boot image; give the arm64 Image in it (dumpimage takes it out)"
        case .cpioArchive: "is a cpio archive, such as an initramfs; give the kernel here and this as the initrd"
        case .debianPackage: "is a Debian package; unpack it (dpkg-deb -x FILE DIRECTORY) and give its vmlinuz"
        case .unknown:
            "is no arm64 Linux Image (it lacks the magic number \"ARM\\x64\" at byte 56); "
                + "give an uncompressed one, such as the vmlinuz of Debian's linux-image-cloud-arm64"
        }
    }
}
