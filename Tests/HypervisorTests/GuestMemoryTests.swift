// Where guest memory is, compared with what a simple list says; and who hears of writes.

import Hypervisor
import Synchronization
import Testing

@Suite("Guest memory")
struct GuestMemoryTests {
    private static let page: UInt64 = 0x1000
    private static let end: PhysicalAddress = 1 << 48

    /// Remembers what it is told.
    private final class Observer: GuestMemoryObserver {
        struct Heard {
            var writes: [Range<PhysicalAddress>] = []
            /// What was at the end of each write when it was heard of.
            var lastBytes: [UInt8?] = []
            var modes: [(Range<PhysicalAddress>, GuestROM.Mode)] = []
        }
        let heard = Mutex(Heard())
        private unowned let memory: GuestMemory

        init(_ memory: GuestMemory) { self.memory = memory }

        var writes: [Range<PhysicalAddress>] { heard.withLock(\.writes) }

        func memoryWasWritten(_ range: Range<PhysicalAddress>) {
            heard.withLock {
                $0.writes.append(range)
                let last = memory.contents(at: range.upperBound - 1, count: 1)
                $0.lastBytes.append(last?.load(as: UInt8.self))
            }
        }
        func romChangedMode(_ rom: GuestROM) { heard.withLock { $0.modes.append((rom.range, rom.mode)) } }
    }

    @Test("RAM in two regions is RAM in both, and nothing in between")
    func hole() throws {
        let memory = try GuestMemory(ram: [0x1_0000..<0x2_0000, 0x8_0000..<0x9_0000])
        for address: PhysicalAddress in [0x1_0000, 0x1_FFF8, 0x8_0000, 0x8_FFF8] {
            #expect(memory.store(address ^ 0x5555, at: address))
        }
        for address: PhysicalAddress in [0x1_0000, 0x1_FFF8, 0x8_0000, 0x8_FFF8] {
            #expect(memory.load(at: address) == address ^ 0x5555)
        }
        for address: PhysicalAddress in [0, 0xFFF8, 0xFFFC, 0x1_FFFC, 0x2_0000, 0x7_FFF8, 0x7_FFFC, 0x8_FFFC, 0x9_0000]
        {
            #expect(memory.load(UInt64.self, at: address) == nil)
            #expect(!memory.store(UInt64(0), at: address))
            #expect(!memory.contains(address, count: 8))
        }
        #expect(memory.byteCount == 0x2_0000)
    }

    @Test("Regions that touch are one, whatever the order in which they are given")
    func touching() throws {
        let memory = try GuestMemory(ram: [0x3_0000..<0x4_0000, 0x1_0000..<0x2_0000, 0x2_0000..<0x3_0000])
        #expect(memory.ram == [0x1_0000..<0x4_0000])
        #expect(memory.store(UInt64.max, at: 0x1_FFFC))
        #expect(memory.contains(0x1_0000, count: 0x3_0000))
        #expect(!memory.contains(0x1_0000, count: 0x3_0001))
    }

    /// Why a layout cannot be, or nil if it can.
    private func refusal(
        ram: [Range<PhysicalAddress>], rom: [Range<PhysicalAddress>] = []
    ) -> GuestMemoryError? {
        do throws(GuestMemoryError) {
            _ = try GuestMemory(ram: ram, rom: rom)
            return nil
        } catch { return error }
    }

    @Test("Regions that overlap are refused, whatever they are")
    func overlap() {
        let one: Range<PhysicalAddress> = 0x1_0000..<0x2_0000
        for other: Range<PhysicalAddress> in [
            one, 0x0..<0x1_1000, 0x1_F000..<0x3_0000, 0x1_4000..<0x1_5000, 0x0..<0x10_0000,
        ] {
            for refusal in [
                refusal(ram: [one, other]), refusal(ram: [other, one]), refusal(ram: [one], rom: [other]),
                refusal(ram: [0x100_0000..<0x200_0000], rom: [one, other]),
            ] {
                guard case .overlap(let first, let second) = refusal else {
                    Issue.record("\(other) is allowed, or refused for another reason: \(String(describing: refusal))")
                    continue
                }
                #expect(Set([first, second]) == Set([one, other]))
            }
        }
        #expect(refusal(ram: [one], rom: [0x0..<0x1_0000, 0x2_0000..<0x3_0000]) == nil)
    }

    @Test("A region that is empty, not of whole pages, or behind the last address is refused")
    func unusable() {
        for range: Range<PhysicalAddress> in [
            0x1_0000..<0x1_0000, 0x1_0000..<0x1_0800, 0x1_0800..<0x2_0000, Self.end - Self.page..<Self.end + Self.page,
            Self.end..<Self.end + Self.page, 0..<UInt64.max, UInt64.max & ~0xFFF..<UInt64.max,
        ] {
            for refusal in [refusal(ram: [range]), refusal(ram: [0x40_0000..<0x50_0000], rom: [range])] {
                guard case .unusableRegion(range) = refusal else {
                    Issue.record("\(range) is allowed, or refused for another reason: \(String(describing: refusal))")
                    continue
                }
            }
        }
        for (base, byteCount): (UInt64, UInt64) in [(0, 0), (0x1000, 0), (UInt64.max, 1), (0x1000, .max), (0, .max)] {
            #expect(throws: GuestMemoryError.self) { try GuestMemory(base: base, byteCount: byteCount) }
        }
    }

    @Test("The last page below 2^48 is memory, and no address or size leads around the end to it")
    func lastPage() throws {
        let last = Self.end - Self.page
        for memory in [
            try GuestMemory(ram: [last..<Self.end]), try GuestMemory(ram: [0x1000..<0x9000, last..<Self.end]),
            try GuestMemory(ram: [0x1000..<0x2000], rom: [last..<Self.end]),
        ] {
            #expect(memory.contents(at: last, count: Self.page) != nil)
            #expect(memory.contents(at: Self.end - 8, count: 8) != nil)
            for (address, count): (UInt64, UInt64) in [
                (Self.end - 8, 9), (Self.end - 8, .max), (Self.end, 1), (last, .max), (last, 0 &- last),
                (last | 1 << 48, 8), (last | 1 << 63, 8), (0 &- Self.page, 8), (.max, 1), (.max, 2), (.max, .max),
                (0, .max), (0x1000, .max), (0x1000, 0 &- 0x1000),
            ] {
                #expect(memory.contents(at: address, count: count) == nil, "\(address) \(count)")
                #expect(memory.pointer(at: address, count: count) == nil, "\(address) \(count)")
            }
        }
    }

    /// A layout of up to eight regions that do not touch, of one to four pages each; some are ROM.
    private func randomLayout(
        _ random: inout RepeatableGenerator
    ) -> (ram: [Range<PhysicalAddress>], rom: [Range<PhysicalAddress>]) {
        var layout: (ram: [Range<PhysicalAddress>], rom: [Range<PhysicalAddress>]) = ([], [])
        var next: UInt64 = UInt64.random(in: 0..<4, using: &random) * Self.page
        for index in 0..<Int.random(in: 1...8, using: &random) {
            let range = next..<next + UInt64.random(in: 1...4, using: &random) * Self.page
            if index == 0 || Bool.random(using: &random) { layout.ram.append(range) } else { layout.rom.append(range) }
            next = range.upperBound + UInt64.random(in: 1...4, using: &random) * Self.page
        }
        layout.ram.shuffle(using: &random)
        return layout
    }

    @Test("Every lookup says what a list of the regions says, and each byte of memory has one place")
    func lookups() throws {
        var random = RepeatableGenerator(state: 48)
        for _ in 0..<300 {
            let layout = randomLayout(&random)
            let memory = try GuestMemory(ram: layout.ram, rom: layout.rom)
            let deviceROMs = memory.roms.filter { _ in Bool.random(using: &random) }
            for rom in deviceROMs { rom.setMode(.device) }
            var hostOf: [UInt64: UnsafeRawPointer] = [:]
            for _ in 0..<300 {
                let address = UInt64.random(in: 0..<0x4_0000, using: &random)
                let count = UInt64.random(in: 0..<0x2400, using: &random)
                func holds(_ range: Range<PhysicalAddress>) -> Bool {
                    range.contains(address) && address + count <= range.upperBound
                }
                // Nothing is everywhere; only what has bytes is asked for.
                guard count > 0 else { continue }
                let isRAM = layout.ram.contains(where: holds)
                let rom = layout.rom.first(where: holds)
                let isReadable = isRAM || rom.map { range in !deviceROMs.contains { $0.range == range } } == true
                #expect(memory.contains(address, count: count) == isRAM)
                #expect((memory.pointer(at: address, count: count) != nil) == isRAM)
                #expect((memory.contents(at: address, count: count) != nil) == isReadable)
                #expect((memory.read(at: address, count: Int(count)) != nil) == isReadable)
                #expect((memory.pageNumber(of: address) != nil) == (memory.code(at: address) != nil))
                if let page = memory.pageNumber(of: address) {
                    #expect(memory.address(ofPage: page) == address & ~0xFFF)
                    #expect((0..<memory.pageCount).contains(page))
                    let host = try #require(memory.code(at: address & ~0xFFF))
                    #expect(hostOf[UInt64(page), default: host] == host)
                    hostOf[UInt64(page)] = host
                }
            }
            let pages = (layout.ram + layout.rom).flatMap { stride(from: $0.lowerBound, to: $0.upperBound, by: 0x1000) }
            #expect(memory.pageCount == pages.count)
            #expect(Set(pages.compactMap(memory.pageNumber)) == Set(0..<pages.count))
            // No two pages are one in the host.
            for (number, page) in pages.enumerated() where layout.ram.contains(where: { $0.contains(page) }) {
                memory.store(UInt64(number), at: page)
            }
            for (number, page) in pages.enumerated() where layout.ram.contains(where: { $0.contains(page) }) {
                #expect(memory.load(at: page) == UInt64(number))
            }
        }
    }

    @Test("Who observes hears of each write of a device's, once it is in memory, and of nothing that failed")
    func observer() throws {
        let memory = try GuestMemory(ram: [0x1_0000..<0x2_0000, 0x8_0000..<0x9_0000], rom: [0x4_0000..<0x5_0000])
        let observer = Observer(memory)
        memory.observer = observer
        memory.store(UInt32(0x0900_0000), at: 0x1_0FFE)
        memory.write([1, 2, 3], at: 0x8_FFFD)
        memory.didWrite(at: 0x8_0000, count: 0x1_0000)
        #expect(observer.writes == [0x1_0FFE..<0x1_1002, 0x8_FFFD..<0x9_0000, 0x8_0000..<0x9_0000])
        memory.store(UInt32(1), at: 0x1_FFFE)
        memory.write([1, 2, 3, 4], at: 0x8_FFFD)
        memory.write([], at: 0x1_0000)
        memory.didWrite(at: 0x8_0000, count: 0x1_0001)
        memory.didWrite(at: 0x1_0000, count: 0)
        memory.store(UInt32(1), at: 0x4_0000)
        #expect(observer.writes.count == 3)
        memory.roms[0].write([5], offset: 0xFFFF)
        #expect(observer.writes.last == 0x4_FFFF..<0x5_0000)
        #expect(!memory.roms[0].write([1, 2], offset: 0xFFFF))
        #expect(!memory.roms[0].write([], offset: 0x1_0001))
        #expect(!memory.roms[0].write([1], offset: .max))
        #expect(observer.writes.count == 4)
        #expect(observer.heard.withLock(\.lastBytes) == [9, 3, 3, 5])
        memory.roms[0].setMode(.memory)
        memory.roms[0].setMode(.device)
        memory.roms[0].setMode(.device)
        memory.roms[0].setMode(.memory)
        let modes = observer.heard.withLock(\.modes)
        #expect(modes.map(\.0) == [0x4_0000..<0x5_0000, 0x4_0000..<0x5_0000])
        #expect(modes.map(\.1) == [.device, .memory])
    }

    @Test("An observer that is gone is not missed")
    func observerIsGone() throws {
        let memory = try GuestMemory(base: 0x1000, byteCount: 0x1000)
        do {
            let observer = Observer(memory)
            memory.observer = observer
        }
        #expect(memory.observer == nil)
        memory.store(UInt8(1), at: 0x1000)
    }

    @Test("Emptied, all RAM is zero and ROM is as it was")
    func empty() throws {
        let memory = try GuestMemory(ram: [0x1_0000..<0x2_0000, 0x8_0000..<0x9_0000], rom: [0x4_0000..<0x5_0000])
        for address: PhysicalAddress in [0x1_0000, 0x1_FFF8, 0x8_0000, 0x8_FFF8] {
            memory.store(UInt64.max, at: address)
        }
        memory.roms[0].write([7], offset: 5)
        let observer = Observer(memory)
        memory.observer = observer
        memory.empty()
        for address: PhysicalAddress in [0x1_0000, 0x1_FFF8, 0x8_0000, 0x8_FFF8] {
            #expect(memory.load(UInt64.self, at: address) == 0)
        }
        #expect(memory.read(at: 0x4_0005, count: 1) == [7])
        #expect(observer.writes == [0x1_0000..<0x2_0000, 0x8_0000..<0x9_0000])
    }

    @Test("A device reads ROM while it is memory, and writes it never")
    func rom() throws {
        let memory = try GuestMemory(ram: [0x1_0000..<0x2_0000], rom: [0x4_0000..<0x5_0000])
        let rom = memory.roms[0]
        rom.write([1, 2, 3, 4], offset: 0xFFFC)
        #expect(memory.load(at: 0x4_FFFC) == UInt32(0x0403_0201))
        #expect(!memory.store(UInt32(0), at: 0x4_FFFC))
        #expect(!memory.contains(0x4_FFFC, count: 4))
        rom.setMode(.device)
        #expect(memory.load(UInt32.self, at: 0x4_FFFC) == nil)
        #expect(rom.read(offset: 0xFFFC, count: 4) == [1, 2, 3, 4])
        #expect(rom.read(offset: 0xFFFC, count: 5) == nil)
        rom.write([9], offset: 0xFFFC)
        rom.setMode(.memory)
        #expect(memory.load(at: 0x4_FFFC) == UInt32(0x0403_0209))
    }
}
