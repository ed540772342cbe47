// A block that is erased and written again, as edk2's driver replaces what is longer than its buffers.

import Bytes
import Hypervisor
import Synchronization
import Testing

@testable import Devices

@Suite("A block of flash that is written anew")
struct ErasedBlockTests {
    private static let byteCount = CFIFlash.blockByteCount
    private static let bufferByteCount = 128
    private static let ready: UInt32 = 0x80_0080

    /// A flash whose first block is stored with something in it: bytes that count.
    private func bench() throws -> (FlashBench, old: [UInt8]) {
        let bench = try FlashBench()
        let old = (0..<Self.byteCount).map { UInt8(truncatingIfNeeded: $0) }
        bench.rom.write(old, offset: 0)
        bench.storage.state.withLock { $0.contents.replaceSubrange(0..<old.count, with: old) }
        return (bench, old)
    }

    /// Programs the block's buffers in that range, in their order.
    private func write(_ new: [UInt8], _ range: Range<Int>, _ bench: FlashBench) {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.bufferByteCount) {
            let words = stride(from: start, to: start + Self.bufferByteCount, by: 4).map {
                UInt32(littleEndianBytes: Array(new[$0..<$0 + 4]))
            }
            #expect(bench.program(words, at: start) == Self.ready)
            bench.command(0xFF)
        }
    }

    private func stored(_ bench: FlashBench) -> [UInt8] {
        bench.storage.state.withLock { Array($0.contents[0..<Self.byteCount]) }
    }

    private func writeCount(_ bench: FlashBench) -> Int { bench.storage.state.withLock(\.writes) }

    @Test("Its old contents last until it is written to its end; then what differs is stored, in one write")
    func whole() throws {
        let (bench, old) = try bench()
        var new = old
        for index in 1000..<1600 { new[index] = 0x5A }
        bench.erase(0)
        #expect(bench.array(1000) == .max)
        write(new, 0..<Self.byteCount - Self.bufferByteCount, bench)
        #expect(bench.array(1000) == 0x5A5A_5A5A)
        #expect(stored(bench) == old && writeCount(bench) == 0)
        write(new, Self.byteCount - Self.bufferByteCount..<Self.byteCount, bench)
        #expect(stored(bench) == new && writeCount(bench) == 1)
        // Bytes 1000 to 1599, of which 1114 and 1370 were 0x5A before.
        #expect(bench.storage.state.withLock(\.lastWrite) == 1000..<1600)
        // From now on a program is stored as it is done.
        #expect(bench.program([0], at: 0) == Self.ready)
        #expect(writeCount(bench) == 2)
    }

    @Test("A cut at any byte of that write leaves what was outside of the change as it was")
    func torn() throws {
        for byteCount in [0, 1, 300, 599] {
            let (bench, old) = try bench()
            var new = old
            for index in 1000..<1600 { new[index] = 0x5B }
            let storage = FailingFlashStorage(bench.storage, fault: FlashFault(write: 1, byteCount: byteCount)) {}
            let flash = CFIFlash(rom: bench.rom, storage: storage)
            func store(_ value: UInt32, _ offset: Int) {
                flash.write(offset: UInt64(offset), size: 4, value: UInt64(value), cpu: 0)
            }
            store(0x20_0020, 0)
            store(0xD0_00D0, 0)
            for start in stride(from: 0, to: Self.byteCount, by: Self.bufferByteCount) {
                store(0xE8_00E8, start)
                store(0x1F_001F, start)
                for offset in stride(from: start, to: start + Self.bufferByteCount, by: 4) {
                    store(UInt32(littleEndianBytes: Array(new[offset..<offset + 4])), offset)
                }
                store(0xD0_00D0, start)
            }
            var expected = old
            let reached = 1000 + byteCount
            expected.replaceSubrange(1000..<reached, with: new[1000..<reached])
            #expect(stored(bench) == expected)
            #expect(flash.read(offset: 0, size: 1, cpu: 0) == 0x90)
            flash.losePower()
            #expect(bench.array(1000) == UInt32(littleEndianBytes: Array(old[1000..<1004])))
        }
    }

    @Test("It is stored before another block is, however far it was written")
    func order() throws {
        let (bench, old) = try bench()
        let new = [UInt8](repeating: 0x11, count: old.count)
        bench.erase(0)
        write(new, 0..<1024, bench)
        #expect(stored(bench) == old)
        #expect(bench.program([0], at: Self.byteCount) == Self.ready)
        var part = [UInt8](repeating: 0xFF, count: old.count)
        part.replaceSubrange(0..<1024, with: new[..<1024])
        #expect(stored(bench) == part)
        // The other block has zeroes already, so that this was the only one.
        #expect(writeCount(bench) == 1)
        bench.erase(0)
        bench.erase(Self.byteCount)
        #expect(stored(bench).allSatisfy { $0 == 0xFF })
        #expect(bench.storage.state.withLock { $0.contents[Self.byteCount...].allSatisfy { $0 == 0 } })
    }

    @Test("One that is left in part is stored when the run ends, or the guest is reset")
    func part() throws {
        let (bench, old) = try bench()
        let new = [UInt8](repeating: 0x11, count: old.count)
        let erased = [UInt8](repeating: 0xFF, count: old.count)
        bench.erase(0)
        write(new, 1024..<2048, bench)
        #expect(stored(bench) == old)
        try bench.flash.flush()
        var part = erased
        part.replaceSubrange(1024..<2048, with: new[1024..<2048])
        #expect(stored(bench) == part)
        bench.erase(0)
        bench.flash.quiesce()
        #expect(stored(bench) == erased)
    }

    @Test("What was erased before need not be written again, and what comes behind it is stored as it comes")
    func upToItsEnd() throws {
        let (bench, old) = try bench()
        let erased = [UInt8](repeating: 0xFF, count: old.count)
        bench.erase(0)
        write(old, 0..<1024, bench)
        try bench.flash.flush()
        var written = erased
        written.replaceSubrange(0..<1024, with: old[..<1024])
        #expect(stored(bench) == written && writeCount(bench) == 1)
        bench.erase(0)
        write(old, 0..<896, bench)
        #expect(stored(bench) == written)
        // The last of them: it differs in nothing, and the next one is stored by itself.
        write(old, 896..<1024, bench)
        #expect(writeCount(bench) == 1)
        write(old, 1024..<1152, bench)
        #expect(bench.storage.state.withLock(\.lastWrite) == 1024..<1152)
        written.replaceSubrange(0..<1152, with: old[..<1152])
        #expect(stored(bench) == written)
    }

    @Test("A word, or a buffer further down, is no part of it: the block is stored first")
    func somethingElse() throws {
        for isWord in [true, false] {
            let (bench, old) = try bench()
            bench.erase(0)
            write(old, 0..<1024, bench)
            if isWord {
                bench.command(0x40, at: 4096)
                bench.store(0x1234_5678, at: 4096)
            } else {
                bench.program([0x1234_5678], at: 512)
            }
            #expect(writeCount(bench) == 2)
            #expect(bench.storage.state.withLock(\.lastWrite) == (isWord ? 4096..<4100 : 512..<516))
            #expect(stored(bench)[..<512] == old[..<512])
        }
    }

    @Test("One that is erased twice, or written with what it had, is what it was")
    func twice() throws {
        let (bench, old) = try bench()
        bench.erase(0)
        write([UInt8](repeating: 0, count: old.count), 0..<2048, bench)
        bench.erase(0)
        write(old, 0..<Self.byteCount, bench)
        #expect(stored(bench) == old && writeCount(bench) == 0)
        bench.erase(Self.byteCount)
        #expect(writeCount(bench) == 0)
    }

    @Test("When the host cannot store it, the guest is told at its last program, and it is tried again")
    func failure() throws {
        let (bench, old) = try bench()
        let new = [UInt8](repeating: 0x11, count: old.count)
        bench.erase(0)
        write(new, 0..<Self.byteCount - Self.bufferByteCount, bench)
        bench.storage.state.withLock { $0.fails = true }
        let last = [UInt32](repeating: 0x1111_1111, count: 32)
        let programFailed: UInt32 = 0x10_0010
        #expect(bench.program(last, at: Self.byteCount - Self.bufferByteCount) == Self.ready | programFailed)
        #expect(throws: FlashFileError.self) { try bench.flash.flush() }
        // Nothing else is written before it.
        bench.command(0x50)
        #expect(bench.erase(Self.byteCount) == Self.ready | 0x20_0020)
        #expect(bench.array(Self.byteCount) == 0)
        #expect(stored(bench) == old)
        bench.storage.state.withLock { $0.fails = false }
        try bench.flash.flush()
        #expect(stored(bench) == new)
    }
}
