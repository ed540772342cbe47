// What the MMU may remember and must forget: TLBI, ASIDs, hardware updates of descriptors, and AT.
// DDI 0487, D8.5 (hardware updates), D8.16 (TLB maintenance), C5.4 (AT).

import Emulator
import Hypervisor
import Testing

@Suite("TLB maintenance, ASIDs, hardware updates and AT", .everyEngine)
struct TLBTests {
    private static let window: UInt64 = 0x0000_5555_4000_0000
    private static let one = SystemMachine.Layout.free
    private static let two = SystemMachine.Layout.free + 0x1_0000
    private static let asid: UInt64 = 0x0107

    /// TLBI instructions that drop one address, with the operand for it.
    static let byAddress: [SystemOperation] = [
        .tlbiVAE1, .tlbiVAAE1, .tlbiVALE1, .tlbiVAALE1, .tlbiVAE1IS, .tlbiVAALE1IS, .tlbiRVAE1, .tlbiRVAAE1,
        .tlbiRVALE1IS,
    ]
    static let whole: [SystemOperation] = [.tlbiVMALLE1, .tlbiVMALLE1IS, .tlbiASIDE1, .tlbiASIDE1IS]

    /// The operand of `operation` (DDI 0487, C5.5): ASID in 63:48 with VA[55:12] in 43:0, or for ranges TG in 47:46
    /// with SCALE and NUM of 0, which is two granules, and the address in granules.
    private func operand(_ operation: SystemOperation, _ address: UInt64, _ granule: Granule) -> UInt64 {
        switch operation {
        case .tlbiRVAE1, .tlbiRVAAE1, .tlbiRVALE1IS:
            let tg: UInt64 = granule == .kib4 ? 1 : granule == .kib16 ? 2 : 3
            return Self.asid << 48 | tg << 46 | address >> granule.shift & (1 << 37 - 1)
        default: return Self.asid << 48 | address >> 12 & (1 << 44 - 1)
        }
    }

    @Test("After TLBI, DSB and ISB the new translation holds, for data and code", arguments: Granule.allCases)
    func invalidation(granule: Granule) throws {
        for operation in Self.byAddress + Self.whole {
            let machine = try SystemMachine()
            let tables = machine.makeTables(granule)
            let attributes: PageAttributes = [.code, .notGlobal]
            // Somewhere in the page, as software passes it.
            let offset = granule.byteCount - 0x1000
            let place = tables.map(Self.window, to: Self.one, attributes)
            for (page, number) in [(Self.one, 1), (Self.two, 2)] {
                machine.load([.movz(.x7, number), .ret], at: page + offset)
            }
            try machine.enableMMU(tables, asid: Self.asid)
            let stop = try machine.run(
                [
                    .ldrw(.x2, .x1), .strw(.x2, .x1), .blr(.x1), .mov(.x3, .x7), .str(.x5, .x6), .dsb,
                    .sys(operation, operation == .tlbiVMALLE1 || operation == .tlbiVMALLE1IS ? .zr : .x4), .dsb, .isb,
                    .ldrw(.x8, .x1), .blr(.x1), .hvc(1),
                ],
                [
                    .x1: Self.window + offset, .x4: operand(operation, Self.window + offset, granule),
                    .x5: PageTables.descriptor(Self.two, attributes), .x6: mappedTable(machine, tables, place),
                ])
            #expect(stop == .call(1), "\(operation)")
            #expect(machine.x(2) == UInt64(A64.movz(.x7, 1).word), "\(operation)")
            #expect(machine.x(3) == 1, "\(operation)")
            #expect(machine.x(8) == UInt64(A64.movz(.x7, 2).word), "\(operation)")
            #expect(machine.x(7) == 2, "\(operation)")
        }
    }

    /// Maps the page that holds the descriptor at `place`, so that the guest can write it; returns its address there.
    private func mappedTable(_ machine: SystemMachine, _ tables: PageTables, _ place: PhysicalAddress) -> UInt64 {
        let alias: UInt64 = 0x0000_7777_0000_0000
        let page = place & ~(tables.granule.byteCount - 1)
        tables.map(alias, to: page, .data)
        return alias | place & (tables.granule.byteCount - 1)
    }

    @Test("TLBI by any address of a block drops all of it", arguments: Granule.allCases)
    func blockInvalidation(granule: Granule) throws {
        let (machine, tables) = try SystemMachine.withMMU(granule)
        let size = UInt64(1) << granule.shift(level: 2)
        let start = Self.window & ~(size - 1)
        let place = tables.map(start, to: 0x6000_0000, level: 2, .data)
        let alias = mappedTable(machine, tables, place)
        // Many pages of the block, so that there are many entries for it.
        let step = size / 64
        let fill: [A64] = [
            .ldr(.x2, .x1), .str(.x2, .x1), .add(.x1, .x1, .x3), .sub(.x4, .x4, 1), .cbnz(.x4, -4), .hvc(1),
        ]
        #expect(try machine.run(fill, [.x1: start, .x3: step, .x4: 64]) == .call(1))
        let stop = try machine.run(
            [.str(.zr, .x6), .dsb, .sys(.tlbiVAE1, .x5), .dsb, .isb, .hvc(2)],
            [.x5: (start + 5 * step) >> 12, .x6: alias])
        #expect(stop == .call(2))
        for index: UInt64 in [0, 1, 5, 63] {
            let taken = try #require(try machine.run([.ldr(.x2, .x1), .hvc(1)], [.x1: start + index * step]).exception)
            #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.translation(2)))
        }
    }

    @Test("TLBI by range drops every page of the range, at both ends too")
    func rangeInvalidation() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        // SCALE 1 and NUM 2: 3 × 2^6 = 192 pages.
        let count: UInt64 = 192
        for page in 0..<count { tables.map(Self.window + page << 12, to: Self.one, .data) }
        let fill: [A64] = [.ldr(.x2, .x1), .add(.x1, .x1, .x3), .sub(.x4, .x4, 1), .cbnz(.x4, -3), .hvc(1)]
        #expect(try machine.run(fill, [.x1: Self.window, .x3: 0x1000, .x4: count]) == .call(1))
        // From outside, which is another observer's store.
        for page in 0..<count { tables.map(Self.window + page << 12, to: Self.two, .data) }
        machine.memory.store(UInt64(1), at: Self.one)
        machine.memory.store(UInt64(2), at: Self.two)
        let operand = 1 << 46 | 1 << 44 | 2 << 39 | Self.window >> 12
        #expect(try machine.run([.dsb, .sys(.tlbiRVAAE1, .x1), .dsb, .isb, .hvc(1)], [.x1: operand]) == .call(1))
        for page in 0..<count {
            #expect(try machine.run([.ldr(.x2, .x1), .hvc(1)], [.x1: Self.window + page << 12]) == .call(1))
            #expect(machine.x(2) == 2, "page \(page)")
        }
    }

    @Test("Permission that is taken away, and a mapping that is removed, are gone after TLBI")
    func downgrade() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let place = tables.map(Self.window, to: Self.one, .data)
        let alias = mappedTable(machine, tables, place)
        let code: [A64] = [
            .str(.x2, .x1), .str(.x5, .x6), .dsb, .sys(.tlbiVAE1, .x4), .dsb, .isb, .ldr(.x3, .x1), .str(.x2, .x1),
            .hvc(1),
        ]
        var registers: [Register: UInt64] = [
            .x1: Self.window, .x2: 9, .x4: Self.window >> 12, .x6: alias,
            .x5: PageTables.descriptor(Self.one, [.data, .readOnly]),
        ]
        let write = try #require(try machine.run(code, registers).exception)
        #expect(write.esr == esr(ExceptionClass.dataAbort, FaultCode.permission(3) | FaultCode.write))
        #expect(write.elr == SystemMachine.Layout.code + 7 * 4)
        #expect(machine.x(3) == 9)
        tables.map(Self.window, to: Self.one, .data)
        registers[.x5] = 0
        _ = try machine.run([.sys(.tlbiVMALLE1), .dsb, .isb, .hvc(1)])
        let read = try #require(try machine.run(code, registers).exception)
        #expect(read.esr == esr(ExceptionClass.dataAbort, FaultCode.translation(3)))
        #expect(read.elr == SystemMachine.Layout.code + 6 * 4)
    }

    @Test("A mapping that was invalid needs no TLBI")
    func newMapping() throws {
        // D8.16: a translation that faults is never cached.
        let (machine, tables) = try SystemMachine.withMMU()
        let place = tables.descriptorAddress(of: Self.window, level: 3)
        let alias = mappedTable(machine, tables, place)
        #expect(try machine.run([.ldr(.x2, .x1), .hvc(1)], [.x1: Self.window]).exception != nil)
        let stop = try machine.run(
            [.str(.x5, .x6), .dsb, .isb, .ldr(.x2, .x1), .hvc(1)],
            [.x1: Self.window, .x5: PageTables.descriptor(Self.one, .data), .x6: alias])
        #expect(stop == .call(1))
    }

    @Test("Address spaces of many ASIDs stay apart, for data and code; global pages are in all")
    func addressSpaces() throws {
        let machine = try SystemMachine()
        // More than any small number of them.
        let count: UInt64 = 20
        var roots: [UInt64] = []
        var base = SystemMachine.Layout.tables
        for index in 0..<count {
            let tables = machine.makeTables(at: base)
            let page = SystemMachine.Layout.free + index << 16
            tables.map(Self.window, to: page, [.code, .notGlobal])
            machine.load([.movz(.x7, Int(index)), .ret], at: page)
            if index == 0 { try machine.enableMMU(tables, asid: 1) }
            roots.append(tables.root | (index + 1) << 48)
            base = tables.end
        }
        for round in 0..<3 {
            for index in 0..<count {
                let stop = try machine.run(
                    [.msr(.ttbr0EL1, .x4), .isb, .ldrw(.x2, .x1), .blr(.x1), .str(.x8, .x9), .ldr(.x3, .x9), .hvc(1)],
                    [
                        .x1: Self.window, .x4: roots[Int(index)], .x8: index + 100, .x9: SystemMachine.Layout.data,
                        .x30: 0,
                    ])
                #expect(stop == .call(1), "round \(round)")
                #expect(machine.x(2) == UInt64(A64.movz(.x7, Int(index)).word))
                #expect(machine.x(7) == index)
                #expect(machine.word(at: SystemMachine.Layout.data) == index + 100)
            }
        }
    }

    @Test("TLBI by ASID drops the other address space's pages as well when it is named, not the current one")
    func invalidateOtherASID() throws {
        let machine = try SystemMachine()
        let first = machine.makeTables()
        first.map(Self.window, to: Self.one, [.data, .notGlobal])
        let second = machine.makeTables(at: first.end)
        second.map(Self.window, to: Self.one, [.data, .notGlobal])
        machine.memory.store(UInt64(1), at: Self.one)
        machine.memory.store(UInt64(2), at: Self.two)
        try machine.enableMMU(first, asid: 1)
        let read: [A64] = [.msr(.ttbr0EL1, .x4), .isb, .ldr(.x2, .x1), .hvc(1)]
        let roots = [first.root | 1 << 48, second.root | 2 << 48]
        for root in roots { _ = try machine.run(read, [.x1: Self.window, .x4: root]) }
        second.map(Self.window, to: Self.two, [.data, .notGlobal])
        for root in [roots[0], roots[1], roots[0]] {
            // From the address space of ASID 1 at first: the operand counts, not the current ASID.
            _ = try machine.run([.dsb, .sys(.tlbiASIDE1, .x3), .dsb, .isb, .hvc(1)], [.x3: 2 << 48])
            #expect(try machine.run(read, [.x1: Self.window, .x4: root]) == .call(1))
            #expect(machine.x(2) == (root == roots[0] ? 1 : 2))
        }
    }

    /// How a page is read.
    enum Reader: CaseIterable {
        case el1, el0, unprivileged
    }

    @Test(
        "Thousands of pages that are read in turn are each read right, and so is one that is mapped anew",
        arguments: Reader.allCases)
    func manyPages(reader: Reader) throws {
        let (machine, tables) = try SystemMachine.withMMU()
        // More than the software TLB has entries for at first, and fewer than it may have.
        let count: UInt64 = 3000
        let memory: PhysicalAddress = 0x4800_0000
        let attributes: PageAttributes = reader == .el1 ? .data : .userData
        var place: PhysicalAddress = 0
        for page in 0..<count {
            let descriptor = tables.map(Self.window + page << 12, to: memory + page << 12, attributes)
            if page == 1234 { place = descriptor }
            machine.memory.store(page + 1, at: memory + page << 12)
        }
        let mode: Mode = reader == .el0 ? .el0t : .el1h
        func sum() throws -> UInt64 {
            let stop = try machine.run(
                [
                    reader == .unprivileged ? .ldtr(.x2, .x1) : .ldr(.x2, .x1), .add(.x3, .x3, .x2),
                    .add(.x1, .x1, .x5), .sub(.x4, .x4, 1), .cbnz(.x4, -4), mode == .el0t ? .svc(1) : .hvc(1),
                ], as: mode, flags: mode == .el0t ? 0 : PSTATEBit.daif,
                [.x1: Self.window, .x3: 0, .x4: count, .x5: 0x1000])
            if mode == .el1h { #expect(stop == .call(1)) }
            return machine.x(3)
        }
        let expected = count * (count + 1) / 2
        for _ in 0..<8 { #expect(try sum() == expected) }
        for (page, value) in [(memory, UInt64(1)), (memory + 1234 << 12, 1235)] {
            machine.memory.store(PageTables.descriptor(page, attributes), at: place)
            _ = try machine.run(
                [.dsb, .sys(.tlbiVAE1, .x1), .dsb, .isb, .hvc(1)], [.x1: (Self.window + 1234 << 12) >> 12])
            #expect(try sum() == expected - 1235 + value)
        }
        _ = try machine.run([.sys(.tlbiVMALLE1), .dsb, .isb, .hvc(1)])
        for _ in 0..<2 { #expect(try sum() == expected) }
    }

    // MARK: Hardware updates

    @Test("With HA the access flag is set by the first access, in the table; without it the access faults")
    func accessFlag() throws {
        for access in [A64.ldr(.x2, .x1), .str(.x2, .x1), .blr(.x1)] {
            let (machine, tables) = try SystemMachine.withMMU(tcr: TCRBit.ha)
            let attributes: PageAttributes = [.innerShareable, .notForEL0]
            let place = tables.map(Self.window, to: Self.one, attributes)
            machine.load([.ret], at: Self.one)
            #expect(try machine.run([access, .hvc(1)], [.x1: Self.window, .x2: UInt64(A64.ret.word)]) == .call(1))
            #expect(machine.word(at: place) == PageTables.descriptor(Self.one, attributes.union(.accessed)))
        }
        let (machine, tables) = try SystemMachine.withMMU()
        let place = tables.map(Self.window, to: Self.one, .innerShareable)
        let taken = try #require(try machine.run([.ldr(.x2, .x1), .hvc(1)], [.x1: Self.window]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.accessFlag(3)))
        #expect(machine.word(at: place) == PageTables.descriptor(Self.one, .innerShareable))
    }

    @Test("With HD a write makes a writable-clean page dirty, in the table, and nothing else does")
    func dirtyState() throws {
        let clean: PageAttributes = [.data, .readOnly, .dirtyBitModifier]
        let dirty: PageAttributes = [.data, .dirtyBitModifier]
        // After a read, whose translation is remembered; then each way to write.
        let reads: [A64] = [.ldr(.x2, .x1), .ldxr(.x2, .x1), .ldar(.x2, .x1), .sys(.atS1E1W, .x1), .sys(.dcCIVAC, .x1)]
        let writes: [A64] = [
            .str(.x2, .x1), .stp(.x2, .x3, .x1), .ldadd(.x2, .x3, .x1), .stlr(.x2, .x1), .sys(.dcZVA, .x1),
        ]
        for write in writes {
            let (machine, tables) = try SystemMachine.withMMU(tcr: TCRBit.ha | TCRBit.hd)
            let place = tables.map(Self.window, to: Self.one, clean)
            #expect(try machine.run(reads + [.hvc(1)], [.x1: Self.window]) == .call(1))
            #expect(machine.word(at: place) == PageTables.descriptor(Self.one, clean))
            #expect(try machine.run([write, .hvc(2)], [.x1: Self.window]) == .call(2))
            #expect(machine.word(at: place) == PageTables.descriptor(Self.one, dirty))
        }
        // Without HD, and without DBM, read-only is read-only.
        for (tcr, attributes) in [(TCRBit.ha, clean), (TCRBit.ha | TCRBit.hd, [.data, .readOnly])] {
            let (machine, tables) = try SystemMachine.withMMU(tcr: tcr)
            let place = tables.map(Self.window, to: Self.one, attributes)
            let taken = try #require(try machine.run([.str(.x2, .x1), .hvc(1)], [.x1: Self.window]).exception)
            #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.permission(3) | FaultCode.write))
            #expect(machine.word(at: place) == PageTables.descriptor(Self.one, attributes))
        }
    }

    @Test("Software that makes a page clean again sees the next write, after TLBI")
    func cleaning() throws {
        let clean: PageAttributes = [.data, .readOnly, .dirtyBitModifier]
        let (machine, tables) = try SystemMachine.withMMU(tcr: TCRBit.ha | TCRBit.hd)
        let place = tables.map(Self.window, to: Self.one, clean)
        for _ in 0..<3 {
            #expect(try machine.run([.str(.x2, .x1), .hvc(1)], [.x1: Self.window]) == .call(1))
            #expect(machine.word(at: place) == PageTables.descriptor(Self.one, [.data, .dirtyBitModifier]))
            tables.map(Self.window, to: Self.one, clean)
            _ = try machine.run([.dsb, .sys(.tlbiVAE1, .x1), .dsb, .isb, .hvc(1)], [.x1: Self.window >> 12])
        }
    }

    // MARK: AT

    /// Bits of PAR_EL1 that are the same on every CPU: NS (9) is UNKNOWN here and bit 10 is IMPLEMENTATION DEFINED.
    private static let parMask: UInt64 = ~(0b11 << 9)

    @Test("AT reports where an address leads, with its attributes, and touches nothing else")
    func addressTranslation() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: Self.one, .userData)
        tables.map(Self.window + 0x1000, to: SystemMachine.Layout.device, [.data, .device])
        tables.map(Self.window + 0x2000, to: Self.one, [.data, .readOnly])
        func par(_ operation: SystemOperation, _ offset: UInt64) throws -> UInt64 {
            let stop = try machine.run(
                [.msrPAN(1), .sys(operation, .x1), .isb, .mrs(.x2, .parEL1), .msrPAN(0), .hvc(1)],
                [.x1: Self.window + offset])
            #expect(stop == .call(1))
            return machine.x(2) & Self.parMask
        }
        // Bit 11 is RES1; SH in 8:7; ATTR in 63:56. PAN does not matter to these four.
        let normal: UInt64 = 0xFF << 56 | 3 << 7 | 1 << 11
        for operation in [SystemOperation.atS1E1R, .atS1E1W, .atS1E0R, .atS1E0W] {
            #expect(try par(operation, 0x123) == normal | Self.one)
        }
        // Device memory is always Outer Shareable.
        #expect(try par(.atS1E1R, 0x1004) == 2 << 7 | 1 << 11 | SystemMachine.Layout.device)
        // F, FST in 6:1, RES1.
        func failure(_ status: UInt64) -> UInt64 { 1 | status << 1 | 1 << 11 }
        #expect(try par(.atS1E0R, 0x1000) == failure(FaultCode.permission(3)))
        #expect(try par(.atS1E1R, 0x2000) == normal | Self.one)
        #expect(try par(.atS1E1W, 0x2000) == failure(FaultCode.permission(3)))
        #expect(try par(.atS1E1R, 0x3000) == failure(FaultCode.translation(3)))
        #expect(try par(.atS1E1R, 1 << 50) == failure(FaultCode.translation(0)))
    }
}
