import Glibc
import Hypervisor
import Testing

@testable import Devices

@Suite("A flash's file")
struct FlashFileTests {
    private static let byteCount = FlashBench.byteCount
    private static let flashByteCount = UInt64(byteCount)

    @Test("What a guest writes is in the file, and there again for the next machine")
    func lasts() throws {
        let disk = try TemporaryDisk(byteCount: Self.byteCount)
        disk.write([1, 2, 3, 4], at: 0x40)
        for round in 0..<2 {
            let memory = try GuestMemory(
                ram: [0x4000_0000..<0x4000_1000], rom: [0..<UInt64(Self.byteCount)])
            let file = try FlashFile(path: disk.path, use: .variables, flashByteCount: Self.flashByteCount)
            let rom = memory.roms[0]
            try file.load(into: rom)
            #expect(rom.read(offset: 0x40, count: 4) == [1, 2, 3, 4])
            #expect(rom.read(offset: 0x40000, count: 4) == (round == 0 ? [0, 0, 0, 0] : [0xFF, 0xFF, 0xFF, 0xFE]))
            let flash = CFIFlash(rom: rom, storage: file)
            for (offset, value) in [(0x40000, 0x20_0020), (0x40000, 0xD0_00D0), (0x40003, 0x40), (0x40003, 0xFE)] {
                flash.write(offset: UInt64(offset), size: offset == 0x40003 ? 1 : 4, value: UInt64(value), cpu: 0)
            }
            try flash.flush()
        }
        #expect(disk.read(at: 0x40000, count: 4) == [0xFF, 0xFF, 0xFF, 0xFE])
        #expect(disk.read(at: 0x7FFFC, count: 4) == [0xFF, 0xFF, 0xFF, 0xFF])
    }

    @Test("Variables are one machine's, code is for any number")
    func locks() throws {
        let disk = try TemporaryDisk(byteCount: Self.byteCount)
        func open(_ use: FlashFile.Use) throws -> FlashFile {
            try FlashFile(path: disk.path, use: use, flashByteCount: Self.flashByteCount)
        }
        do {
            let first = try open(.variables)
            #expect(throws: FlashFileError.locked(path: disk.path)) { try open(.variables) }
            #expect(first.path == disk.path)
        }
        let one = try open(.code)
        let other = try open(.code)
        #expect(one.path == other.path)
        #expect(throws: FlashFileError.locked(path: disk.path)) { try open(.variables) }
    }

    @Test("Variables have the size of the flash; code may be shorter, but not empty, nor longer")
    func sizes() throws {
        func error(_ use: FlashFile.Use, _ byteCount: Int) throws -> FlashFileError? {
            let disk = try TemporaryDisk(byteCount: byteCount)
            do throws(FlashFileError) {
                _ = try FlashFile(path: disk.path, use: use, flashByteCount: Self.flashByteCount)
                return nil
            } catch {
                guard case .size(_, let found, Self.flashByteCount) = error, found == byteCount else { throw error }
                return error
            }
        }
        for (use, byteCount, fits) in [
            (.variables, Self.byteCount, true), (.variables, Self.byteCount - 1, false),
            (.variables, Self.byteCount + 1, false), (.variables, 0, false), (.code, 0, false), (.code, 1, true),
            (.code, Self.byteCount, true), (.code, Self.byteCount + 1, false),
        ] as [(FlashFile.Use, Int, Bool)] {
            #expect(try (error(use, byteCount) == nil) == fits, "\(use) \(byteCount)")
        }
    }

    @Test("What is no file is refused with a word of what it is")
    func foreign() throws {
        #expect(throws: FlashFileError.notFound(path: "/nowhere/at/all")) {
            try FlashFile(path: "/nowhere/at/all", use: .code, flashByteCount: Self.flashByteCount)
        }
        for path in ["/", "/dev/null"] {
            #expect(throws: FlashFileError.notRegular(path: path)) {
                try FlashFile(path: path, use: .code, flashByteCount: Self.flashByteCount)
            }
        }
    }
}
