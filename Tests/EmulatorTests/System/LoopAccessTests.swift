// Accesses in hot loops of EL0, which translated code gives a shorter way than the software TLB: it has to notice
// everything that the longer way notices. DDI 0487, D8.16 (TLB maintenance), D8.4.1.2 (PAN).

import Emulator
import Hypervisor
import Testing

@Suite("Accesses in loops", .everyEngine)
struct LoopAccessTests {
    private static let window: UInt64 = 0x0000_5555_4000_0000
    private static let alias: UInt64 = 0x0000_7777_0000_0000
    private static let one = SystemMachine.Layout.free
    private static let two = SystemMachine.Layout.free + 0x1_0000
    /// Words in a page: rounds that make any loop hot.
    private static let rounds: UInt64 = 512

    /// x3 += the sum of x4 words from x1 on.
    private static let sum: [A64] = [
        .ldr(.x2, .x1), .add(.x3, .x3, .x2), .add(.x1, .x1, 8), .sub(.x4, .x4, 1), .cbnz(.x4, -4), .svc(1),
    ]

    /// Runs code at EL0 that ends by SVC #1.
    private func run(_ code: [A64], on machine: SystemMachine, _ registers: [Register: UInt64]) throws {
        let stop = try machine.run(code, as: .el0t, flags: 0, registers)
        #expect(stop.exception?.esr == esr(ExceptionClass.svc, 1))
    }

    /// The sum of the words of the page at `window`, as EL0 reads it.
    private func sumOfWindow(_ machine: SystemMachine) throws -> UInt64 {
        try run(Self.sum, on: machine, [.x1: Self.window, .x3: 0, .x4: Self.rounds])
        return machine.x(3)
    }

    /// Writes a descriptor of the window's, and drops the translation, as an operating system does.
    private func map(
        _ page: PhysicalAddress, _ attributes: PageAttributes, at place: PhysicalAddress, on machine: SystemMachine
    ) throws {
        let stop = try machine.run(
            [.str(.x5, .x6), .dsbISH, .sys(.tlbiVAE1, .x8), .dsbISH, .isb, .hvc(1)],
            [
                .x5: PageTables.descriptor(page, attributes), .x6: Self.alias | place & 0xFFF, .x8: Self.window >> 12,
            ])
        #expect(stop == .call(1))
    }

    /// A page whose words are all `word`.
    private func fill(_ page: PhysicalAddress, with word: UInt64, on machine: SystemMachine) {
        for index in 0..<Self.rounds { machine.memory.store(word, at: page + index * 8) }
    }

    /// The byte at an offset of the pages that are walked through.
    private static func byte(_ offset: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 167 >> 3) }

    @Test(
        "A walk through pages that are nowhere near each other reads each from its own, aligned or not",
        arguments: 0..<8 as Range<UInt64>)
    func walk(offset: UInt64) throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let pages: UInt64 = 6
        for page in 0..<pages {
            // Backwards, with gaps.
            let place = Self.two - page * 0x2000
            tables.map(Self.window + page << 12, to: place, .userData)
            machine.memory.write((0..<0x1000).map { Self.byte(page << 12 + $0) }, at: place)
        }
        let words = (pages << 12) / 8 - 1
        var expected: UInt64 = 0
        for word in 0..<words {
            expected &+= (0..<8).reduce(0) { $0 | UInt64(Self.byte(offset + word * 8 + $1)) << ($1 * 8) }
        }
        // The second time what was remembered is the last page.
        for _ in 0..<2 {
            try run(Self.sum, on: machine, [.x1: Self.window + offset, .x3: 0, .x4: words])
            #expect(machine.x(3) == expected)
        }
    }

    @Test("A table that lies on two pages is read from both")
    func table() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: Self.two, .userData)
        tables.map(Self.window + 0x1000, to: Self.one, .userData)
        let start = Self.window + 0x1000 - 16
        // 128 bytes, of which 16 are on the first page; each is its own index plus one.
        for index in 0..<UInt64(128) {
            let place = index < 16 ? Self.two + 0x1000 - 16 + index : Self.one + index - 16
            machine.memory.write([UInt8(index + 1)], at: place)
        }
        // x5 = x5 * 5 + 1, and the byte at x6 + (x5 & 127) is added up.
        let and = A64.word(0x9240_18A7)  // AND x7, x5, #127
        let ldrb = A64.word(0x3867_68C2)  // LDRB w2, [x6, x7]
        try run(
            [
                .add(.x8, .x5, .x5), .add(.x8, .x8, .x8), .add(.x5, .x5, .x8), .add(.x5, .x5, 1), and, ldrb,
                .add(.x3, .x3, .x2), .sub(.x4, .x4, 1), .cbnz(.x4, -8), .svc(1),
            ], on: machine, [.x3: 0, .x4: 1280, .x5: 0, .x6: start])
        // A generator of period 128 visits each index ten times.
        #expect(machine.x(3) == 10 * (1...128).reduce(0, +))
    }

    @Test("A page that is mapped anew between two runs of a loop, after TLBI, is the new one in the next")
    func remapping() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let place = tables.map(Self.window, to: Self.one, .userData)
        tables.map(Self.alias, to: place & ~0xFFF, .data)
        fill(Self.one, with: 1, on: machine)
        fill(Self.two, with: 1000, on: machine)
        for _ in 0..<3 {
            #expect(try sumOfWindow(machine) == Self.rounds)
            try map(Self.two, .userData, at: place, on: machine)
            #expect(try sumOfWindow(machine) == Self.rounds * 1000)
            try map(Self.one, .userData, at: place, on: machine)
        }
    }

    @Test("A loop that may no longer write, or read, after TLBI, faults at its next access")
    func downgrade() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let place = tables.map(Self.window, to: Self.one, .userData)
        tables.map(Self.alias, to: place & ~0xFFF, .data)
        let write: [A64] = [.strPost(.x4, .x1, 8), .sub(.x4, .x4, 1), .cbnz(.x4, -2), .svc(1)]
        let registers: [Register: UInt64] = [.x1: Self.window, .x3: 0, .x4: Self.rounds]
        for (loop, attributes, fault) in [
            (write, [.userData, .readOnly] as PageAttributes, FaultCode.permission(3) | FaultCode.write),
            (Self.sum, .data, FaultCode.permission(3)),
        ] {
            try map(Self.one, .userData, at: place, on: machine)
            for _ in 0..<2 { try run(loop, on: machine, registers) }
            try map(Self.one, attributes, at: place, on: machine)
            let taken = try #require(try machine.run(loop, as: .el0t, flags: 0, registers).exception)
            #expect(taken.esr == esr(ExceptionClass.dataAbortFromEL0, fault))
            #expect(taken.elr == SystemMachine.Layout.userCode)
            #expect(taken.far == Self.window)
        }
    }

    @Test("One loop in two address spaces reads each one's own page, with and without TLBI between them")
    func addressSpaces() throws {
        let machine = try SystemMachine()
        let first = machine.makeTables()
        first.map(Self.window, to: Self.one, [.userData, .notGlobal])
        let second = machine.makeTables(at: first.end)
        second.map(Self.window, to: Self.two, [.userData, .notGlobal])
        fill(Self.one, with: 1, on: machine)
        fill(Self.two, with: 1000, on: machine)
        try machine.enableMMU(first, asid: 1)
        for round in 0..<4 {
            if round == 2 { _ = try machine.run([.sys(.tlbiVMALLE1), .dsb, .isb, .hvc(1)]) }
            try machine.set(.ttbr0EL1, first.root | 1 << 48)
            #expect(try sumOfWindow(machine) == Self.rounds)
            try machine.set(.ttbr0EL1, second.root | 2 << 48)
            #expect(try sumOfWindow(machine) == Self.rounds * 1000)
        }
    }

    @Test("A loop that is at work on a page at EL0 faults there at EL1 with PAN set")
    func privilegedAccessNever() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: Self.one, .userData)
        fill(Self.one, with: 1, on: machine)
        let registers: [Register: UInt64] = [.x1: Self.window, .x3: 0, .x4: Self.rounds]
        let loop = Self.sum.dropLast() + [.hvc(1)]
        for _ in 0..<3 {
            #expect(try sumOfWindow(machine) == Self.rounds)
            #expect(try machine.run(Array(loop), registers) == .call(1))
            #expect(machine.x(3) == Self.rounds)
            let taken = try #require(
                try machine.run(Array(loop), flags: PSTATEBit.daif | PSTATEBit.pan, registers).exception)
            #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.permission(3)))
            #expect(machine.x(3) == 0)
        }
    }

    @Test("Code that a loop goes on writing is what was written last, whenever it is called")
    func code() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: Self.one, [.accessed, .innerShareable, .user, .notForEL1])
        machine.load([.movz(.x0, 0), .ret], at: Self.one)
        // Each round writes MOVZ x0, #n many times over, calls it once, adds up what it returns, and goes on with n -
        // 1.
        let count: UInt64 = 100
        // The branch keeps the first write of a round in the loop's own block.
        try run(
            [
                .movz(.x5, 300), .b(1), .strw(.x8, .x1), .sub(.x5, .x5, 1), .cbnz(.x5, -2), .dsb, .isb, .blr(.x1),
                .add(.x3, .x3, .x0), .sub(.x8, .x8, 1 << 5), .sub(.x4, .x4, 1), .cbnz(.x4, -11), .svc(1),
            ], on: machine,
            [
                .x1: Self.window, .x3: 0, .x4: count, .x8: UInt64(A64.movz(.x0, Int(count)).word),
            ])
        #expect(machine.x(3) == count * (count + 1) / 2)
    }
}
