// What a jump cache holds is listed, so that emptying it leaves nothing.

import Glibc
import Hypervisor
import Testing

@testable import Emulator

@Suite("Jump caches")
struct JumpCacheTests {
    /// A cache by itself, and where its entries are.
    private final class Cache {
        let base: UnsafeMutableRawPointer

        init() {
            base = .allocate(byteCount: JumpCache.byteCount, alignment: 64)
            memset(base, 0, JumpCache.byteCount)
            JumpCache.initialize(base)
        }

        deinit { base.deallocate() }

        func fill(_ address: UInt64, _ mode: BlockMode) {
            let entry = JumpCache.entry(address, mode: mode, in: base)
            (entry[0], entry[1]) = (address, 0x1000)
            JumpCache.Filled.insert(entry, in: base)
        }

        func holds(_ address: UInt64, _ mode: BlockMode) -> Bool {
            JumpCache.entry(address, mode: mode, in: base)[0] == address
        }
    }

    private static let el0 = BlockMode(isEL0: true, stackIsMisaligned: false)
    private static let everywhere = InlineArray<4, JumpCache.Places>(repeating: .init(rawValue: 0xFFFF))
    private static let nowhere = InlineArray<4, JumpCache.Places>(repeating: [])

    @Test("One with few entries loses them without a look at where they could be", arguments: [1, 100, 4095])
    func few(count: Int) {
        let cache = Cache()
        let addresses = (0..<UInt64(count)).map { 0xFFFF_8000_1000_0000 + $0 * 0x1_2344 & ~3 }
        for mode in BlockMode.all { #expect(!cache.holds(0, mode)) }
        for address in addresses { cache.fill(address, BlockMode.all[Int(address >> 2 & 3)]) }
        #expect(cache.holds(addresses[count - 1], BlockMode.all[Int(addresses[count - 1] >> 2 & 3)]))
        JumpCache.empty(cache.base, orElse: Self.nowhere)
        for address in addresses {
            for mode in BlockMode.all { #expect(!cache.holds(address, mode)) }
        }
        #expect(JumpCache.Filled.numbers(in: cache.base)?.isEmpty == true)
    }

    @Test("One with more entries than are listed loses them where it is said to have some, and lists again")
    func many() {
        let cache = Cache()
        for number in 0..<UInt64(JumpCache.Filled.limit) { cache.fill(0x4000_0000 + number * 4, Self.el0) }
        #expect(JumpCache.Filled.numbers(in: cache.base) == nil)
        JumpCache.empty(cache.base, orElse: Self.everywhere)
        for number in 0..<UInt64(JumpCache.Filled.limit) { #expect(!cache.holds(0x4000_0000 + number * 4, Self.el0)) }
        cache.fill(0x4000_0000, Self.el0)
        #expect(JumpCache.Filled.numbers(in: cache.base)?.count == 1)
    }

    /// A guest can put any address into its PC, 0 as well: no empty entry may answer for one.
    @Test("The first entry of each part is empty for address 0, too", arguments: [0, 1, 2, 3])
    func first(mode: Int) {
        let (cache, mode) = (Cache(), BlockMode.all[mode])
        cache.fill(0, mode)
        #expect(cache.holds(0, mode))
        JumpCache.empty(cache.base, orElse: Self.nowhere)
        #expect(!cache.holds(0, mode))
    }

    @Test("Whatever both engines put into one is listed", .everyEngine)
    func listed() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let window: UInt64 = 0x0000_5555_4003_5000
        // Functions on pages of their own, called in turn, and often enough to be translated.
        for number in 0..<8 {
            let page = SystemMachine.Layout.free + UInt64(number) << 12
            machine.load([.movz(.x7, number), .ret], at: page)
            tables.map(window + UInt64(number) << 12, to: page, .code)
        }
        let calls: [A64] = [
            .blr(.x1), .add(.x1, .x1, .x2), .sub(.x6, .x6, 1), .cbnz(.x6, -3),
            .add(.x1, .x1, .x3), .movz(.x6, 8), .sub(.x5, .x5, 1), .cbnz(.x5, -7), .hvc(1),
        ]
        #expect(
            try machine.run(calls, [.x1: window, .x2: 0x1000, .x3: 0 &- 0x8000, .x5: 200, .x6: 8]) == .call(1))
        let cache = machine.vm.cpus[0].context.jumpCache
        let listed = Set(try #require(JumpCache.Filled.numbers(in: cache)))
        #expect(listed.count >= 8)
        for number in 0..<JumpCache.partsByteCount / JumpCache.entryByteCount {
            let entry = (cache + number * JumpCache.entryByteCount).assumingMemoryBound(to: UInt64.self)
            let isFilled = entry[0] != 0 && entry[0] != ~0
            #expect(!isFilled || listed.contains(UInt32(number)), "entry \(number)")
        }
    }
}
