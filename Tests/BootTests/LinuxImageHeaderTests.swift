import Boot
import Testing

/// An arm64 Image's first 64 bytes, as Documentation/arch/arm64/booting.rst lays them out.
func imageHeader(textOffset: UInt64 = 0, imageSize: UInt64 = 0x200_0000, flags: UInt64 = 0b1010) -> [UInt8] {
    func littleEndian(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
    // In steps: Swift 6.2 does not type-check it as one expression.
    var header: [UInt8] = [0x4D, 0x5A, 0x40, 0xFA, 0, 0, 0, 0x14]
    for value in [textOffset, imageSize, flags] { header += littleEndian(value) }
    header += [UInt8](repeating: 0, count: 24)
    return header + [0x41, 0x52, 0x4D, 0x64, 0x40, 0, 0, 0]
}

private func header(_ bytes: [UInt8]) throws(KernelImageError) -> LinuxImageHeader {
    try LinuxImageHeader(prefix: bytes, fileByteCount: UInt64(bytes.count))
}

@Suite("The header of an arm64 Linux Image")
struct LinuxImageHeaderTests {
    @Test("Offset, size, page size and placement are read, though the file begins as an EFI application does")
    func fields() throws {
        let header = try header(imageHeader(textOffset: 0x1234, imageSize: 0x1_0000_0001, flags: 0b1100))
        #expect(header.textOffset == 0x1234)
        #expect(header.imageSize == 0x1_0000_0001)
        #expect(header.pageSize == .kib16)
        #expect(header.canBePlacedAnywhere)
    }

    @Test(
        "Every page size has its name",
        arguments: zip(
            [UInt64](0...3), [LinuxImageHeader.PageSize.unspecified, .kib4, .kib16, .kib64]))
    func pageSizes(bits: UInt64, size: LinuxImageHeader.PageSize) throws {
        let header = try header(imageHeader(flags: bits << 1))
        #expect(header.pageSize == size)
        #expect(!header.canBePlacedAnywhere)
    }

    @Test("A kernel before 3.17 says no size, and its offset is 0x80000 whatever the field holds")
    func legacy() throws {
        let header = try header(imageHeader(textOffset: 0x0000_0800_0000_0000, imageSize: 0))
        #expect(header.imageSize == nil)
        #expect(header.textOffset == 0x8_0000)
    }

    @Test("A big-endian kernel is refused")
    func bigEndian() {
        #expect(throws: KernelImageError.bigEndian) { try header(imageHeader(flags: 1)) }
    }

    /// An Image that is an EFI application as well, as Linux's arch/arm64/kernel/efi-header.S makes it: sections in the
    /// file from 0x10000 on, and BSS behind them.
    private func efiImage(sections: [(length: UInt32, start: UInt32)]) -> [UInt8] {
        func littleEndian(_ value: UInt32, _ count: Int = 4) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        var bytes = imageHeader(imageSize: 0x10_0000) + Array("PE\0\0".utf8)
        bytes += littleEndian(0xAA64, 2) + littleEndian(UInt32(sections.count), 2) + littleEndian(0) + littleEndian(0)
        bytes += littleEndian(0) + littleEndian(160, 2) + littleEndian(0x206, 2) + [UInt8](repeating: 0, count: 160)
        for section in sections {
            bytes += Array(".section".utf8) + littleEndian(0x8_0000) + littleEndian(section.start)
            bytes += littleEndian(section.length) + littleEndian(section.start) + [UInt8](repeating: 0, count: 16)
        }
        return bytes
    }

    @Test(
        "A kernel whose file ends before its last section does is refused with both sizes, and a signature may follow")
    func cutShort() throws {
        let image = efiImage(sections: [(0x3_0000, 0x1_0000), (0x2_0000, 0x4_0000), (0, 0x9_0000)])
        for byteCount in [0x6_0000, 0x6_05C0] as [UInt64] {
            #expect(try LinuxImageHeader(prefix: image, fileByteCount: byteCount).imageSize == 0x10_0000)
        }
        let error = KernelImageError.cutShort(byteCount: 0x5_FFFF, expected: 0x6_0000)
        #expect(throws: error) { try LinuxImageHeader(prefix: image, fileByteCount: 0x5_FFFF) }
        #expect(error.description.contains("\(0x5_FFFF)") && error.description.contains("\(0x6_0000)"))
    }

    @Test("A PE header that is not there, cut off or full of nonsense says nothing of the size, and crashes nothing")
    func strangeSections() throws {
        let image = efiImage(sections: [(.max, .max), (1, 1)])
        #expect(throws: KernelImageError.self) { try LinuxImageHeader(prefix: image, fileByteCount: 1 << 30) }
        for count in 64..<image.count {
            // Before the first section's own bytes there is nothing to compare with.
            let prefix = Array(image.prefix(count))
            if count < 248 + 24 {
                _ = try LinuxImageHeader(prefix: prefix, fileByteCount: UInt64(count))
            } else {
                #expect(throws: KernelImageError.self) {
                    try LinuxImageHeader(prefix: prefix, fileByteCount: UInt64(count))
                }
            }
        }
        for pointer in [0, 0x1FF, 0x7FFF_FFFF, 0xFFFF_FFFF] as [UInt32] {
            var strange = image
            for index in 0..<4 { strange[60 + index] = UInt8(truncatingIfNeeded: pointer >> (index * 8)) }
            _ = try LinuxImageHeader(prefix: strange, fileByteCount: UInt64(strange.count))
        }
    }

    @Test("What is no Image is named, with what to do about it", arguments: formats)
    func otherFormats(bytes: [UInt8], format: KernelFileFormat, word: String) {
        #expect(throws: KernelImageError.notAnImage(format)) {
            try header(bytes + [UInt8](repeating: 0, count: bytes.isEmpty ? 0 : 1024))
        }
        let text = KernelImageError.notAnImage(format).description
        #expect(text.contains(word))
        #expect(text.contains(";"), "says what to do")
        #expect(!text.contains("\n"), "one line")
    }

    private static let formats: [([UInt8], KernelFileFormat, String)] = [
        ([], .empty, "empty"),
        ([0x1F, 0x8B, 0x08], .gzip, "gzip"),
        ([0x28, 0xB5, 0x2F, 0xFD], .zstandard, "zstd"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], .xz, "xz"),
        (Array("BZh9".utf8), .bzip2, "bzip2"),
        ([0x5D, 0x00, 0x00, 0x80], .lzma, "lzma"),
        ([0x02, 0x21, 0x4C, 0x18], .lz4, "lz4"),
        ([0x4D, 0x5A, 0, 0] + Array("zimg".utf8), .efiZboot, "zboot"),
        ([0x4D, 0x5A, 0x90, 0], .peExecutable, "EFI"),
        ([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1], .elf, "ELF"),
        ([UInt8](repeating: 0, count: 56) + Array("RSC\u{05}".utf8), .riscvImage, "RISC-V"),
        ([0x4D, 0x5A] + [UInt8](repeating: 0, count: 0x200) + Array("HdrS".utf8), .x86Kernel, "x86"),
        ([0xD0, 0x0D, 0xFE, 0xED], .deviceTreeOrFIT, "FIT"),
        ([0x27, 0x05, 0x19, 0x56], .uImage, "U-Boot"),
        (Array("070701".utf8), .cpioArchive, "cpio"),
        (Array("!<arch>\ndebian-binary".utf8), .debianPackage, "Debian package"),
        (Array("#!/bin/sh\n".utf8), .unknown, "no arm64 Linux Image"),
    ]

    @Test("A file that ends before the header does is too short, wherever it ends")
    func truncated() {
        for count in 1..<64 {
            let bytes = [UInt8](repeating: 0, count: count)
            #expect(throws: KernelImageError.tooShort(byteCount: UInt64(count))) { try header(bytes) }
        }
        let cut = Array(imageHeader().prefix(60))
        #expect(throws: KernelImageError.tooShort(byteCount: 60)) { try header(cut) }
    }
}
