// Blocks that are found again by where they are in memory, and what must be forgotten all the same.

import Hypervisor
import Testing

@testable import Emulator

@Suite("Blocks that are known", .everyEngine)
struct KnownBlocksTests {
    /// No page here shares an entry for instruction pages with the tests' own code: what is known stays known.
    private static let window: UInt64 = 0x0000_5555_4003_5000
    /// Addresses this far apart have one entry of the jump cache: each call loses the other's.
    private static let distance: UInt64 = 0x1_0000
    private static let pages = SystemMachine.Layout.free

    /// Functions that return a number, each on a page of its own.
    private static func load(_ numbers: Range<Int>, into machine: SystemMachine) {
        for number in numbers { machine.load([.movz(.x7, number), .ret], at: page(number)) }
    }
    private static func page(_ number: Int) -> UInt64 { pages + UInt64(number) << 12 }

    /// Calls the functions at x1 and x2 in turn, and adds up what they return in x3 and x4.
    private static let calls: [A64] = [
        .blr(.x1), .add(.x3, .x3, .x7), .blr(.x2), .add(.x4, .x4, .x7), .sub(.x5, .x5, 1), .cbnz(.x5, -5), .hvc(1),
    ]
    private static let rounds: UInt64 = 20
    /// TLBI of the page whose number is in x1.
    private static let forget: [A64] = [.dsb, .sys(.tlbiVAAE1, .x1), .dsb, .isb, .hvc(1)]

    /// What both functions return.
    private func call(_ machine: SystemMachine) throws -> [UInt64] {
        let registers: [Register: UInt64] = [
            .x1: Self.window, .x2: Self.window + Self.distance, .x3: 0, .x4: 0, .x5: Self.rounds,
        ]
        #expect(try machine.run(Self.calls, registers) == .call(1))
        return [machine.x(3), machine.x(4)].map { $0 / Self.rounds }
    }

    @Test("A function whose entry was displaced is found again, and forgotten by a TLBI of its address")
    func displaced() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        Self.load(1..<4, into: machine)
        tables.map(Self.window, to: Self.page(1), .code)
        tables.map(Self.window + Self.distance, to: Self.page(2), .code)
        #expect(try call(machine) == [1, 2])
        // The one that is called last, which has the entry.
        let last = Self.window + Self.distance
        for number in [3, 2] {
            // From outside, which is another observer's store.
            tables.map(last, to: Self.page(number), .code)
            #expect(try machine.run(Self.forget, [.x1: last >> 12]) == .call(1))
            #expect(try call(machine) == [1, UInt64(number)])
        }
    }

    @Test("The same after a TLBI of a block, which empties the jump cache and leaves the function's page known")
    func emptied() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        Self.load(1..<4, into: machine)
        tables.map(Self.window, to: Self.page(1), .code)
        tables.map(Self.window + Self.distance, to: Self.page(2), .code)
        let block: UInt64 = 0x0000_6666_4000_0000
        tables.map(block, to: 0x6000_0000, level: 2, .data)
        let forgetBlock: [A64] = [.ldr(.x2, .x1), .dsb, .sys(.tlbiVAAE1, .x3), .dsb, .isb, .hvc(1)]
        let last = Self.window + Self.distance
        for number in [2, 3, 2] {
            tables.map(last, to: Self.page(number), .code)
            #expect(try machine.run(Self.forget, [.x1: last >> 12]) == .call(1))
            #expect(try call(machine) == [1, UInt64(number)])
            #expect(try machine.run(forgetBlock, [.x1: block, .x3: block >> 12]) == .call(1))
            #expect(try call(machine) == [1, UInt64(number)])
        }
    }

    @Test("Two address spaces that are emptied all the time call what each of them has at one address")
    func addressSpaces() throws {
        let machine = try SystemMachine()
        Self.load(1..<5, into: machine)
        func tables(at base: UInt64, _ first: Int, _ second: Int) -> PageTables {
            let tables = machine.makeTables(at: base)
            tables.map(Self.window, to: Self.page(first), [.code, .notGlobal])
            tables.map(Self.window + Self.distance, to: Self.page(second), [.code, .notGlobal])
            return tables
        }
        let first = tables(at: SystemMachine.Layout.tables, 1, 2)
        let second = tables(at: first.end, 3, 4)
        try machine.enableMMU(first, asid: 1)
        let use: [A64] = [.msr(.ttbr0EL1, .x4), .isb, .dsb, .sys(.tlbiASIDE1, .x5), .dsb, .isb, .hvc(1)]
        for _ in 0..<3 {
            for (asid, tables) in [first, second].enumerated() {
                let identifier = UInt64(asid + 1) << 48
                #expect(try machine.run(use, [.x4: tables.root | identifier, .x5: identifier]) == .call(1))
                #expect(try call(machine) == (asid == 0 ? [1, 2] : [3, 4]))
            }
        }
    }

    @Test("Code that changes while it is known is what runs next")
    func changed() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        Self.load(1..<3, into: machine)
        tables.map(Self.window, to: Self.page(1), .code)
        tables.map(Self.window + Self.distance, to: Self.page(2), .code)
        for number in [1, 9, 8] {
            machine.load([.movz(.x7, number), .ret], at: Self.page(1))
            #expect(try machine.run([.dsb, .isb, .hvc(1)], [:]) == .call(1))
            #expect(try call(machine) == [UInt64(number), 2])
        }
    }
}

@Suite("The table of known blocks")
struct KnownBlocksTableTests {
    /// An address that could be a block's; nobody looks there.
    private func block(_ number: Int) -> Block { Block(base: UnsafeMutableRawPointer(bitPattern: 0x1000 + number)!) }

    @Test("A block is found by its own address and mode only, until everything is forgotten")
    func finds() {
        let known = KnownBlocks()
        let address: UInt64 = 0x4020_1004
        for mode in BlockMode.all { #expect(known.find(address, mode: mode) == nil) }
        for mode in BlockMode.all {
            known.insert(block(mode.index), at: address, mode: mode)
            #expect(known.find(address, mode: mode)?.base == block(mode.index).base)
            for other in BlockMode.all where other != mode { #expect(known.find(address, mode: other) == nil) }
            for bit in 2..<48 { #expect(known.find(address ^ 1 << UInt64(bit), mode: mode) == nil) }
        }
        known.forget()
        for mode in BlockMode.all { #expect(known.find(address, mode: mode) == nil) }
    }

    @Test("Nothing is at address zero before something is put there")
    func zeroAddress() {
        let known = KnownBlocks()
        for mode in BlockMode.all { #expect(known.find(0, mode: mode) == nil) }
        known.insert(block(1), at: 0, mode: BlockMode(rawValue: 0))
        #expect(known.find(0, mode: BlockMode(rawValue: 0)) != nil)
    }
}
