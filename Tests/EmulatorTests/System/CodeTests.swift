// Code that changes, and code that is seen in more than one way: DDI 0487, B2.4.4 and B2.7.4.
//
// CTR_EL0 has IDC and DIC set, so that DSB and ISB are all that is needed.

import Foundation
import Hypervisor
import Synchronization
import Testing

@testable import Emulator

@Suite("Modified code", .serialized, .everyEngine)
struct CodeTests {
    private static let code = SystemMachine.Layout.code

    @Test("Code that changes itself in the same block, page or another page is what was written, after DSB and ISB")
    func selfModifying() throws {
        // The place of the instruction that is changed, relative to the program: the block that is running, another
        // block of its page that has run before, another page.
        for place: UInt64 in [8 * 4, 0x100, 0x2000] {
            let machine = try SystemMachine()
            machine.load([.movz(.x7, 1), .ret], at: Self.code + place)
            var program: [A64] = [
                .blr(.x1), .mov(.x2, .x7), .strw(.x3, .x1), .dsb, .isb, .blr(.x1), .mov(.x4, .x7), .hvc(1),
            ]
            if place == 8 * 4 {
                // Straight on into what was changed.
                program = [.nop, .mov(.x2, .x7), .strw(.x3, .x1), .dsb, .isb, .nop, .nop, .nop]
                machine.load([.movz(.x7, 1), .mov(.x4, .x7), .hvc(1)], at: Self.code + place)
                machine.load(program, at: Self.code)
                // Once without a change, so that all of it is translated.
                #expect(
                    try machine.run(
                        at: Self.code, [.x1: Self.code + place, .x3: UInt64(A64.movz(.x7, 1).word), .x7: 1])
                        == .call(1))
            }
            machine.load(program, at: Self.code)
            let stop = try machine.run(
                at: Self.code, [.x1: Self.code + place, .x3: UInt64(A64.movz(.x7, 2).word), .x7: 1])
            #expect(stop == .call(1), "\(place)")
            #expect(machine.x(2) == 1, "\(place)")
            #expect(machine.x(4) == 2, "\(place)")
        }
    }

    @Test("A loop that patches a function in its own page a thousand times calls each version")
    func patchedLoop() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let window: UInt64 = 0x5555_0000_0000
        tables.map(window, to: SystemMachine.Layout.free, .code)
        // x1 the function, x2 MOVZ X7, #0; x3 the number; x4 its limit; x5 errors.
        machine.load(
            [
                .word(0x8B03_1446),  // add x6, x2, x3, lsl #5: the immediate of MOVZ is in bits 20:5
                .strw(.x6, .x1), .dsb, .isb, .blr(.x1), .cmp(.x7, .x3), .b(.eq, 2), .add(.x5, .x5, 1),
                .add(.x3, .x3, 1), .cmp(.x3, .x4), .b(.ne, -10), .hvc(1),
            ], at: SystemMachine.Layout.free)
        machine.load([.movz(.x7, 0), .ret], at: SystemMachine.Layout.free + 0x200)
        let stop = try machine.run(
            at: window,
            [.x1: window + 0x200, .x2: UInt64(A64.movz(.x7, 0).word), .x3: 1, .x4: 1000, .x5: 0])
        #expect(stop == .call(1))
        #expect(machine.x(3) == 1000)
        #expect(machine.x(5) == 0)
    }

    @Test("Every kind of store to code is noticed")
    func kindsOfStores() throws {
        let stores: [A64] = [
            .strw(.x3, .x1), .strb(.x3, .x1), .str(.x8, .x1), .stp(.x8, .x8, .x1), .stlr(.x8, .x1),
            .ldadd(.x9, .x10, .x1), .cas(.x11, .x8, .x1), .casp(.x12, .x14, .x1), .strPost(.x8, .x16, 0),
        ]
        let old = UInt64(A64.movz(.x7, 1).word) | UInt64(A64.ret.word) << 32
        let new = UInt64(A64.movz(.x7, 3).word) | UInt64(A64.ret.word) << 32
        for store in stores {
            let (machine, _) = try SystemMachine.withMMU()
            let function = Self.code + 0x1000
            machine.memory.store(old, at: function)
            machine.memory.store(old, at: function + 8)
            let stop = try machine.run(
                [.blr(.x1), .mov(.x2, .x7), store, .dsb, .isb, .blr(.x1), .hvc(1)],
                [
                    .x1: function, .x3: new & 0xFFFF_FFFF, .x8: new, .x9: new &- old, .x11: old, .x12: old, .x13: old,
                    .x14: new, .x15: old, .x16: function,
                ])
            #expect(stop == .call(1), "\(String(store.word, radix: 16))")
            #expect(machine.x(2) == 1, "\(String(store.word, radix: 16))")
            #expect(machine.x(7) == 3, "\(String(store.word, radix: 16))")
        }
    }

    @Test("An exclusive store and DC ZVA to code are noticed")
    func exclusiveAndZeroing() throws {
        let (machine, _) = try SystemMachine.withMMU()
        let function = Self.code + 0x1000
        machine.load([.movz(.x7, 1), .ret], at: function)
        let new = UInt64(A64.movz(.x7, 3).word) | UInt64(A64.ret.word) << 32
        let stop = try machine.run(
            [
                .blr(.x1), .mov(.x2, .x7), .ldxr(.x4, .x1), .stxr(.x5, .x8, .x1), .dsb, .isb, .blr(.x1), .mov(.x6, .x7),
                .sys(.dcZVA, .x1), .dsb, .isb, .blr(.x1), .hvc(1),
            ], [.x1: function, .x8: new])
        // Zero is UDF #0.
        #expect(stop.exception?.esr == esr(ExceptionClass.unknown))
        #expect(stop.exception?.elr == function)
        #expect([2, 5, 6].map { machine.x($0) } == [1, 0, 3])
    }

    @Test("Code that a device writes is what runs next")
    func deviceWrites() throws {
        let machine = try SystemMachine()
        for number in 1...50 {
            // Both ways that devices use: a store, and a copy through a pointer that is announced afterwards.
            if number & 1 == 0 {
                machine.memory.store(A64.movz(.x7, number).word, at: Self.code)
            } else {
                machine.memory.pointer(at: Self.code, count: 4)?
                    .storeBytes(of: A64.movz(.x7, number).word.littleEndian, as: UInt32.self)
                machine.memory.didWrite(at: Self.code, count: 4)
            }
            if number == 1 { machine.load([.hvc(1)], at: Self.code + 4) }
            #expect(try machine.run(at: Self.code) == .call(1))
            #expect(machine.x(7) == UInt64(number))
        }
    }

    @Test("Code that a device writes between the reading of an instruction and the keeping of its block is what runs")
    func deviceWritesBeforeKeeping() throws {
        for usesStore in [true, false] {
            let machine = try SystemMachine()
            machine.load([.movz(.x7, 1), .hvc(1)], at: Self.code)
            let memory = machine.memory
            var isWritten = false
            // A block that is not of this page leaves it alone.
            machine.cpu.builder.didRead = {
                guard !isWritten, machine.cpu.programCounter == Self.code else { return }
                isWritten = true
                let word = A64.movz(.x7, 2).word.littleEndian
                if usesStore {
                    memory.store(word, at: Self.code)
                } else {
                    memory.pointer(at: Self.code, count: 4)?.storeBytes(of: word, as: UInt32.self)
                    memory.didWrite(at: Self.code, count: 4)
                }
            }
            #expect(try machine.run(at: Self.code) == .call(1))
            #expect(isWritten && machine.x(7) == 2)
            machine.cpu.builder.didRead = nil
        }
    }

    @Test("Code that a device writes while a CPU runs it is seen after a signal and ISB")
    func deviceWritesMeanwhile() throws {
        let machine = try SystemMachine()
        let data = SystemMachine.Layout.data
        let function = Self.code + 0x1000
        // x1 the function, x2 the signal: waits for each signal, calls, and writes down what it got.
        machine.load(
            [
                .yield, .ldar(.x3, .x2), .cmp(.x3, .x4), .b(.eq, -3), .isb, .blr(.x1), .mov(.x4, .x3),
                .str(.x7, .x2, 8),
                .dsb, .str(.x3, .x2, 16), .cmp(.x3, .x5), .b(.ne, -10), .hvc(1),
            ], at: Self.code)
        machine.load([.movz(.x7, 0), .ret], at: function)
        let last: UInt64 = 200
        try machine.prepare(at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        for (register, value) in [(1, function), (2, data), (4, 0), (5, last)] {
            machine.cpu.setRegister(register, value)
        }
        let memory = machine.memory
        let mismatches = Mutex(0)
        let stops = try machine.runConcurrently {
            for number in 1...last {
                memory.store(A64.movz(.x7, Int(number)).word, at: function)
                memory.store(number, at: data)
                while memory.load(UInt64.self, at: data + 16) != number {
                    if Thread.current.isCancelled { return }
                    Thread.sleep(forTimeInterval: 0.0001)
                }
                if memory.load(UInt64.self, at: data + 8) != number { mismatches.withLock { $0 += 1 } }
            }
        }
        #expect(stops == [.call(1)])
        #expect(mismatches.withLock { $0 } == 0)
    }

    @Test("A CPU never runs code older than the version that a device published before its ISB, whoever is quicker")
    func deviceRaces() throws {
        let machine = try SystemMachine(cpuCount: 2)
        let data = SystemMachine.Layout.data
        let function = Self.code + 0x2000
        let entries = 28
        machine.load([A64](repeating: .nop, count: entries) + [.movz(.x7, 0), .ret], at: function)
        let patched = function + UInt64(entries) * 4
        let last: UInt64 = 20_000
        machine.memory.store(UInt64(0), at: data)
        for cpu in 0..<2 { try prepareReader(machine, cpu, function: function, patched: patched, last: last) }
        let memory = machine.memory
        let stops = try machine.runConcurrently {
            for number in 1...last {
                if Thread.current.isCancelled { return }
                memory.store(A64.movz(.x7, Int(number)).word, at: patched)
                memory.store(number, at: data)
            }
        }
        #expect(stops == [.call(1), .call(1)])
    }

    /// Lets a CPU call a function by one entry after the other, all of which come to the instruction that is patched:
    /// each call may have to make a new block in the page that is being written to.
    private func prepareReader(
        _ machine: SystemMachine, _ cpu: Int, function: PhysicalAddress, patched: PhysicalAddress, last: UInt64
    ) throws {
        // x1 the entry, x2 to and x9 from where it moves, x3 the last number, x5 the number's place.
        machine.load(
            [
                .ldar(.x4, .x5), .isb, .blr(.x1), .cmp(.x7, .x4), .b(.cs, 2), .hvc(0xBAD & 0xFF), .add(.x1, .x1, 4),
                .cmp(.x1, .x2), .b(.ne, 2), .mov(.x1, .x9), .cmp(.x4, .x3), .b(.ne, -11), .hvc(1),
            ], at: Self.code + 0x1000)
        try machine.prepare(cpu, at: Self.code + 0x1000, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        for (register, value) in [
            1: function, 2: patched + 4, 3: last, 5: SystemMachine.Layout.data, 9: function,
        ] { machine.vm.cpus[cpu].setRegister(register, value) }
    }

    /// CPU 0 patches a function and then publishes its number; the others call it all the time, and must never get a
    /// version older than what was published before their ISB.
    private func patching(_ machine: SystemMachine, rounds: UInt64, entries: Int) throws {
        let data = SystemMachine.Layout.data
        let function = Self.code + 0x2000
        // A run of entry points that all come to the instruction that is patched, so that each call may have to make
        // a new block in the page that is being written to.
        var body = [A64](repeating: .nop, count: entries)
        body += [.movz(.x7, 0), .ret]
        machine.load(body, at: function)
        let patched = function + UInt64(entries) * 4
        // The writer: x1 the instruction, x2 the number, x3 its limit, x4 MOVZ X7, #0, x5 the number's place.
        machine.load(
            [
                .word(0x8B02_1486),  // add x6, x4, x2, lsl #5
                .strw(.x6, .x1), .dsb, .stlr(.x2, .x5), .add(.x2, .x2, 1), .cmp(.x2, .x3), .b(.ne, -6), .hvc(1),
            ], at: Self.code)
        machine.memory.store(UInt64(0), at: data)
        try machine.prepare(at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        for (register, value) in [1: patched, 2: 1, 3: rounds + 1, 4: UInt64(A64.movz(.x7, 0).word), 5: data] {
            machine.cpu.setRegister(register, value)
        }
        for cpu in 1..<machine.vm.cpus.count {
            try prepareReader(machine, cpu, function: function, patched: patched, last: rounds)
        }
        let stops = try machine.runConcurrently()
        #expect(stops == [Stop](repeating: .call(1), count: machine.vm.cpus.count))
    }

    @Test("A CPU never runs code older than the version that another CPU published before its ISB")
    func anotherCPU() throws {
        try patching(SystemMachine(cpuCount: 3), rounds: 20_000, entries: 28)
    }

    @Test("The same while the code cache is always full")
    func anotherCPUWithFullCache() throws {
        try patching(
            SystemMachine(cpuCount: 3, ramByteCount: 16 << 20, codeCacheByteCount: 0), rounds: 5_000, entries: 28)
    }

    @Test("Code beside data that other CPUs write all the time gets on")
    func besideData() throws {
        let machine = try SystemMachine(cpuCount: 4)
        let done = SystemMachine.Layout.data
        let function = Self.code + 0x2000
        let entries = 500
        machine.load([A64](repeating: .nop, count: entries) + [.ret], at: function)
        // Calls each entry, so that each needs a block of its own, and then says that it is done.
        machine.load(
            [.blr(.x1), .add(.x1, .x1, 4), .cmp(.x1, .x2), .b(.ne, -3), .str(.x2, .x3), .hvc(1)], at: Self.code)
        // A writer: counts in the function's page until then.
        machine.load(
            [.add(.x4, .x4, 1), .str(.x4, .x1), .ldr(.x5, .x3), .cbz(.x5, -3), .hvc(1)], at: Self.code + 0x1000)
        machine.memory.store(UInt64(0), at: done)
        for cpu in 0..<4 {
            let registers: [Int: UInt64] =
                cpu == 0
                ? [1: function, 2: function + UInt64(entries) * 4, 3: done]
                : [1: function + 0xF00 + UInt64(cpu) * 8, 3: done, 4: 0]
            try machine.prepare(
                cpu, at: cpu == 0 ? Self.code : Self.code + 0x1000, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            for (register, value) in registers { machine.vm.cpus[cpu].setRegister(register, value) }
        }
        let stops = try machine.runConcurrently()
        #expect(stops == [Stop](repeating: .call(1), count: 4))
    }

    @Test("A code cache that is too small for the program runs it all the same, on several CPUs")
    func fullCache() throws {
        let cpuCount = 3
        let machine = try SystemMachine(cpuCount: cpuCount, ramByteCount: 16 << 20, codeCacheByteCount: 0)
        // A chain of functions, each on a page of its own and each adding its number, with barriers and TLBI in
        // between, as a kernel has them: far more pages than fit.
        let pages = 300
        let first = SystemMachine.Layout.free
        for page in 0..<pages {
            let distance = (0x1000 - 6 * 4) / 4
            machine.load(
                [
                    .add(.x1, .x1, page), .dsb, .sys(.tlbiVAE1IS, .x2), .dsb, .isb, .add(.x3, .x3, 1),
                    page == pages - 1 ? .ret : .b(distance),
                ], at: first + UInt64(page) << 12)
        }
        machine.load([.blr(.x9), .sub(.x5, .x5, 1), .cbnz(.x5, -2), .hvc(1)], at: Self.code)
        let rounds: UInt64 = 10
        for cpu in 0..<cpuCount {
            try machine.prepare(cpu, at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            for (register, value) in [(1, 0), (2, 0), (3, 0), (5, rounds), (9, first)] {
                machine.vm.cpus[cpu].setRegister(register, value)
            }
        }
        #expect(try machine.runConcurrently() == [Stop](repeating: .call(1), count: cpuCount))
        for cpu in 0..<cpuCount {
            #expect(machine.x(1, on: cpu) == rounds * UInt64(pages * (pages - 1) / 2))
            #expect(machine.x(3, on: cpu) == rounds * UInt64(pages))
        }
    }

    @Test("The same instructions mean at each exception level what they mean there")
    func bothExceptionLevels() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let window: UInt64 = 0x5555_0000_0000
        tables.map(window, to: SystemMachine.Layout.free, [.accessed, .user, .readOnly])
        machine.load([.movz(.x2, 7), .mrs(.x1, .currentEL), .svc(4)], at: SystemMachine.Layout.free)
        for _ in 0..<3 {
            let atEL1 = try #require(try machine.run(at: window, as: .el1h, [.x2: 0]).exception)
            #expect(atEL1.esr == esr(ExceptionClass.svc, 4))
            #expect(machine.x(1) == 1 << 2)
            let atEL0 = try #require(try machine.run(at: window, as: .el0t, [.x2: 0]).exception)
            #expect(atEL0.esr == esr(ExceptionClass.unknown))
            #expect(atEL0.elr == window + 4)
            #expect(machine.x(2) == 7)
        }
    }

    @Test("A page at two virtual addresses is position independent, and a change by one is seen at the other")
    func aliases() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let aliases: [UInt64] = [0x5555_0000_0000, 0x5555_0000_3000, 0x1234_5678_9000]
        let writable: UInt64 = 0x6666_0000_0000
        for alias in aliases { tables.map(alias, to: SystemMachine.Layout.free, [.code, .readOnly]) }
        tables.map(writable, to: SystemMachine.Layout.free, .data)
        // A loop, so that blocks are linked; BL and literal loads are relative too.
        let code: [A64] = [
            .adr(.x1, 0), .bl(6), .sub(.x5, .x5, 1), .cbnz(.x5, -3), .ldrLiteral(.x4, 6), .hvc(1), .nop,
            .mov(.x3, .x30), .ret, .nop, .word(0x1234_5678), .word(0),
        ]
        machine.load(code, at: SystemMachine.Layout.free)
        for alias in aliases + aliases {
            #expect(try machine.run(at: alias, [.x5: 5]) == .call(1))
            #expect(machine.x(1) == alias)
            #expect(machine.x(3) == alias + 8)
            #expect(machine.x(4) == 0x1234_5678)
        }
        for (number, alias) in aliases.enumerated() {
            let patch: [A64] = [.strw(.x2, .x1), .dsb, .isb, .br(.x6)]
            let stop = try machine.run(
                patch, [.x1: writable + 20, .x2: UInt64(A64.hvc(10 + number).word), .x5: 1, .x6: alias])
            #expect(stop == .call(UInt16(10 + number)))
            #expect(machine.x(1) == alias)
        }
    }

    @Test("A branch from the last instruction of a page, and one into the middle of a block, arrive")
    func pageEnds() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let window: UInt64 = 0x5555_0000_0000
        // Neighbours in virtual memory only.
        tables.map(window, to: SystemMachine.Layout.free + 0x3000, .code)
        tables.map(window + 0x1000, to: SystemMachine.Layout.free, .code)
        machine.load([.movz(.x1, 1), .add(.x1, .x1, 2)], at: SystemMachine.Layout.free + 0x3FF8)
        machine.load([.add(.x1, .x1, 4), .add(.x1, .x1, 8), .hvc(1)], at: SystemMachine.Layout.free)
        for _ in 0..<2 {
            #expect(try machine.run(at: window + 0xFF8) == .call(1))
            #expect(machine.x(1) == 15)
            #expect(try machine.run(at: window + 0xFFC, [.x1: 0]) == .call(1))
            #expect(machine.x(1) == 14)
            #expect(try machine.run(at: window + 0x1004, [.x1: 0]) == .call(1))
            #expect(machine.x(1) == 8)
        }
        // With the second page gone, the fault is that of the second page's fetch.
        tables.map(window + 0x1000, to: SystemMachine.Layout.free, .data)
        _ = try machine.run([.sys(.tlbiVMALLE1), .dsb, .isb, .hvc(1)])
        let taken = try #require(try machine.run(at: window + 0xFF8).exception)
        #expect(taken.esr == esr(ExceptionClass.instructionAbort, FaultCode.permission(3)))
        #expect(taken.elr == window + 0x1000)
        #expect(taken.far == window + 0x1000)
        #expect(machine.x(1) == 3)
    }
}
