import Hibernation
import Testing

@Suite("Hibernation images")
struct HibernationImageTests {
    @Test("A hibernated swap area is found, and its header is read", arguments: [4096, 16384, 65536])
    func found(pageSize: Int) throws {
        let disk = try TestDisk(swapPageSize: pageSize)
        disk.hibernate(
            pageSize: pageSize, hwSig: 0xC0FF_EE01, crc32: 0x1234_5678, image: 0x0123_4567_89AB, flags: 4 | 8)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.pageSize == pageSize)
        #expect(image.swapAreaOffset == 0)
        #expect(image.hardwareSignature == 0xC0FF_EE01)
        #expect(image.checksum == 0x1234_5678)
        #expect(image.firstSector == 0x0123_4567_89AB)
        #expect(image.flags == [.crc32Mode, .hwSig])
        #expect(image.originalSignature == .swapSpace2)
    }

    @Test("The fields of a 4 KiB header are where Linux puts them")
    func layout() throws {
        let disk = try TestDisk()
        disk.write(littleEndian(UInt32(0xAABB_CCDD)), at: 4056)
        disk.write(littleEndian(UInt32(7)), at: 4060)
        disk.write(littleEndian(UInt64(2)), at: 4064)
        disk.write(littleEndian(UInt32(8 + 2)), at: 4072)
        disk.write(Array("SWAP-SPACE".utf8), at: 4076)
        disk.write(Array("S1SUSPEND\0".utf8), at: 4086)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.hardwareSignature == 0xAABB_CCDD)
        #expect(image.checksum == nil)
        #expect(image.firstSector == 2)
        #expect(image.flags == [.hwSig, .noCompressMode])
        #expect(image.originalSignature == .swapSpace)
    }

    @Test("Signature and checksum are absent without their flags")
    func withoutFlags() throws {
        let disk = try TestDisk(swapPageSize: 4096)
        disk.hibernate(pageSize: 4096, hwSig: 1, crc32: 2, image: 3, flags: 0)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.hardwareSignature == nil)
        #expect(image.checksum == nil)
        #expect(image.flags == [])
    }

    @Test("Swap without an image is no image", arguments: [4096, 16384, 65536])
    func plainSwap(pageSize: Int) throws {
        let disk = try TestDisk(swapPageSize: pageSize)
        #expect(disk.read(at: pageSize - 10, count: 10) == Array("SWAPSPACE2".utf8))
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test(
        "A page is marked as an image's if it was swap's, and nothing but hibernation's fields is new",
        arguments: ["SWAPSPACE2", "SWAP-SPACE"])
    func marked(signature: String) throws {
        let disk = try TestDisk(swapPageSize: 4096)
        disk.write(Array(signature.utf8), at: 4086)
        let before = disk.read(at: 0, count: 4096)
        disk.hibernate(pageSize: 4096, hwSig: 1, crc32: 2, image: 3, flags: 8)
        let after = disk.read(at: 0, count: 4096)
        #expect(HibernationImage.isMarked(before: before, after: after))
        // Neither what was no swap, nor an image before, nor swap still.
        let nothing = [UInt8](repeating: 0, count: 4096)
        for (old, new) in [(nothing, after), (after, after), (before, before), (before, nothing), (after, before)] {
            #expect(!HibernationImage.isMarked(before: old, after: new))
        }
        // Another swap area's header, and one that has not what it was.
        for place in [1052, 4055, 4076, 4085] {
            var other = after
            other[place] ^= 1
            #expect(!HibernationImage.isMarked(before: before, after: other), "\(place)")
        }
        #expect(!HibernationImage.isMarked(before: [], after: []))
        #expect(!HibernationImage.isMarked(before: before, after: Array(after.dropFirst())))
    }

    @Test("In the middle of a disk, a page without swap's own signature is no header, wherever it was seen")
    func elsewhere() throws {
        let disk = try TestDisk(byteCount: 1 << 20)
        var selection = SwapSelection.all
        selection.headerEnds = [8192]
        disk.write(Array("S1SUSPEND\0".utf8), at: 8192 - 10)
        #expect(try HibernationImage.find(onDiskAt: disk.path, selection) == nil)
        disk.write(Array("S1SUSPEND\0".utf8), at: 8192 - 20)
        #expect(try HibernationImage.find(onDiskAt: disk.path, selection) == nil)
        disk.write(Array("SWAPSPACE2".utf8), at: 8192 - 20)
        #expect(try HibernationImage.find(onDiskAt: disk.path, selection)?.swapAreaOffset == 4096)
        // Where swap begins, the kernel looks at nothing else.
        disk.write(Array("S1SUSPEND\0".utf8), at: 4096 - 10)
        #expect(try HibernationImage.find(onDiskAt: disk.path)?.swapAreaOffset == 0)
    }

    @Test("A resumed or discarded image is no image")
    func resumed() throws {
        let disk = try TestDisk(swapPageSize: 4096)
        disk.hibernate(pageSize: 4096, hwSig: 1, crc32: 2, image: 3, flags: 8)
        disk.write(disk.read(at: 4076, count: 10), at: 4086)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test(
        "A disk that is no swap area, or too small for one, has no image",
        arguments: [0, 1, 4095, 4096, 65535, 1 << 20])
    func noSwap(byteCount: Int) throws {
        let disk = try TestDisk(byteCount: byteCount)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test("A signature that is not exactly the kernel's is none")
    func nearlySignatures() throws {
        let disk = try TestDisk()
        for text in ["S1SUSPENDx", "S1SUSPEN\0\0", "s1suspend\0", "\0S1SUSPEND"] {
            disk.write(Array(text.utf8), at: 4086)
            #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
        }
        // In the right place for no page size.
        disk.write([UInt8](repeating: 0, count: 10), at: 4086)
        disk.write(Array("S1SUSPEND\0".utf8), at: 8192 - 10)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
    }

    @Test("A hostile header is reported as it is")
    func hostile() throws {
        let disk = try TestDisk(byteCount: 65536)
        disk.write([UInt8](repeating: 0xFF, count: 65536), at: 0)
        disk.write(Array("S1SUSPEND\0".utf8), at: 65526)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.pageSize == 65536)
        #expect(image.firstSector == UInt64.max)
        #expect(image.flags.rawValue == UInt32.max)
        #expect(image.hardwareSignature == UInt32.max)
        #expect(image.originalSignature == nil)
    }

    @Test("A disk that cannot be read is an error that says so")
    func unreadable() throws {
        for path in ["/nonexistent/disk.img", "/tmp"] {
            let error = #expect(throws: RawDiskError.self) { try HibernationImage.find(onDiskAt: path) }
            #expect(error?.description.contains(path) == true)
            #expect(error?.description.contains("check") == true)
        }
    }
}
