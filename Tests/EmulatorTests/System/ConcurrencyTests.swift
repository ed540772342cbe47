// Several CPUs on threads of their own: atomicity, ordering, and TLB maintenance that reaches the others.
// DDI 0487, B2.3 (memory model), B2.12 (exclusives), D8.16.5 (TLBI broadcast).

import Emulator
import Hypervisor
import Testing

@Suite("Several CPUs", .serialized, .everyEngine)
struct ConcurrencyTests {
    private static let code = SystemMachine.Layout.code
    private static let data = SystemMachine.Layout.data

    /// Runs `code` on every CPU at once, with X0 the CPU's number and X20 the shared data.
    private func run(
        _ machine: SystemMachine, _ code: [A64], _ registers: [Register: UInt64] = [:]
    ) throws {
        machine.load(code, at: Self.code)
        for cpu in machine.vm.cpus {
            try machine.prepare(cpu.index, at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            cpu.setRegister(0, UInt64(cpu.index))
            cpu.setRegister(20, Self.data)
            for (register, value) in registers { cpu.setRegister(register.index, value) }
        }
        let stops = try machine.runConcurrently()
        #expect(stops == [Stop](repeating: .call(1), count: machine.vm.cpus.count))
    }

    /// Ways to add one to the word, or pair of words, at X20, with X1 = 1.
    static let increments: [(name: String, code: [A64])] = [
        ("LDXR and STXR", [.ldxr(.x2, .x20), .add(.x2, .x2, 1), .stxr(.x3, .x2, .x20), .cbnz(.x3, -3)]),
        ("LDAXR and STLXR", [.ldaxr(.x2, .x20), .add(.x2, .x2, 1), .stlxr(.x3, .x2, .x20), .cbnz(.x3, -3)]),
        (
            "LDXP and STXP",
            [
                .ldxp(.x2, .x4, .x20), .add(.x2, .x2, 1), .add(.x4, .x4, 1), .stxp(.x3, .x2, .x4, .x20),
                .cbnz(.x3, -4),
            ]
        ),
        ("LDADD", [.ldadd(.x1, .x2, .x20)]),
        (
            "CAS",
            [
                .ldr(.x2, .x20), .add(.x3, .x2, 1), .mov(.x4, .x2), .cas(.x4, .x3, .x20), .cmp(.x4, .x2),
                .b(.ne, -5),
            ]
        ),
        (
            "CASP",
            // The halves may be read at different times: then the comparison fails.
            [
                .ldp(.x2, .x3, .x20), .mov(.x4, .x2), .mov(.x5, .x3), .add(.x6, .x2, 1), .add(.x7, .x3, 1),
                .casp(.x4, .x6, .x20), .cmp(.x4, .x2), .b(.ne, -7), .cmp(.x5, .x3), .b(.ne, -9),
            ]
        ),
        (
            // The lock is at X21; the counter is not atomic at all.
            "a spin lock of LDAXR and STLR",
            [
                .b(2), .yield, .ldaxr(.x2, .x21), .cbnz(.x2, -2), .stxr(.x3, .x1, .x21), .cbnz(.x3, -3),
                .ldr(.x2, .x20),
                .add(.x2, .x2, 1), .str(.x2, .x20), .stlr(.zr, .x21),
            ]
        ),
    ]

    @Test("Increments of a shared counter by several CPUs are all counted", arguments: 0..<increments.count)
    func counters(index: Int) throws {
        let (name, increment) = Self.increments[index]
        let cpuCount: UInt64 = 3
        let count: UInt64 = 10_000
        let machine = try SystemMachine(cpuCount: Int(cpuCount))
        let loop = increment + [.sub(.x19, .x19, 1), .cbnz(.x19, -(increment.count + 1)), .hvc(1)]
        try run(machine, loop, [.x1: 1, .x19: count, .x21: Self.data + 0x100])
        #expect(machine.word(at: Self.data) == cpuCount * count, "\(name)")
        if name.hasSuffix("P") {
            #expect(machine.word(at: Self.data + 8) == cpuCount * count, "\(name)")
        }
    }

    @Test("A store-exclusive fails without a reservation, with one of another place, and after CLREX or ERET")
    func reservations() throws {
        let machine = try SystemMachine()
        let other = Self.data + 0x100
        let stop = try machine.run(
            [
                .clrex, .stxr(.x1, .x9, .x20), .ldxr(.x2, .x20), .clrex, .stxr(.x3, .x9, .x20), .ldxr(.x2, .x20),
                .stxr(.x4, .x9, .x21), .stxr(.x5, .x9, .x20), .ldxr(.x2, .x20), .stxr(.x6, .x9, .x20), .hvc(1),
            ], [.x9: 7, .x20: Self.data, .x21: other])
        #expect(stop == .call(1))
        // The one to another place is CONSTRAINED UNPREDICTABLE, but must not have been done here; any store-exclusive
        // ends the reservation.
        #expect([1, 3, 4, 5, 6].map { machine.x($0) } == [1, 1, 1, 1, 0])
        #expect(machine.word(at: other) == 0)
        // ERET clears the monitor: a context switch needs no CLREX.
        _ = try machine.run([.ldxr(.x2, .x20), .hvc(1)], [.x20: Self.data])
        #expect(try machine.run([.stxr(.x1, .x9, .x20), .hvc(1)], [.x20: Self.data]) == .call(1))
        #expect(machine.x(1) == 1)
    }

    // MARK: Litmus tests

    /// Both CPUs meet before each round at X22: the first adds the round, the second waits for it and the other way.
    ///
    /// X19 counts rounds from 1; X23 and X24 are the places of the meeting, this CPU's first.
    private static let meet: [A64] = [
        .stlr(.x19, .x23), .b(2), .yield, .ldar(.x10, .x24), .cmp(.x10, .x19), .b(.cc, -3),
    ]

    /// Runs two programs against each other; each round gets fresh places X25 and X26 (64 bytes apart, all zero) and
    /// counts in X28 when what it read makes the forbidden outcome. `check` sees what both read in a round, by X8 and
    /// X9 that each stores.
    private func litmus(
        _ first: [A64], _ second: [A64], isForbidden: (_ first: (UInt64, UInt64), _ second: (UInt64, UInt64)) -> Bool
    ) throws {
        let rounds: UInt64 = 3000
        let machine = try SystemMachine(cpuCount: 2)
        let places = SystemMachine.Layout.free
        let results = SystemMachine.Layout.free + 0x10_0000
        for (cpu, body) in [first, second].enumerated() {
            let prologue: [A64] = [.add(.x19, .x19, 1)] + Self.meet + [.movz(.x8, 0), .movz(.x9, 0)]
            let epilogue: [A64] = [
                .stp(.x8, .x9, .x27), .add(.x27, .x27, 32), .add(.x25, .x25, 128), .add(.x26, .x26, 128),
                .cmp(.x19, .x18),
            ]
            var program = prologue + body + epilogue
            program += [.b(.ne, -program.count), .hvc(1)]
            let address = Self.code + UInt64(cpu) * 0x1000
            machine.load(program, at: address)
            try machine.prepare(cpu, at: address, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            let registers: [Register: UInt64] = [
                .x1: 1, .x18: rounds, .x19: 0, .x23: Self.data + UInt64(cpu) * 64,
                .x24: Self.data + UInt64(1 - cpu) * 64, .x25: places, .x26: places + 64,
                .x27: results + UInt64(cpu) * 16,
            ]
            for (register, value) in registers { machine.vm.cpus[cpu].setRegister(register.index, value) }
        }
        #expect(try machine.runConcurrently() == [.call(1), .call(1)])
        var forbidden = 0
        for round in 0..<rounds {
            let place = results + round * 32
            let read = (0..<4).map { machine.word(at: place + UInt64($0) * 8) }
            if isForbidden((read[0], read[1]), (read[2], read[3])) { forbidden += 1 }
        }
        #expect(forbidden == 0)
    }

    @Test("Message passing: who sees the flag sees the data, by DMB and by STLR and LDAR")
    func messagePassing() throws {
        let writers: [[A64]] = [
            [.str(.x1, .x25), .dmb, .str(.x1, .x26)], [.str(.x1, .x25), .stlr(.x1, .x26)],
        ]
        let readers: [[A64]] = [
            [.ldr(.x8, .x26), .dmb, .ldr(.x9, .x25)], [.ldar(.x8, .x26), .ldr(.x9, .x25)],
        ]
        for writer in writers {
            for reader in readers {
                try litmus(writer, reader) { _, second in second.0 == 1 && second.1 == 0 }
            }
        }
    }

    @Test("Store buffering: not both miss the other's store, by DMB and by STLR and LDAR")
    func storeBuffering() throws {
        try litmus([.str(.x1, .x25), .dmb, .ldr(.x8, .x26)], [.str(.x1, .x26), .dmb, .ldr(.x8, .x25)]) {
            first, second in
            first.0 == 0 && second.0 == 0
        }
        try litmus([.stlr(.x1, .x25), .ldar(.x8, .x26)], [.stlr(.x1, .x26), .ldar(.x8, .x25)]) { first, second in
            first.0 == 0 && second.0 == 0
        }
    }

    // MARK: TLB maintenance

    @Test("After TLBI IS and DSB no other CPU writes by the old translation", arguments: [Mode.el1h, .el0t])
    func broadcast(writer: Mode) throws {
        let machine = try SystemMachine(cpuCount: 2)
        let window: UInt64 = 0x5555_0000_0000
        let alias: UInt64 = 0x7777_0000_0000
        let page = SystemMachine.Layout.free
        let tables = machine.makeTables()
        let attributes: PageAttributes = writer == .el0t ? .userData : .data
        let place = tables.map(window, to: page, attributes)
        tables.map(alias, to: place & ~0xFFF, .data)
        tables.map(alias + 0x1000, to: page, .data)
        for cpu in 0..<2 { try machine.enableMMU(tables, on: cpu) }
        // CPU 1 counts in the window as fast as it can, until the word at x20 says that it is enough. While the window
        // is not mapped it comes back by its vector to try again.
        let vectors = SystemMachine.Layout.vectors
        let end = SystemMachine.Layout.userData
        machine.load([.cbnz(.x3, 2), .eret, .hvc(1)], at: vectors + writer.synchronousVector)
        try machine.set(.vbarEL1, vectors, on: 1)
        let code = [Self.code, writer == .el0t ? SystemMachine.Layout.userCode : Self.code + 0x1000]
        machine.load([.add(.x2, .x2, 1), .str(.x2, .x1), .ldr(.x3, .x20), .cbz(.x3, -3), .svc(1)], at: code[1])
        // CPU 0: unmap, TLBI, DSB; then the page's word must stay as it is; map again, and wait until it moves.
        // x1 descriptor's alias, x2 descriptor, x3 operand, x4 the page's alias, x19 rounds, x20 as above, x28 errors.
        machine.load(
            [
                .str(.zr, .x1), .dsbISH, .sys(.tlbiVAE1IS, .x3), .dsbISH, .isb,
                .ldr(.x5, .x4), .movz(.x6, 2000), .sub(.x6, .x6, 1), .cbnz(.x6, -1), .ldr(.x7, .x4), .cmp(.x5, .x7),
                .b(.eq, 2), .add(.x28, .x28, 1),
                .str(.x2, .x1), .dsbISH, .isb,
                .yield, .ldr(.x7, .x4), .cmp(.x5, .x7), .b(.eq, -3),
                .sub(.x19, .x19, 1), .cbnz(.x19, -21), .movz(.x7, 1), .str(.x7, .x20), .hvc(1),
            ], at: Self.code)
        let registers: [[Register: UInt64]] = [
            [
                .x1: alias | place & 0xFFF, .x2: PageTables.descriptor(page, attributes), .x3: window >> 12,
                .x4: alias + 0x1000, .x19: 200, .x20: end, .x28: 0,
            ],
            [.x1: window, .x2: 0, .x3: 0, .x20: end],
        ]
        for (cpu, mode) in [Mode.el1h, writer].enumerated() {
            try machine.prepare(cpu, at: code[cpu], spsr: mode.rawValue | PSTATEBit.daif)
            for (register, value) in registers[cpu] { machine.vm.cpus[cpu].setRegister(register.index, value) }
        }
        #expect(try machine.runConcurrently() == [.call(1), .call(1)])
        #expect(machine.x(19) == 0)
        #expect(machine.x(28) == 0)
    }

    @Test("CPUs that all broadcast and wait for each other at once finish")
    func broadcastStorm() throws {
        let machine = try SystemMachine(cpuCount: 4)
        try run(
            machine,
            [
                .sys(.tlbiVAE1IS, .x1), .dsbISH, .isb, .sys(.tlbiVMALLE1IS), .dsbISH, .sys(.tlbiRVALE1IS, .x1), .dsb,
                .sub(.x19, .x19, 1), .cbnz(.x19, -8), .hvc(1),
            ], [.x1: 1 << 46, .x19: 300])
    }
}
