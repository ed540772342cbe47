// Four CPUs that do at once what is hard to get right: contended atomics and exclusives, page tables that change under
// everybody, code that one CPU writes and the others call. Each step checks what it sees, and the sums are checked in
// the end. DDI 0487, B2.4.4 (code), B2.12 (exclusives), D8.16.5 (TLBI broadcast), D8.17.1 (break-before-make).

import Emulator
import Foundation
import Hypervisor
import Testing

@Suite("Four CPUs under stress", .serialized)
struct StressTests {
    private static let cpuCount = 4
    private static let rounds: UInt64 = 4000
    /// How long the nightly run goes on, in seconds.
    private static let nightlySeconds = 180.0
    /// CTR_EL0 has IDC and DIC set, so that code needs no cache maintenance.
    private static let code = SystemMachine.Layout.code

    /// Where shared data lies: each in a line of its own.
    private enum Place {
        static let added = SystemMachine.Layout.data
        static let exclusive = added + 0x40
        static let swapped = added + 0x80
        static let guarded = added + 0xC0
        static let mappingLock = added + 0x100
        static let codeLock = added + 0x140
        /// What each CPU's window should show.
        static let tags = added + 0x180
        /// What the function should return.
        static let version = added + 0x1C0
        /// The function, in a page of its own.
        static let function = code + 0x2000
    }

    private static let window: UInt64 = 0x5555_0000_0000
    private static let descriptors: UInt64 = 0x7777_0000_0000
    private static let pageByteCount: UInt64 = 0x1000

    /// Two pages for each CPU's window.
    private static func page(_ cpu: Int, _ which: Int) -> PhysicalAddress {
        SystemMachine.Layout.free + UInt64(cpu * 2 + which) * pageByteCount
    }

    /// What is in a page.
    private static func tag(_ cpu: Int, _ which: Int) -> UInt64 { 0x1000 + UInt64(cpu * 2 + which) }

    // MARK: The guest's program
    //
    // x0 the CPU's number, x1 one, x11 its window's descriptor, x12 and x13 the next and the current value of that,
    // x14 its TLBI operand, x15 and x16 the tags of the two, x17 the place of its tag, x19 rounds to go, x20 the shared
    // data, x21 and x22 the locks, x24 the windows, x25 the function, x27 the tags, x28 mistakes seen.

    /// Takes the lock at `lock`; x2 and x3 are lost.
    private static func acquire(_ lock: Register) -> [A64] {
        [.b(2), .yield, .ldaxr(.x2, lock), .cbnz(.x2, -2), .stxr(.x3, .x1, lock), .cbnz(.x3, -3)]
    }

    private static func release(_ lock: Register) -> [A64] { [.stlr(.zr, lock)] }

    /// Counts a mistake if the two differ.
    private static func expectEqual(_ left: Register, _ right: Register) -> [A64] {
        [.cmp(left, right), .b(.eq, 2), .add(.x28, .x28, 1)]
    }

    /// One more in each of three counters, without a lock.
    private static let count: [A64] =
        [
            .ldadd(.x1, .x2, .x20),
            .add(.x4, .x20, Int(Place.exclusive - Place.added)),
            .ldxr(.x2, .x4), .add(.x2, .x2, 1), .stxr(.x3, .x2, .x4), .cbnz(.x3, -3),
            .add(.x4, .x20, Int(Place.swapped - Place.added)),
            .ldr(.x2, .x4), .add(.x3, .x2, 1), .mov(.x5, .x2), .cas(.x5, .x3, .x4), .cmp(.x5, .x2), .b(.ne, -5),
        ]

    /// Maps the other page in this CPU's window, by break-before-make, and says which it is.
    private static let remap: [A64] =
        acquire(.x21)
        + [
            .str(.zr, .x11), .dsbISH, .sys(.tlbiVAE1IS, .x14), .dsbISH,
            .str(.x12, .x11), .dsbISH, .isb, .str(.x15, .x17),
            .mov(.x2, .x12), .mov(.x12, .x13), .mov(.x13, .x2), .mov(.x2, .x15), .mov(.x15, .x16), .mov(.x16, .x2),
            // A counter that only the lock protects.
            .add(.x4, .x20, Int(Place.guarded - Place.added)), .ldr(.x2, .x4), .add(.x2, .x2, 1), .str(.x2, .x4),
        ] + release(.x21)

    /// Looks through every CPU's window.
    private static let look: [A64] =
        acquire(.x21)
        + (0..<cpuCount).flatMap { cpu -> [A64] in
            [
                .ldr(.x2, .x27, cpu * 8), .movz(.x3, cpu * Int(pageByteCount)), .add(.x3, .x24, .x3), .ldr(.x4, .x3),
            ] + expectEqual(.x2, .x4)
        } + release(.x21)

    /// Makes the function return the next number.
    private static let patch: [A64] =
        acquire(.x22)
        + [
            .add(.x4, .x20, Int(Place.version - Place.added)), .ldr(.x6, .x4), .add(.x6, .x6, 1),
            .movz(.x8, Int(A64.movz(.x7, 0).word & 0xFFFF)), .movk(.x8, Int(A64.movz(.x7, 0).word >> 16), lsl: 16),
            .word(0xB37B_3CC8),  // BFI X8, X6, #5, #16
            .strw(.x8, .x25), .dsbISH, .isb, .str(.x6, .x4),
        ] + release(.x22)

    /// Calls the function, which may be another CPU's.
    private static let call: [A64] =
        acquire(.x22)
        + [
            .isb, .add(.x4, .x20, Int(Place.version - Place.added)), .ldr(.x6, .x4),
            .word(0xD340_3CC9),  // UBFX X9, X6, #0, #16
            .blr(.x25),
        ] + expectEqual(.x7, .x9) + release(.x22)

    private static let program: [A64] = {
        let body = count + remap + look + patch + look + call
        return body + [.sub(.x19, .x19, 1), .cbnz(.x19, -(body.count + 1)), .hvc(1)]
    }()

    // MARK: Running it

    private func run(_ engine: Engine, rounds: UInt64) throws {
        // A cache that is full now and then: every version of the function is a block.
        let machine = try SystemMachine(cpuCount: Self.cpuCount, codeCacheByteCount: 1 << 20, engine: engine)
        let tables = machine.makeTables()
        var places: [PhysicalAddress] = []
        for cpu in 0..<Self.cpuCount {
            for which in 0..<2 { machine.memory.store(Self.tag(cpu, which), at: Self.page(cpu, which)) }
            places.append(
                tables.map(Self.window + UInt64(cpu) * Self.pageByteCount, to: Self.page(cpu, 0), .data))
            machine.memory.store(Self.tag(cpu, 0), at: Place.tags + UInt64(cpu) * 8)
        }
        tables.map(Self.descriptors, to: places[0] & ~0xFFF, .data)
        machine.load([.movz(.x7, 0), .ret], at: Place.function)
        machine.load(Self.program, at: Self.code)
        for cpu in 0..<Self.cpuCount {
            try machine.enableMMU(tables, on: cpu)
            try machine.prepare(cpu, at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            let registers: [Register: UInt64] = [
                .x0: UInt64(cpu), .x1: 1, .x11: Self.descriptors | places[cpu] & 0xFFF,
                .x12: PageTables.descriptor(Self.page(cpu, 1), .data),
                .x13: PageTables.descriptor(Self.page(cpu, 0), .data),
                .x14: (Self.window + UInt64(cpu) * Self.pageByteCount) >> 12, .x15: Self.tag(cpu, 1),
                .x16: Self.tag(cpu, 0), .x17: Place.tags + UInt64(cpu) * 8, .x19: rounds, .x20: Place.added,
                .x21: Place.mappingLock, .x22: Place.codeLock, .x24: Self.window, .x25: Place.function,
                .x27: Place.tags, .x28: 0,
            ]
            for (register, value) in registers { machine.vm.cpus[cpu].setRegister(register.index, value) }
        }
        // Interrupts that are masked change nothing, but CPUs have to look.
        let cpus = machine.vm.cpus
        let stops = try machine.runConcurrently(seconds: 1200) {
            while !Thread.current.isCancelled {
                for cpu in cpus { cpu.setInterruptPending(!cpu.hasPendingInterrupt) }
                Thread.sleep(forTimeInterval: 0.001)
            }
        }
        #expect(stops == [Stop](repeating: .call(1), count: Self.cpuCount))
        let total = UInt64(Self.cpuCount) * rounds
        #expect(machine.word(at: Place.added) == total, "LDADD")
        #expect(machine.word(at: Place.exclusive) == total, "LDXR and STXR")
        #expect(machine.word(at: Place.swapped) == total, "CAS")
        #expect(machine.word(at: Place.guarded) == total, "a counter behind a lock")
        #expect(machine.word(at: Place.version) == total, "versions of the function")
        for cpu in 0..<Self.cpuCount {
            #expect(machine.x(28, on: cpu) == 0, "CPU \(cpu) saw an old page or old code")
            #expect(
                machine.word(at: Place.tags + UInt64(cpu) * 8) == Self.tag(cpu, Int(rounds & 1)), "CPU \(cpu)'s window")
        }
    }

    @Test(
        "Every atomic counts, every remapped page and every patched function is seen by all",
        arguments: TestEngine.selected)
    func everythingAtOnce(engine: Engine) throws {
        try run(engine, rounds: Self.rounds)
        guard OracleSettings().isNightly else { return }
        let end = Date().addingTimeInterval(Self.nightlySeconds)
        while Date() < end { try run(engine, rounds: Self.rounds * 10) }
    }
}
