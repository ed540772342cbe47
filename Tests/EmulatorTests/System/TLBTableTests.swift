// A table of the software TLB by itself.

import Testing

@testable import Emulator

@Suite("Tables of the software TLB")
struct TLBTableTests {
    private func fill(_ entry: TLBEntry, page: UInt64) {
        entry.readTag = page
        entry.writeTag = TLBEntry.invalidTag
        entry.addend = page &* 3
        entry.info = page | 12
    }

    @Test("A context whose entries displace each other grows, keeps them, and is small again when it is given up")
    func growth() throws {
        let context = TranslationContext()
        let first = context.table(.el0)
        #expect(first.entryCount == TLBGeometry.initialEntryCount)
        // Two addresses with one place, in turn; and one elsewhere.
        let far: UInt64 = 0x7000_0000_3000
        fill(context.entry(.el0, far), page: far)
        context.noteFilled(.el0, far)
        let distance = UInt64(first.entryCount) << TLBGeometry.pageShift
        var turns = 0
        while !context.isCrowded {
            let page = 0x5000_0000_0000 + UInt64(turns % 2) * distance
            let entry = context.entry(.el0, page)
            if turns > 0 { context.keepVictim(entry, .el0) }
            fill(entry, page: page)
            context.noteFilled(.el0, page)
            turns += 1
            try #require(turns < 1_000_000)
        }
        context.grow()
        #expect(!context.isCrowded)
        #expect(context.table(.el0).entryCount > first.entryCount)
        #expect(context.table(.el1).entryCount == first.entryCount)
        let entry = context.entry(.el0, far)
        #expect(entry.readTag == far && entry.addend == far &* 3 && entry.info == far | 12)
        // What shared a place no longer does, and nothing else is there.
        #expect(context.entry(.el0, 0x5000_0000_0000).base != context.entry(.el0, 0x5000_0000_0000 + distance).base)
        #expect(!context.entry(.el0, far + 0x1000).isValid)
        // Emptied while it is large: what is at the place of the small table is no more valid.
        context.invalidateAll()
        #expect(!context.entry(.el0, far).isValid)
        context.startOver()
        #expect(context.table(.el0).base == first.base)
        #expect(!context.entry(.el0, far).isValid)
    }

    @Test("A context grows, too, whose entries take turns by coming back from where the displaced ones are kept")
    func turns() throws {
        let context = TranslationContext()
        let page: UInt64 = 0x5000_0000_0000
        let rival = page + UInt64(TLBGeometry.initialEntryCount) << TLBGeometry.pageShift
        let entry = context.entry(.el0, page)
        fill(entry, page: rival)
        context.keepVictim(entry, .el0)
        fill(entry, page: page)
        var turns = 0
        while !context.isCrowded {
            #expect(context.restoreVictim(entry, .el0, page: turns % 2 == 0 ? rival : page, isWrite: false))
            turns += 1
            try #require(turns < 1_000_000)
        }
        context.grow()
        #expect(context.table(.el0).entryCount > TLBGeometry.initialEntryCount)
    }

    @Test(
        "All that was filled is emptied, and loses its writes, whether it is listed or too much for that",
        arguments: [1, FilledEntries.limit, FilledEntries.limit + 1, 3 * TLBGeometry.initialEntryCount])
    func filled(count: Int) {
        let context = TranslationContext()
        let pages = (0..<count).map { UInt64(0x5000_0000_0000) + UInt64($0) * 5 << TLBGeometry.pageShift }
        // Twice, as after the first time nothing is listed any more.
        for _ in 0..<2 {
            for page in pages {
                let entry = context.entry(.el1, page)
                fill(entry, page: page)
                entry.writeTag = page
                context.noteFilled(.el1, page)
            }
            context.dropWrites()
            #expect(pages.allSatisfy { context.entry(.el1, $0).writeTag == TLBEntry.invalidTag })
            #expect(pages.contains { context.entry(.el1, $0).readTag == $0 })
            context.invalidateAll()
            #expect((0..<context.table(.el1).entryCount).allSatisfy { !context.table(.el1).entry(at: $0).isValid })
        }
    }

    @Test("A table of the largest size stays as it is, however crowded")
    func largest() throws {
        let context = TranslationContext()
        while context.table(.el1).entryCount < TLBGeometry.largestEntryCount {
            while !context.isCrowded { context.keepVictim(context.entry(.el1, 0), .el1) }
            context.grow()
        }
        let base = context.table(.el1).base
        for _ in 0..<100_000 { context.keepVictim(context.entry(.el1, 0), .el1) }
        #expect(!context.isCrowded)
        context.grow()
        #expect(context.table(.el1).base == base)
    }
}
