import Hypervisor
import Synchronization
import Testing

@testable import Devices

@Suite("NOR flash")
struct CFIFlashTests {
    private static let ready: UInt32 = 0x80_0080
    private static let programFailed: UInt32 = 0x10_0010
    private static let eraseFailed: UInt32 = 0x20_0020
    private static let locked: UInt32 = 0x02_0002

    @Test("It is memory until a command asks for something else, and again after Read Array and after a reset")
    func modes() throws {
        let bench = try FlashBench()
        #expect(bench.rom.mode == .memory)
        for code in [0x90, 0x98, 0x70] as [UInt32] {
            bench.command(code)
            #expect(bench.rom.mode == .device)
            bench.command(0xFF)
            #expect(bench.rom.mode == .memory)
        }
        bench.command(0x90)
        bench.flash.reset()
        #expect(bench.rom.mode == .memory)
    }

    @Test("Both chips say who they are, and whether a block is locked")
    func identity() throws {
        let bench = try FlashBench()
        bench.command(0x90)
        #expect(bench.load(0) == 0x89_0089)
        #expect(bench.load(4) == 0x18_0018)
        #expect(bench.load(CFIFlash.blockByteCount + 8) == 0)
        let code = try FlashBench(isWritable: false)
        code.command(0x90)
        #expect(code.load(8) == 0x01_0001)
    }

    @Test("The query table says the Intel command set, the size of a chip, its blocks and its buffer")
    func query() throws {
        let bench = try FlashBench()
        bench.command(0x98, at: 0x55 * 4)
        func entry(_ index: Int) -> UInt32 {
            let word = bench.load(index * 4)
            #expect(word >> 16 == word & 0xFFFF)
            return word & 0xFFFF
        }
        #expect((0x10..<0x13).map(entry) == "QRY".utf8.map(UInt32.init))
        #expect(entry(0x13) | entry(0x14) << 8 == 1)
        #expect(1 << entry(0x27) == FlashBench.byteCount / 2)
        // Bytes of the buffer of a chip: half of 32 words of 4.
        #expect(1 << entry(0x2A) == 64)
        #expect(entry(0x2C) == 1)
        let blocks = entry(0x2D) | entry(0x2E) << 8
        let blockSize = entry(0x2F) | entry(0x30) << 8
        #expect(blocks + 1 == 2)
        #expect(Int(blockSize) * 256 == CFIFlash.blockByteCount / 2)
        let extended = Int(entry(0x15) | entry(0x16) << 8)
        #expect((extended..<extended + 3).map(entry) == "PRI".utf8.map(UInt32.init))
    }

    @Test("An erase sets all bits of its block and of no other")
    func erase() throws {
        let bench = try FlashBench()
        #expect(bench.erase(CFIFlash.blockByteCount + 0x1000) == Self.ready)
        #expect(bench.array(CFIFlash.blockByteCount - 4) == 0)
        #expect(bench.array(CFIFlash.blockByteCount) == .max)
        #expect(bench.array(FlashBench.byteCount - 4) == .max)
        try bench.flash.flush()
        #expect(bench.storage.state.withLock { $0.contents[CFIFlash.blockByteCount...].allSatisfy { $0 == 0xFF } })
        // Nothing to do is not done.
        bench.erase(CFIFlash.blockByteCount)
        try bench.flash.flush()
        #expect(bench.storage.state.withLock(\.writes) == 1)
    }

    @Test("A program clears bits and sets none, by word and by buffer")
    func program() throws {
        let bench = try FlashBench()
        bench.erase(0)
        #expect(bench.program([0x1122_3344, 0x5566_7788], at: 0x100) == Self.ready)
        #expect(bench.array(0x100) == 0x1122_3344)
        #expect(bench.array(0x104) == 0x5566_7788)
        #expect(bench.array(0x108) == .max)
        for code in [0x40, 0x10] as [UInt32] {
            bench.command(code, at: 0x200)
            bench.store(0xFFFF_0F0F, at: 0x200)
        }
        #expect(bench.load(0x200) == Self.ready)
        bench.command(0x40, at: 0x100)
        bench.store(0xFF00_FFFF, at: 0x100)
        bench.command(0xFF)
        #expect(bench.array(0x200) == 0xFFFF_0F0F)
        #expect(bench.array(0x100) == 0x1100_3344)
        try bench.flash.flush()
        #expect(bench.storage.state.withLock { Array($0.contents[0x100..<0x104]) } == [0x44, 0x33, 0x00, 0x11])
    }

    @Test("What is written lasts before the guest can find it")
    func order() throws {
        let bench = try FlashBench()
        bench.erase(0)
        try bench.flash.flush()
        bench.program([1], at: 0)
        #expect(bench.storage.state.withLock(\.romDuringWrite) == [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(bench.array(0) == 1)
    }

    @Test("What the host cannot keep is not written, and the guest is told until it clears the status")
    func failure() throws {
        let bench = try FlashBench()
        bench.erase(0)
        try bench.flash.flush()
        bench.storage.state.withLock { $0.fails = true }
        #expect(bench.program([1], at: 0) == Self.ready | Self.programFailed)
        #expect(bench.array(0) == .max)
        bench.command(0x50)
        bench.command(0x70)
        #expect(bench.load(0) == Self.ready)
        bench.storage.state.withLock { $0.fails = false }
        bench.program([1], at: 0)
        #expect(bench.array(0) == 1)
    }

    @Test("A bank that may not be written says so, and stays")
    func readOnly() throws {
        let bench = try FlashBench(isWritable: false)
        bench.rom.write([1, 2, 3, 4], offset: 0)
        #expect(bench.erase(0) == Self.ready | Self.eraseFailed | Self.locked)
        bench.command(0x50)
        #expect(bench.program([0], at: 0) == Self.ready | Self.programFailed | Self.locked)
        #expect(bench.array(0) == 0x0403_0201)
    }

    @Test("A sequence that is none changes nothing and is told; one that is left is not")
    func sequences() throws {
        let bench = try FlashBench()
        let error = Self.ready | Self.eraseFailed | Self.programFailed
        bench.erase(0)
        try bench.flash.flush()
        let writes = bench.storage.state.withLock(\.writes)
        for sequence in [
            [0x20, 0x70], [0x60, 0x33], [0xE8, 0, 0, 0x70], [0xE8, 32],
        ] as [[UInt32]] {
            for code in sequence { bench.command(code) }
            #expect(bench.load(0) == error, "\(sequence)")
            bench.command(0x50)
            #expect(bench.load(0) == Self.ready)
        }
        // A buffer that leaves its block.
        bench.command(0xE8, at: 0)
        bench.command(0, at: 0)
        bench.store(0, at: CFIFlash.blockByteCount)
        bench.command(0xD0, at: 0)
        #expect(bench.load(0) == error)
        bench.command(0x50)
        for sequence in [[0x20, 0xFF], [0x60, 0xFF], [0xE8, 0, 0, 0xFF], [0x60, 0xD0], [0x60, 0x01]] as [[UInt32]] {
            for code in sequence { bench.command(code) }
            bench.command(0x70)
            #expect(bench.load(0) == Self.ready, "\(sequence)")
        }
        #expect(bench.storage.state.withLock(\.writes) == writes)
    }

    @Test(
        "Once its power is cut, so much of that write lasts as was said, and nothing that follows",
        arguments: [0, 3, 4, 100])
    func powerCut(byteCount: Int) throws {
        let bench = try FlashBench()
        let cuts = Mutex(0)
        let storage = FailingFlashStorage(bench.storage, fault: FlashFault(write: 3, byteCount: byteCount)) {
            cuts.withLock { $0 += 1 }
        }
        let flash = CFIFlash(rom: bench.rom, storage: storage)
        func store(_ values: [UInt32], at offset: Int) {
            for value in values { flash.write(offset: UInt64(offset), size: 4, value: UInt64(value), cpu: 0) }
        }
        store([0x20_0020, 0xD0_00D0], at: 0)
        try flash.flush()
        store([0x40_0040, 0x1111_1111], at: 0)
        #expect(cuts.withLock(\.self) == 0)
        store([0x40_0040, 0x2222_2222], at: 8)
        #expect(cuts.withLock(\.self) == 1)
        store([0x40_0040, 0x3333_3333], at: 16)
        #expect(cuts.withLock(\.self) == 1)
        let contents = bench.storage.state.withLock(\.contents)
        #expect(Array(contents[0..<4]) == [0x11, 0x11, 0x11, 0x11])
        #expect(Array(contents[8..<12]) == (0..<4).map { $0 < byteCount ? 0x22 : 0xFF })
        #expect(Array(contents[16..<20]) == [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(flash.read(offset: 0, size: 1, cpu: 0) == 0x90)
    }

    @Test("Whatever a guest does, the contents are those that last", arguments: [1, 2, 3, 4] as [UInt64])
    func hostile(seed: UInt64) throws {
        let bench = try FlashBench()
        var random = SeededGenerator(state: seed)
        let codes: [UInt64] = [0xFF, 0x90, 0x98, 0x70, 0x50, 0x40, 0x10, 0xE8, 0x20, 0x60, 0xD0, 0x01, 0x00]
        let offsets: [UInt64] = [0, 2, 7, 0x3FFFC, 0x3FFFF, 0x40000, 0x7FFF8, 0x7FFFF, 0x80000, .max]
        for _ in 0..<3000 {
            let offset = offsets[Int(random.next() % UInt64(offsets.count))]
            let size = 1 << Int(random.next() % 4)
            if random.next() % 4 == 0 {
                _ = bench.flash.read(offset: offset, size: size, cpu: 0)
            } else {
                let code = codes[Int(random.next() % UInt64(codes.count))]
                let value = random.next() % 8 == 0 ? random.next() : code << 16 | code
                bench.flash.write(offset: offset, size: size, value: value, cpu: 0)
            }
        }
        try bench.flash.flush()
        let contents = bench.rom.read(offset: 0, count: FlashBench.byteCount)
        #expect(bench.storage.state.withLock { $0.contents == contents })
        #expect(bench.storage.state.withLock(\.writes) > 0)
    }
}
