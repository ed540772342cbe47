// A disk that UEFI starts something from: a FAT12 file system with one EFI application, which says a text and powers
// off.
//
// "FAT: General Overview of On-Disk Format" 1.03 has the file system, and the PE Format of Microsoft's documentation
// the application. The file system is on the whole disk, which UEFI takes as a disk without partitions.

import Bytes
import Foundation

enum BootableDisk {
    private static let sector = 512
    private static let sectorsPerCluster = 8
    private static let sectorCount = 2048
    /// Behind the boot sector, one FAT and one sector of the root directory.
    private static let dataSector = 3

    /// - Parameters:
    ///   - url: of the disk, which is made.
    ///   - text: what its application says at the serial port, with a new line behind it.
    static func make(_ url: URL, saying text: String) throws {
        var disk = [UInt8](repeating: 0, count: sectorCount * sector)
        func put(_ bytes: [UInt8], _ offset: Int) { disk.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        func put16(_ number: Int, _ offset: Int) { put(UInt16(number).littleEndianBytes, offset) }
        put([0xEB, 0x3C, 0x90] + Array("DORMOUSE".utf8), 0)
        put16(sector, 11)
        put([UInt8(sectorsPerCluster)], 13)
        // Reserved sectors, FATs, entries of the root directory, sectors, the medium, sectors of a FAT.
        put16(1, 14)
        put([1], 16)
        put16(16, 17)
        put16(sectorCount, 19)
        put([0xF8], 21)
        put16(1, 22)
        put16(32, 24)
        put16(64, 26)
        put([0x80, 0, 0x29, 1, 2, 3, 4] + Array("NO NAME    FAT12   ".utf8), 36)
        put([0x55, 0xAA], 510)
        // The FAT: three clusters, each the end of its chain.
        put([0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], sector)

        let application = application(saying: text)
        func entry(_ name: String, isDirectory: Bool, cluster: Int, byteCount: Int = 0) -> [UInt8] {
            var entry = Array(name.padding(toLength: 11, withPad: " ", startingAt: 0).utf8)
            entry += [isDirectory ? 0x10 : 0x20] + [UInt8](repeating: 0, count: 14)
            return entry + UInt16(cluster).littleEndianBytes + UInt32(byteCount).littleEndianBytes
        }
        func place(_ cluster: Int) -> Int { (dataSector + (cluster - 2) * sectorsPerCluster) * sector }
        put(entry("EFI", isDirectory: true, cluster: 2), 2 * sector)
        put(
            entry(".", isDirectory: true, cluster: 2) + entry("..", isDirectory: true, cluster: 0)
                + entry("BOOT", isDirectory: true, cluster: 3), place(2))
        put(
            entry(".", isDirectory: true, cluster: 3) + entry("..", isDirectory: true, cluster: 2)
                + entry("BOOTAA64EFI", isDirectory: false, cluster: 4, byteCount: application.count), place(3))
        put(application, place(4))
        try Data(disk).write(to: url)
    }

    /// An EFI application for arm64: one section, code and text, wherever it is loaded.
    private static func application(saying text: String) -> [UInt8] {
        let code: [UInt32] = [
            0x1000_0141,  //      adr  x1, text
            0xD2A1_2002,  //      movz x2, #0x0900, lsl #16     the PL011
            0x3840_1423,  // next: ldrb w3, [x1], #1
            0x3400_0063,  //      cbz  w3, off
            0xB900_0043,  //      str  w3, [x2]
            0x17FF_FFFD,  //      b    next
            0x52B0_8000,  // off: movz w0, #0x8400, lsl #16
            0x7280_0100,  //      movk w0, #8                   PSCI's SYSTEM_OFF
            0xD400_0002,  //      hvc  #0
            0x1400_0000,  //      b    .
        ]
        let body = code.flatMap(\.littleEndianBytes) + Array("\(text)\r\n".utf8) + [0]
        var file = [UInt8](repeating: 0, count: 0x400)
        func put(_ bytes: [UInt8], _ offset: Int) { file.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        func put16(_ number: UInt16, _ offset: Int) { put(number.littleEndianBytes, offset) }
        func put32(_ number: UInt32, _ offset: Int) { put(number.littleEndianBytes, offset) }
        put(Array("MZ".utf8), 0)
        put32(0x40, 0x3C)
        let header = 0x44
        put(Array("PE\0\0".utf8), 0x40)
        // IMAGE_FILE_MACHINE_ARM64, one section, an optional header of 240 bytes; executable, and of large addresses.
        put16(0xAA64, header)
        put16(1, header + 2)
        put16(240, header + 16)
        put16(0x0022, header + 18)
        let optional = header + 20
        put16(0x20B, optional)
        put32(0x200, optional + 4)
        // The entry, and where code begins; alignment of sections and in the file; sizes of image and headers.
        put32(0x1000, optional + 16)
        put32(0x1000, optional + 20)
        put32(0x1000, optional + 32)
        put32(0x200, optional + 36)
        put32(0x2000, optional + 56)
        put32(0x200, optional + 60)
        // IMAGE_SUBSYSTEM_EFI_APPLICATION; sixteen data directories, all of them empty.
        put16(10, optional + 68)
        put32(16, optional + 108)
        let section = optional + 240
        put(Array(".text".utf8), section)
        put32(UInt32(body.count), section + 8)
        put32(0x1000, section + 12)
        put32(0x200, section + 16)
        put32(0x200, section + 20)
        // Code, to be executed and read.
        put32(0x6000_0020, section + 36)
        put(body, 0x200)
        return file
    }
}
