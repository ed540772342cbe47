// ROM whose stores go to a device, which may take the loads too: NOR flash.

import Emulator
import Hypervisor
import Testing

@Suite("Flash", .serialized, .everyEngine)
struct FlashTests {
    private typealias Layout = SystemMachine.Layout
    private typealias Command = TestFlash.Command

    private static let base = Layout.flash.lowerBound
    private static let window: UInt64 = 0x5555_0000_0000
    private static let userWindow: UInt64 = 0x6666_0000_0000

    /// A machine whose MMU is on, with the flash's first pages at `window`, and at `userWindow` for EL0.
    private func machine(
        cpuCount: Int = 1, _ attributes: PageAttributes = .code
    ) throws -> (SystemMachine, GuestROM, TestFlash) {
        let (machine, rom, flash) = try SystemMachine.withFlash(cpuCount: cpuCount)
        let tables = machine.makeTables()
        for offset in stride(from: 0 as UInt64, to: 0x1_0000, by: 0x1000) {
            tables.map(Self.window + offset, to: Self.base + offset, attributes)
            tables.map(Self.userWindow + offset, to: Self.base + offset, .userData)
        }
        for cpu in 0..<cpuCount { try machine.enableMMU(tables, on: cpu) }
        return (machine, rom, flash)
    }

    @Test("A store to ROM reaches its device and does not change memory; a load finds memory")
    func stores() throws {
        for attributes: PageAttributes in [.data, [.data, .device]] {
            let (machine, rom, flash) = try machine(attributes)
            rom.write((0..<16).map { UInt8($0) }, offset: 0)
            // Read first, so that the page is known, and between the stores.
            let stop = try machine.run(
                [
                    .ldr(.x2, .x1), .str(.x3, .x1), .ldr(.x4, .x1), .strb(.x3, .x1), .stp(.x3, .x3, .x1, 16),
                    .ldr(.x5, .x1, 8), .hvc(1),
                ], [.x1: Self.window, .x3: Command.readArray])
            #expect(stop == .call(1))
            #expect(
                [2, 4, 5].map { machine.x($0) }
                    == [0x0706_0504_0302_0100, 0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908])
            #expect(flash.stores == [0, 0, 16, 24])
            #expect(rom.read(offset: 0, count: 32) == (0..<16).map { UInt8($0) } + [UInt8](repeating: 0, count: 16))
        }
    }

    @Test("A store to ROM that nobody stands behind is an external abort, and so is what a device cannot do")
    func refused() throws {
        let machine = try SystemMachine(rom: [Layout.flash])
        #expect(try machine.run([.ldr(.x2, .x1), .hvc(1)], [.x1: Self.base]) == .call(1))
        let taken = try #require(try machine.run([.str(.x2, .x1), .hvc(1)], [.x1: Self.base]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.externalAbort | FaultCode.write))
        let (flash, rom, device) = try self.machine(.data)
        for access in [A64.ldadd(.x2, .x3, .x1), .cas(.x2, .x3, .x1), .stxr(.x3, .x2, .x1), .sys(.dcZVA, .x1)] {
            let taken = try #require(try flash.run([.ldxr(.x4, .x1), access, .hvc(1)], [.x1: Self.window]).exception)
            #expect(taken.elr == Layout.code + 4)
            #expect(taken.esr >> 26 == ExceptionClass.dataAbort)
        }
        #expect(device.stores.isEmpty)
        #expect(rom.read(offset: 0, count: 64) == [UInt8](repeating: 0, count: 64))
    }

    @Test("Code runs in ROM, and what is programmed there is what runs next")
    func code() throws {
        let (machine, rom, _) = try machine()
        rom.load([.movz(.x7, 1), .ret], offset: 0x100)
        rom.load([.sub(.x5, .x5, 1), .blr(.x1), .cbnz(.x5, -2), .hvc(1)], offset: 0x1000)
        #expect(try machine.run(at: Self.window + 0x1000, [.x1: Self.window + 0x100, .x5: 2000]) == .call(1))
        #expect(machine.x(7) == 1)
        // From RAM, as a driver does it that programs the flash that it came from.
        let stop = try machine.run(
            [
                .blr(.x1), .mov(.x2, .x7), .strw(.x3, .x1), .strw(.x4, .x1), .dsb, .isb, .blr(.x1), .hvc(1),
            ], [.x1: Self.window + 0x100, .x3: Command.program, .x4: UInt64(A64.movz(.x7, 2).word)])
        #expect(stop == .call(1))
        #expect([2, 7].map { machine.x($0) } == [1, 2])
        // By code in the same page.
        rom.load([.movz(.x8, 5), .strw(.x3, .x1), .strw(.x4, .x1), .dsb, .isb, .blr(.x1), .hvc(2)], offset: 0x200)
        #expect(
            try machine.run(
                at: Self.window + 0x200,
                [.x1: Self.window + 0x100, .x3: Command.program, .x4: UInt64(A64.movz(.x7, 3).word)]) == .call(2))
        #expect(machine.x(7) == 3)
    }

    @Test("Translation tables may be in ROM, and not while it is a device")
    func tables() throws {
        let (machine, rom, _) = try SystemMachine.withFlash()
        let tables = machine.makeTables()
        tables.map(Self.window, to: Self.base, .data)
        // The table of level 0 is copied to ROM.
        let root = try #require(machine.memory.read(at: tables.root, count: 0x1000))
        rom.write(root, offset: 0x4000)
        try machine.enableMMU(tables)
        // Another ASID, so that nothing is known of it yet.
        let new = (Self.base + 0x4000) | 1 << 48
        #expect(
            try machine.run(
                [.msr(.ttbr0EL1, .x1), .isb, .ldr(.x2, .x3), .hvc(1)], [.x1: new, .x3: Layout.data]) == .call(1))
        // What was translated may still be known. After it is dropped, not even a vector is found.
        let stop = try machine.run(
            [.str(.x5, .x1), .sys(.tlbiVMALLE1), .dsb, .ldr(.x2, .x3), .hvc(1)],
            [.x1: Self.window, .x2: 7, .x3: Layout.data, .x5: Command.readIdentity])
        #expect(stop == .exit(.budgetExhausted))
        #expect(machine.x(2) == 7)
    }

    @Test("A load after the store that makes ROM a device finds the device, and after the store back memory")
    func modes() throws {
        for attributes: PageAttributes in [.data, [.data, .device]] {
            let (machine, rom, _) = try machine(attributes)
            rom.write([UInt8](repeating: 0xA5, count: 0x2000), offset: 0)
            for _ in 0..<100 {
                let stop = try machine.run(
                    [
                        .ldr(.x2, .x1), .ldr(.x3, .x9), .str(.x10, .x1), .ldr(.x4, .x1), .ldr(.x5, .x9),
                        .str(.x11, .x1),
                        .ldr(.x6, .x1), .ldr(.x7, .x9), .hvc(1),
                    ],
                    [
                        .x1: Self.window, .x9: Self.window + 0x1000, .x10: Command.readIdentity,
                        .x11: Command.readArray,
                    ])
                #expect(stop == .call(1))
                let contents: UInt64 = 0xA5A5_A5A5_A5A5_A5A5
                #expect(
                    (2...7).map { machine.x($0) }
                        == [contents, contents, TestFlash.identity, TestFlash.identity, contents, contents])
            }
        }
    }

    @Test("In a hot loop of EL0 or EL1 too", arguments: [Mode.el0t, .el1h])
    func modesInLoop(mode: Mode) throws {
        let (machine, rom, _) = try machine(.data)
        let contents: UInt64 = 0xA5A5_A5A5_A5A5_A5A5
        rom.write([UInt8](repeating: 0xA5, count: 0x1000), offset: 0)
        // x1 the flash, x2 rounds, x3 contents, x4 identity, x5 and x6 commands, x7 errors. The inner loop is hot by
        // itself.
        let stop = try machine.run(
            [
                .movz(.x9, 40),
                .ldr(.x8, .x1), .cmp(.x8, .x3), .b(.eq, 2), .add(.x7, .x7, 1), .sub(.x9, .x9, 1), .cbnz(.x9, -5),
                .str(.x5, .x1), .movz(.x9, 40),
                .ldr(.x8, .x1), .cmp(.x8, .x4), .b(.eq, 2), .add(.x7, .x7, 1), .sub(.x9, .x9, 1), .cbnz(.x9, -5),
                .str(.x6, .x1), .sub(.x2, .x2, 1), .cbnz(.x2, -17), mode == .el0t ? .svc(1) : .hvc(1),
            ], as: mode, flags: mode == .el0t ? 0 : PSTATEBit.daif,
            [
                .x1: mode == .el0t ? Self.userWindow : Self.window, .x2: 300, .x3: contents, .x4: TestFlash.identity,
                .x5: Command.readIdentity, .x6: Command.readArray, .x7: 0,
            ])
        if mode == .el0t {
            #expect(stop.exception?.esr == esr(ExceptionClass.svc, 1))
        } else {
            #expect(stop == .call(1))
        }
        #expect(machine.x(7) == 0)
        #expect(machine.x(2) == 0)
    }

    @Test("What a hot loop of EL0 remembers of a page of ROM is forgotten with its mode")
    func rememberedPage() throws {
        let (machine, rom, _) = try machine(.data)
        let words: UInt64 = 512
        let contents: UInt64 = 0x0101_0101_0101_0101
        rom.write([UInt8](repeating: 1, count: 0x1000), offset: 0)
        for mode in [GuestROM.Mode.memory, .device, .memory, .device] {
            rom.setMode(mode)
            // x3 += the sum of x4 words from x1 on.
            let stop = try machine.run(
                [.ldr(.x2, .x1), .add(.x3, .x3, .x2), .add(.x1, .x1, 8), .sub(.x4, .x4, 1), .cbnz(.x4, -4), .svc(1)],
                as: .el0t, flags: 0, [.x1: Self.userWindow, .x3: 0, .x4: words])
            #expect(stop.exception?.esr == esr(ExceptionClass.svc, 1))
            #expect(machine.x(3) == words &* (mode == .memory ? contents : TestFlash.identity))
        }
    }

    @Test("Instructions cannot be fetched from ROM that is a device, and are what they were when it is memory again")
    func fetches() throws {
        let (machine, rom, _) = try machine()
        rom.load([.movz(.x7, 1), .hvc(1)], offset: 0x100)
        for _ in 0..<3 {
            #expect(try machine.run(at: Self.window + 0x100) == .call(1))
            rom.setMode(.device)
            let taken = try #require(try machine.run(at: Self.window + 0x100).exception)
            #expect(taken.esr == esr(ExceptionClass.instructionAbort, FaultCode.externalAbort))
            #expect(taken.elr == Self.window + 0x100)
            rom.setMode(.memory)
        }
        // What is programmed meanwhile counts.
        rom.setMode(.device)
        rom.load([.hvc(2)], offset: 0x100)
        rom.setMode(.memory)
        #expect(try machine.run(at: Self.window + 0x100) == .call(2))
    }

    /// Runs CPU 0 at `Layout.code`, and the others a page behind, with registers for each.
    private func runAll(
        _ machine: SystemMachine, _ registers: (Int) -> [Int: UInt64]
    ) throws -> [Stop] {
        for cpu in 0..<machine.vm.cpus.count {
            try machine.prepare(
                cpu, at: cpu == 0 ? Layout.code : Layout.code + 0x1000, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            for (register, value) in registers(cpu) { machine.vm.cpus[cpu].setRegister(register, value) }
        }
        return try machine.runConcurrently()
    }

    @Test("Once a CPU has made ROM a device or memory, other CPUs that are told so find it")
    func otherCPUs() throws {
        let (machine, rom, _) = try machine(cpuCount: 2)
        let data = Layout.data
        let rounds: UInt64 = 400
        rom.write([UInt8](repeating: 0xA5, count: 0x1000), offset: 0)
        // CPU 0: x1 the flash, x2 and x3 the commands, x4 the round, x5 the rounds, x6 where it tells of them, x7 where
        // the other answers.
        machine.load(
            [
                .add(.x4, .x4, 1), .str(.x2, .x1), .stlr(.x4, .x6),
                .yield, .ldar(.x9, .x7), .cmp(.x9, .x4), .b(.ne, -3),
                .add(.x4, .x4, 1), .str(.x3, .x1), .stlr(.x4, .x6),
                .yield, .ldar(.x9, .x7), .cmp(.x9, .x4), .b(.ne, -3),
                .cmp(.x4, .x5), .b(.ne, -15), .hvc(1),
            ], at: Layout.code)
        // CPU 1: x2 the contents, x3 what a device says, x11 errors. It reads as memory what it does not wait for, and
        // waits without leaving the loop.
        let wait: [A64] = [.ldr(.x12, .x1), .ldar(.x9, .x6), .cmp(.x9, .x4), .b(.ne, -3)]
        func check(_ expected: Register) -> [A64] {
            [.ldr(.x12, .x1), .cmp(.x12, expected), .b(.eq, 2), .add(.x11, .x11, 1), .stlr(.x4, .x7)]
        }
        let body: [A64] =
            [.add(.x4, .x4, 1)] + wait + check(.x3) + [.add(.x4, .x4, 1)] + wait + check(.x2) + [.cmp(.x4, .x5)]
        machine.load(body + [.b(.ne, -body.count), .hvc(1)], at: Layout.code + 0x1000)
        let stops = try runAll(machine) { cpu in
            cpu == 0
                ? [
                    1: Self.window, 2: Command.readIdentity, 3: Command.readArray, 4: 0, 5: rounds, 6: data,
                    7: data + 0x100,
                ]
                : [
                    1: Self.window, 2: 0xA5A5_A5A5_A5A5_A5A5, 3: TestFlash.identity, 4: 0, 5: rounds, 6: data,
                    7: data + 0x100, 11: 0,
                ]
        }
        #expect(stops == [.call(1), .call(1)])
        #expect(machine.x(11, on: 1) == 0)
    }

    @Test(
        "CPUs that change the mode at the same time, and one that the code cache has no room for, do not wait for ever")
    func concurrentChanges() throws {
        let flash = TestFlash()
        let machine = try SystemMachine(
            cpuCount: 3, ramByteCount: 16 << 20, codeCacheByteCount: 0,
            devices: [.init(range: Layout.flash, device: flash)], rom: [Layout.flash])
        flash.connect(machine.memory.roms[0])
        // CPU 0 runs through many pages, so that the code cache is flushed all the time.
        let pages = 200
        for page in 0..<pages {
            machine.load(
                [.add(.x3, .x3, 1), page == pages - 1 ? .ret : .b((0x1000 - 4) / 4)],
                at: Layout.free + UInt64(page) << 12)
        }
        machine.load([.blr(.x9), .sub(.x5, .x5, 1), .cbnz(.x5, -2), .hvc(1)], at: Layout.code)
        // The others: x1 the flash, x2 and x3 the commands, x5 the rounds.
        machine.load(
            [.str(.x2, .x1), .str(.x3, .x1), .ldr(.x4, .x1), .sub(.x5, .x5, 1), .cbnz(.x5, -4), .hvc(1)],
            at: Layout.code + 0x1000)
        let stops = try runAll(machine) { cpu in
            cpu == 0
                ? [3: 0, 5: 20, 9: Layout.free]
                : [1: Self.base, 2: Command.readIdentity, 3: Command.readArray, 5: 1000]
        }
        #expect(stops == [.call(1), .call(1), .call(1)])
        #expect(machine.x(3) == 20 * UInt64(pages))
    }

    @Test("A CPU that runs in ROM is out of it when another has made it a device")
    func runningInROM() throws {
        let (machine, rom, _) = try machine(cpuCount: 2)
        let data = Layout.data
        // CPU 1 counts in a loop in ROM that nothing ends; CPU 0 waits until it has begun.
        rom.load([.add(.x4, .x4, 1), .stlr(.x4, .x6), .b(-2)], offset: 0x100)
        machine.load(
            [.ldar(.x9, .x6), .cmp(.x9, .x5), .b(.ls, -2), .str(.x2, .x1), .hvc(1)], at: Layout.code)
        machine.load([.br(.x1)], at: Layout.code + 0x1000)
        let stops = try runAll(machine) { cpu in
            cpu == 0
                ? [1: Self.window, 2: Command.readIdentity, 5: 10_000, 6: data]
                : [1: Self.window + 0x100, 4: 0, 6: data]
        }
        #expect(stops[0] == .call(1))
        let taken = try #require(stops[1].exception)
        #expect(taken.esr == esr(ExceptionClass.instructionAbort, FaultCode.externalAbort))
        #expect(taken.elr & ~0xFFF == Self.window)
    }
}
