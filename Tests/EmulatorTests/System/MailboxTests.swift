// What CPUs ask of one that does not run: bounded, and done in full before its next instruction. See docs/security.md.

import Arm64
import Hypervisor
import Testing

@testable import Emulator

@Suite("What a CPU holds of others' requests", .everyEngine)
struct MailboxTests {
    private static let code = SystemMachine.Layout.code
    private static let window: UInt64 = 0x5555_0000_0000

    /// Two CPUs, both with the same tables.
    private func machine() throws -> (SystemMachine, PageTables) {
        let machine = try SystemMachine(cpuCount: 2)
        let tables = machine.makeTables()
        for cpu in 0..<2 { try machine.enableMMU(tables, on: cpu) }
        return (machine, tables)
    }

    @Test("A CPU that is off holds no more TLBIs than its mailbox has places for, however many another one broadcasts")
    func bound() throws {
        let (machine, _) = try machine()
        // Each of another page.
        machine.load(
            [
                .sys(.tlbiVAE1IS, .x1), .add(.x1, .x1, 1), .sub(.x2, .x2, 1), .cbnz(.x2, -3), .hvc(1),
            ], at: Self.code)
        let off = machine.vm.cpus[1]
        #expect(try machine.run(at: Self.code, [.x1: 0, .x2: 100]) == .call(1))
        #expect(off.heldRequests.invalidations.count == 100)
        #expect(try machine.run(at: Self.code, [.x1: 0, .x2: 20_000]) == .call(1))
        #expect(off.heldRequests.invalidations.isEmpty)
        #expect(off.heldRequests.invalidatesEverything)
        #expect(off.postedRequests == 20_100)
    }

    @Test("Once a CPU is to forget everything, it is asked for nothing more, and that is done with the rest")
    func everything() throws {
        let (machine, _) = try machine()
        machine.load([.sys(.tlbiVAE1IS, .x1), .sys(.tlbiVMALLE1IS), .sys(.tlbiVAE1IS, .x1), .hvc(1)], at: Self.code)
        #expect(try machine.run(at: Self.code, [.x1: 0]) == .call(1))
        let other = machine.vm.cpus[1]
        #expect(other.heldRequests.invalidatesEverything)
        #expect(other.heldRequests.invalidations.isEmpty)
        machine.load([.hvc(2)], at: Self.code + 0x100)
        #expect(try machine.run(1, at: Self.code + 0x100) == .call(2))
        #expect(!other.heldRequests.invalidatesEverything)
        #expect(other.completedRequests == other.postedRequests)
    }

    @Test("What was coalesced is done: no translation from before is used after", arguments: [1, 200, 1000])
    func coalescedInvalidations(count: UInt64) throws {
        let (machine, tables) = try machine()
        let pages = [SystemMachine.Layout.free, SystemMachine.Layout.free + 0x1000]
        for (number, page) in pages.enumerated() { machine.memory.store(UInt64(number + 1), at: page) }
        tables.map(Self.window, to: pages[0], .data)
        machine.load([.ldr(.x3, .x4), .hvc(2)], at: Self.code + 0x100)
        #expect(try machine.run(1, at: Self.code + 0x100, [.x4: Self.window]) == .call(2))
        #expect(machine.x(3, on: 1) == 1)
        tables.map(Self.window, to: pages[1], .data)
        machine.load(
            [.sys(.tlbiVAE1IS, .x1), .add(.x1, .x1, 1), .sub(.x2, .x2, 1), .cbnz(.x2, -3), .dsbISH, .hvc(1)],
            at: Self.code)
        #expect(try machine.run(at: Self.code, [.x1: Self.window >> 12, .x2: count]) == .call(1))
        #expect(try machine.run(1, at: Self.code + 0x100, [.x4: Self.window]) == .call(2))
        #expect(machine.x(3, on: 1) == 2)
    }

    @Test(
        "Pages that become code while a CPU does not run are a bounded number of requests, and its writes to them are seen",
        arguments: [10, 300])
    func coalescedWrites(count: UInt64) throws {
        let (machine, tables) = try machine()
        let window = Self.window
        for page in 0..<count {
            tables.map(window + page << 12, to: SystemMachine.Layout.free + page << 12, .code)
        }
        // x1 the first page, x2 how many, x3 the instruction to store.
        machine.load(
            [
                .strw(.x3, .x1), .strw(.x3, .x1), .movz(.x4, 0x1000), .add(.x1, .x1, .x4), .sub(.x2, .x2, 1),
                .cbnz(.x2, -5), .hvc(2),
            ], at: Self.code + 0x100)
        // Calls each page, and adds up what comes back.
        machine.load(
            [
                .blr(.x1), .add(.x6, .x6, .x7), .movz(.x4, 0x1000), .add(.x1, .x1, .x4), .sub(.x2, .x2, 1),
                .cbnz(.x2, -5), .hvc(1),
            ], at: Self.code)
        func write(_ value: Int) throws {
            let word = UInt64(A64.movz(.x7, value).word)
            let stop = try machine.run(1, at: Self.code + 0x100, [.x1: window, .x2: count, .x3: word])
            #expect(stop == .call(2))
        }
        func call() throws -> UInt64 {
            #expect(try machine.run(at: Self.code, [.x1: window, .x2: count, .x6: 0]) == .call(1))
            return machine.x(6)
        }
        for page in 0..<count { machine.load([.nop, .ret], at: SystemMachine.Layout.free + page << 12) }
        for value in 1...3 {
            try write(value)
            #expect(try call() == count * UInt64(value))
            let held = machine.vm.cpus[1].heldRequests
            #expect(held.unwritablePages.count <= CPUMailbox.limit)
            #expect(held.dropsAllWrites == (count > CPUMailbox.limit))
        }
    }
}
