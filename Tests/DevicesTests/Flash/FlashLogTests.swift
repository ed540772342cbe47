// The log of what is written to a flash, and what a power cut leaves of it.

import Glibc
import Hypervisor
import Synchronization
import Testing

@testable import Devices

@Suite("The log of a flash")
struct FlashLogTests {
    /// A driver at work: both blocks are erased, which is stored then, and programmed by word and by buffer.
    private static func work(_ bench: FlashBench, _ flash: CFIFlash) {
        func store(_ value: UInt32, at offset: Int) {
            flash.write(offset: UInt64(offset), size: 4, value: UInt64(value), cpu: 0)
        }
        for block in [0, CFIFlash.blockByteCount] {
            store(0x20_0020, at: block)
            store(0xD0_00D0, at: block)
            try? flash.flush()
            for index in 0..<4 {
                store(0x40_0040, at: block + 12 * index)
                store(0x0102_0304 &* UInt32(index + 1), at: block + 12 * index)
            }
            store(0xE8_00E8, at: block + 0x100)
            store(0x07_0007, at: block + 0x100)
            for index in 0..<8 { store(0xA0B0_C0D0 &+ UInt32(index), at: block + 0x100 + 4 * index) }
            store(0xD0_00D0, at: block + 0x100)
        }
    }

    @Test("What the log says that a power cut leaves is what the laboratory leaves of that write, byte for byte")
    func equalsCut() throws {
        let directory = try TemporaryDisk(sectors: 1)
        let path = directory.directory + "/log"
        defer { unlink(path) }
        let laboratory = DiskLaboratory([:], log: try DiskLogWriter(path: path))
        let recorded = try FlashBench()
        Self.work(recorded, CFIFlash(rom: recorded.rom, storage: laboratory.recording(recorded.storage)))
        let log = try DiskLog(bytes: contents(of: path))
        let initial = [UInt8](repeating: 0, count: FlashBench.byteCount)
        #expect(log.entries.count == 12)
        #expect(log.flash(after: 12, initial: initial) == recorded.storage.state.withLock(\.contents))

        for position in log.entries.indices {
            for torn in [0, 1, 3, 30, 1000] {
                let cut = try FlashBench()
                let failing = FailingFlashStorage(
                    cut.storage, fault: FlashFault(write: UInt64(position + 1), byteCount: torn)
                ) {}
                Self.work(cut, CFIFlash(rom: cut.rom, storage: failing))
                let isSame =
                    cut.storage.state.withLock(\.contents)
                    == log.flash(after: position, tornBytes: torn, initial: initial)
                #expect(isSame, "entry \(position), \(torn) bytes of it")
            }
        }
    }

    @Test("A write that failed is not in the log, and one that lies past the flash changes nothing")
    func failures() throws {
        let directory = try TemporaryDisk(sectors: 1)
        let path = directory.directory + "/log"
        defer { unlink(path) }
        let bench = try FlashBench()
        let storage = DiskLaboratory([:], log: try DiskLogWriter(path: path)).recording(bench.storage)
        bench.storage.state.withLock { $0.fails = true }
        #expect(throws: FlashFileError.self) { try storage.write([1], at: 0) }
        bench.storage.state.withLock { $0.fails = false }
        try storage.write([2, 3], at: 4)
        #expect(try DiskLog(bytes: contents(of: path)).entries == [.flashWrite(offset: 4, bytes: [2, 3])])
        let log = DiskLog(entries: [.flashWrite(offset: .max, bytes: [1]), .flashWrite(offset: 3, bytes: [1, 2])])
        #expect(log.flash(after: 2, initial: [0, 0, 0, 0]) == [0, 0, 0, 1])
        let none = DiskLaboratory([:]).recording(bench.storage)
        #expect(none as AnyObject === bench.storage)
    }

    private func contents(of path: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 2 << 20)
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }
}
