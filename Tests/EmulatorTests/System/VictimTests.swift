// What the software TLB keeps of displaced entries: it has to be forgotten like everything else. DDI 0487, D8.16 (TLB
// maintenance), D8.5 (hardware updates of descriptors); code that is written: B2.7.4.

import Hypervisor
import Testing

@testable import Emulator

/// A context by itself.
@Suite("Victims of the software TLB")
struct VictimTests {
    private static let page: UInt64 = 0x5000_0000_0000
    private static let physicalPage: UInt64 = 0x4010_0000
    /// An address that has the same place in a table as `page`.
    private static let rival = page + UInt64(TLBGeometry.initialEntryCount) << TLBGeometry.pageShift

    /// A context in which the entry for `page`, for reads and writes, was displaced.
    private func context(_ privilege: AccessPrivilege, sizeLog2: UInt8 = 12) -> TranslationContext {
        let context = TranslationContext()
        let entry = context.entry(privilege, Self.page)
        fill(entry, Self.page, Self.physicalPage)
        context.noteFilled(privilege, Self.page)
        context.noteSize(sizeLog2, at: Self.page)
        context.keepVictim(entry, privilege)
        fill(entry, Self.rival, Self.physicalPage + 0x1000)
        return context
    }

    private func fill(_ entry: TLBEntry, _ page: UInt64, _ physical: UInt64) {
        (entry.readTag, entry.writeTag, entry.addend, entry.info) = (page, page, page &* 3, physical | 12)
    }

    private func isKept(_ context: TranslationContext, _ privilege: AccessPrivilege, isWrite: Bool) -> Bool {
        context.restoreVictim(
            context.entry(privilege, Self.page), privilege, page: Self.page, isWrite: isWrite)
    }

    private static let privileges: [AccessPrivilege] = [.el1, .el1WithoutPAN, .el0]

    @Test("A displaced entry comes back with all that it was, at its own privilege and no other", arguments: privileges)
    func kept(privilege: AccessPrivilege) {
        let context = context(privilege)
        for other in Self.privileges where other != privilege { #expect(!isKept(context, other, isWrite: false)) }
        #expect(isKept(context, privilege, isWrite: true))
        let entry = context.entry(privilege, Self.page)
        #expect(entry.readTag == Self.page && entry.addend == Self.page &* 3 && entry.info == Self.physicalPage | 12)
        // And its rival is what is kept now.
        #expect(context.restoreVictim(entry, privilege, page: Self.rival, isWrite: false))
    }

    @Test("Every invalidation that names it, or all, forgets it, and one that names another page does not")
    func invalidated() {
        for privilege in Self.privileges {
            var context = context(privilege)
            context.invalidate(address: Self.page + 0xFFF)
            #expect(!isKept(context, privilege, isWrite: false), "by address, \(privilege)")
            context = self.context(privilege)
            context.invalidate(address: Self.rival)
            #expect(isKept(context, privilege, isWrite: false), "by another address, \(privilege)")
            // Any address of the block that it is a page of.
            context = self.context(privilege, sizeLog2: 21)
            context.invalidate(address: Self.page + 0x1F_F000)
            #expect(!isKept(context, privilege, isWrite: false), "by its block, \(privilege)")
            context = self.context(privilege)
            context.invalidateAll()
            #expect(!isKept(context, privilege, isWrite: false), "with all, \(privilege)")
            context = self.context(privilege)
            context.startOver()
            #expect(!isKept(context, privilege, isWrite: false), "for another address space, \(privilege)")
        }
    }

    @Test("It loses its write permission with all others, or with those of its physical page, and reads on")
    func dropped() {
        for privilege in Self.privileges {
            for drop in [{ $0.dropWrites() }, { $0.dropWrites(toPhysicalPage: Self.physicalPage) }]
                as [(TranslationContext) -> Void]
            {
                let context = context(privilege)
                drop(context)
                #expect(!isKept(context, privilege, isWrite: true), "\(privilege)")
                #expect(isKept(context, privilege, isWrite: false), "\(privilege)")
            }
            let context = context(privilege)
            context.dropWrites(toPhysicalPage: Self.physicalPage + 0x1000)
            #expect(isKept(context, privilege, isWrite: true), "\(privilege)")
        }
    }
}

/// The same as guests see it.
@Suite("Pages that displace each other in the software TLB", .everyEngine)
struct DisplacedPageTests {
    private static let window: UInt64 = 0x0000_5555_4000_0000
    private static let alias: UInt64 = 0x0000_7777_0000_0000
    /// Addresses that have one place in a table, however large it is.
    private static let distance: UInt64 = UInt64(TLBGeometry.largestEntryCount) << TLBGeometry.pageShift
    private static let one = SystemMachine.Layout.free
    private static let two = SystemMachine.Layout.free + 0x1_0000
    private static let other = SystemMachine.Layout.free + 0x2_0000

    @Test("A page that another one displaced is mapped anew by each kind of TLBI", arguments: [false, true])
    func invalidation(isWrite: Bool) throws {
        for operation in TLBTests.byAddress.prefix(6) + TLBTests.whole {
            let machine = try SystemMachine()
            let tables = machine.makeTables()
            let place = tables.map(Self.window, to: Self.one, [.data, .notGlobal])
            tables.map(Self.window + Self.distance, to: Self.other, [.data, .notGlobal])
            tables.map(Self.alias, to: place & ~0xFFF, .data)
            machine.memory.store(UInt64(1), at: Self.one)
            machine.memory.store(UInt64(2), at: Self.two)
            try machine.enableMMU(tables, asid: 0x0107)
            let isWhole = operation == .tlbiVMALLE1 || operation == .tlbiVMALLE1IS
            let access: A64 = isWrite ? .str(.x9, .x1, 8) : .ldr(.x2, .x1)
            let stop = try machine.run(
                [
                    access, .ldr(.x3, .x10), .str(.x5, .x6), .dsb, .sys(operation, isWhole ? .zr : .x4), .dsb, .isb,
                    .ldr(.x2, .x1), .str(.x9, .x1, 16), .hvc(1),
                ],
                [
                    .x1: Self.window, .x10: Self.window + Self.distance, .x9: 7,
                    .x4: 0x0107 << 48 | Self.window >> 12,
                    .x5: PageTables.descriptor(Self.two, [.data, .notGlobal]), .x6: Self.alias | place & 0xFFF,
                ])
            #expect(stop == .call(1), "\(operation)")
            #expect(machine.x(2) == 2, "\(operation)")
            #expect(machine.word(at: Self.two + 16) == 7 && machine.word(at: Self.one + 16) == 0, "\(operation)")
        }
    }

    @Test("A write to a displaced page that has become code since is noticed, whoever made it code")
    func code() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: Self.one, .data)
        tables.map(Self.window + Self.distance, to: Self.other, .data)
        tables.map(Self.alias, to: Self.one, [.code, .readOnly])
        machine.load([.movz(.x7, 1), .ret], at: Self.one)
        let stop = try machine.run(
            [
                // The page may be written; another one takes its place; it becomes code.
                .str(.x9, .x1, 64), .ldr(.x3, .x10), .blr(.x11), .mov(.x12, .x7),
                .strw(.x8, .x1), .dsb, .isb, .blr(.x11), .hvc(1),
            ],
            [
                .x1: Self.window, .x10: Self.window + Self.distance, .x9: 7, .x11: Self.alias,
                .x8: UInt64(A64.movz(.x7, 2).word),
            ])
        #expect(stop == .call(1))
        #expect(machine.x(12) == 1 && machine.x(7) == 2)
    }
}

/// Loops at EL0 whose tables become larger while they run: translated code has the address of a table, and remembers
/// pages.
@Suite("Tables that grow under a loop", .everyEngine)
struct GrowingTableTests {
    private static let window: UInt64 = 0x0000_5555_4000_0000
    private static let alias: UInt64 = 0x0000_7777_0000_0000
    /// Addresses that have one place in the table of the beginning, and several in a larger one.
    private static let distance = UInt64(TLBGeometry.initialEntryCount) << TLBGeometry.pageShift
    private static let one = SystemMachine.Layout.free
    private static let two = SystemMachine.Layout.free + 0x1_0000
    private static let rivals = SystemMachine.Layout.free + 0x2_0000

    /// x3 += the word at x1, x4 times; between them words from x8 to x7, x6 apart, which displace each other.
    private static let loop: [A64] = [
        .ldr(.x2, .x1), .add(.x3, .x3, .x2), .ldr(.x2, .x5), .add(.x3, .x3, .x2), .add(.x5, .x5, .x6), .cmp(.x5, .x7),
        .b(.ne, 2), .mov(.x5, .x8), .sub(.x4, .x4, 1), .cbnz(.x4, -9), .svc(1),
    ]
    /// More than are kept beside a table.
    private static let rivalCount: UInt64 = 20
    private static let firstRival = window + 0x1000 + distance
    /// Each round displaces once; a table is crowded long before.
    private static let rounds: UInt64 = 8 * UInt64(TLBGeometry.initialEntryCount)

    private func mapRivals(_ tables: PageTables, _ attributes: PageAttributes) {
        for index in 0..<Self.rivalCount {
            tables.map(Self.firstRival + index * Self.distance, to: Self.rivals, attributes)
        }
    }

    /// What the loop adds up, without what the rivals' pages have, which is zero.
    private func sum(_ machine: SystemMachine) throws -> UInt64 {
        let stop = try machine.run(
            Self.loop, as: .el0t, flags: 0,
            [
                .x1: Self.window, .x3: 0, .x4: Self.rounds, .x5: Self.firstRival, .x6: Self.distance,
                .x7: Self.firstRival + Self.rivalCount * Self.distance, .x8: Self.firstRival,
            ])
        #expect(stop.exception?.esr == esr(ExceptionClass.svc, 1))
        return machine.x(3)
    }

    @Test("A loop reads the same before and after its table grows, and what is mapped anew after TLBI")
    func remapping() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let place = tables.map(Self.window, to: Self.one, .userData)
        tables.map(Self.alias, to: place & ~0xFFF, .data)
        mapRivals(tables, .userData)
        machine.memory.store(UInt64(1), at: Self.one)
        machine.memory.store(UInt64(1000), at: Self.two)
        for (page, word) in [(Self.one, 1), (Self.two, 1000), (Self.one, 1)] as [(PhysicalAddress, UInt64)] {
            let stop = try machine.run(
                [.str(.x5, .x6), .dsbISH, .sys(.tlbiVAE1, .x8), .dsbISH, .isb, .hvc(1)],
                [
                    .x5: PageTables.descriptor(page, .userData), .x6: Self.alias | place & 0xFFF,
                    .x8: Self.window >> 12,
                ])
            #expect(stop == .call(1))
            #expect(try sum(machine) == Self.rounds * word)
        }
        #expect(machine.cpu.context.table(.el0).entryCount == TLBGeometry.largestEntryCount)
    }

    @Test("LDTR reads what is mapped anew after TLBI, though the table that it uses has grown")
    func unprivilegedLoads() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let place = tables.map(Self.window, to: Self.one, .userData)
        tables.map(Self.alias, to: place & ~0xFFF, .data)
        mapRivals(tables, .userData)
        machine.memory.store(UInt64(1), at: Self.one)
        machine.memory.store(UInt64(1000), at: Self.two)
        let stop = try machine.run(
            [
                .ldtr(.x2, .x1), .add(.x3, .x3, .x2), .ldtr(.x2, .x5), .add(.x3, .x3, .x2), .add(.x5, .x5, .x6),
                .cmp(.x5, .x7), .b(.ne, 2), .mov(.x5, .x8), .sub(.x4, .x4, 1), .cbnz(.x4, -9),
                .str(.x9, .x10), .dsbISH, .sys(.tlbiVAE1, .x11), .dsbISH, .isb, .ldtr(.x12, .x1), .hvc(1),
            ],
            [
                .x1: Self.window, .x3: 0, .x4: Self.rounds, .x5: Self.firstRival, .x6: Self.distance,
                .x7: Self.firstRival + Self.rivalCount * Self.distance, .x8: Self.firstRival,
                .x9: PageTables.descriptor(Self.two, .userData), .x10: Self.alias | place & 0xFFF,
                .x11: Self.window >> 12,
            ])
        #expect(stop == .call(1))
        #expect(machine.x(3) == Self.rounds && machine.x(12) == 1000)
        #expect(machine.cpu.context.table(.el0).entryCount == TLBGeometry.largestEntryCount)
    }

    @Test("An address space that takes over what another one left at EL0 reads its own page", arguments: 1...12)
    func takenOver(spaces: UInt64) throws {
        let machine = try SystemMachine()
        var roots: [PhysicalAddress] = []
        var end = SystemMachine.Layout.tables
        for space in 0...spaces {
            let tables = machine.makeTables(at: end)
            let page = Self.rivals + space * 0x1000
            tables.map(Self.window, to: page, [.userData, .notGlobal])
            for word in 0..<UInt64(512) { machine.memory.store(space + 1, at: page + word * 8) }
            roots.append(tables.root)
            end = tables.end
            if space == 0 { try machine.enableMMU(tables, asid: 1) }
        }
        // x3 += x4 words from x1 on.
        func sum() throws -> UInt64 {
            let stop = try machine.run(
                [.ldr(.x2, .x1), .add(.x3, .x3, .x2), .add(.x1, .x1, 8), .sub(.x4, .x4, 1), .cbnz(.x4, -4), .svc(1)],
                as: .el0t, flags: 0, [.x1: Self.window, .x3: 0, .x4: 512])
            #expect(stop.exception?.esr == esr(ExceptionClass.svc, 1))
            return machine.x(3)
        }
        #expect(try sum() == 512)
        // Nothing runs at EL0 in those in between.
        for space in 1...spaces { try machine.set(.ttbr0EL1, roots[Int(space)] | (space + 1) << 48) }
        #expect(try sum() == 512 * (spaces + 1))
    }

    @Test("Address spaces that take each other's tables, after these have grown, read each their own page")
    func addressSpaces() throws {
        let machine = try SystemMachine()
        // More than a CPU keeps contexts for.
        let spaces: UInt64 = 12
        var roots: [PhysicalAddress] = []
        var end = SystemMachine.Layout.tables
        for space in 0..<spaces {
            let tables = machine.makeTables(at: end)
            let page = Self.rivals + 0x1_0000 + space * 0x1000
            tables.map(Self.window, to: page, [.userData, .notGlobal])
            mapRivals(tables, [.userData, .notGlobal])
            machine.memory.store(space + 1, at: page)
            roots.append(tables.root)
            end = tables.end
            if space == 0 { try machine.enableMMU(tables, asid: 1) }
        }
        for round in 0..<2 {
            for space in 0..<spaces {
                try machine.set(.ttbr0EL1, roots[Int(space)] | (space + 1) << 48)
                #expect(try sum(machine) == Self.rounds * (space + 1), "round \(round), space \(space)")
            }
        }
    }
}
