// The generic timer, interrupts, and how a run ends: DDI 0487, D12 and D1.3.1.

import Emulator
import Foundation
import Hypervisor
import Testing

@Suite("Timers, interrupts and runs", .everyEngine)
struct TimerTests {
    private static let code = SystemMachine.Layout.code
    private static let enable: UInt64 = 1
    private static let mask: UInt64 = 2
    private static let status: UInt64 = 4

    /// A timer's registers.
    private struct Timer {
        let control: SystemName
        let compare: SystemName
        static let virtual = Timer(control: .cntvCTLEL0, compare: .cntvCVALEL0)
        static let physical = Timer(control: .cntpCTLEL0, compare: .cntpCVALEL0)
    }

    @Test("A timer interrupts a loop when the counter reaches its compare value, not before and soon after")
    func fires() throws {
        for timer in [Timer.virtual, .physical] {
            for mode in Mode.allCases {
                let machine = try SystemMachine(timersInterrupt: true)
                let compare = machine.clock.counter + 100_000
                try machine.set(timer.compare, compare)
                try machine.set(timer.control, Self.enable)
                let taken = try #require(try machine.run([.nop, .b(0)], as: mode, flags: PSTATEBit.z).exception)
                // An IRQ's vector is 0x80 after that of a synchronous exception.
                #expect(taken.vector == mode.synchronousVector + 0x80)
                #expect(taken.elr == SystemMachine.codeAddress(mode) + 4)
                #expect(taken.spsr == mode.rawValue | PSTATEBit.z)
                #expect(try machine.get(.daif) == PSTATEBit.daif)
                #expect(machine.clock.counter >= compare)
                // Nothing says how soon; a slice of the run is what software can live with.
                #expect(machine.clock.counter < compare + 20_000)
                #expect(try machine.get(timer.control) == Self.enable | Self.status)
            }
        }
    }

    @Test("A masked interrupt waits: ISR_EL1 shows it, and it is taken when it is unmasked")
    func masked() throws {
        let machine = try SystemMachine(timersInterrupt: true)
        try machine.set(.cntvCVALEL0, machine.clock.counter + 1000)
        try machine.set(.cntvCTLEL0, Self.enable)
        // Long enough for the timer to be due, with IRQs masked.
        let wait: [A64] = [.movz(.x1, 0xFFFF), .sub(.x1, .x1, 1), .cbnz(.x1, -1), .mrs(.x2, .isrEL1), .hvc(1)]
        #expect(try machine.run(wait) == .call(1))
        #expect(machine.x(2) == 1 << 7)
        #expect(machine.cpu.hasPendingInterrupt)
        // By MSR DAIFClr, by MSR DAIF, and by an exception return.
        for unmask in [A64.msrDAIFClr(2), .msr(.daif, .zr)] {
            let taken = try #require(try machine.run([unmask, .isb, .nop, .b(0)]).exception)
            #expect(taken.vector == 0x280)
            #expect(taken.spsr & PSTATEBit.i == 0)
        }
        let taken = try #require(try machine.run([.b(0)], as: .el0t, flags: 0).exception)
        #expect(taken.vector == 0x480)
        #expect(taken.elr == SystemMachine.Layout.userCode)
    }

    @Test("IMASK and ENABLE decide on the interrupt, ISTATUS shows the condition")
    func control() throws {
        let machine = try SystemMachine(timersInterrupt: true)
        try machine.set(.cntvCVALEL0, 0)
        #expect(!machine.cpu.hasPendingInterrupt)
        try machine.set(.cntvCTLEL0, Self.enable)
        #expect(machine.cpu.hasPendingInterrupt)
        #expect(try machine.get(.cntvCTLEL0) == Self.enable | Self.status)
        try machine.set(.cntvCTLEL0, Self.enable | Self.mask)
        #expect(!machine.cpu.hasPendingInterrupt)
        #expect(try machine.get(.cntvCTLEL0) == Self.enable | Self.mask | Self.status)
        try machine.set(.cntvCTLEL0, Self.enable)
        #expect(machine.cpu.hasPendingInterrupt)
        try machine.set(.cntvCVALEL0, .max)
        #expect(!machine.cpu.hasPendingInterrupt)
        #expect(try machine.get(.cntvCTLEL0) == Self.enable)
    }

    @Test("A timer's wire is set when its level changes, and left alone when its registers are written without that")
    func wire() throws {
        let machine = try SystemMachine(timersInterrupt: true)
        try machine.set(.cntvCTLEL0, 0)
        let before = machine.wires.settings
        for compare in 0..<100 as Range<UInt64> {
            try machine.set(.cntvCVALEL0, .max - compare)
            try machine.set(.cntvCTLEL0, Self.enable)
        }
        #expect(machine.wires.settings == before)
        try machine.set(.cntvCVALEL0, 0)
        #expect(machine.wires.settings == before + 1)
        try machine.set(.cntvCVALEL0, 1)
        #expect(machine.wires.settings == before + 1)
        try machine.set(.cntvCTLEL0, 0)
        #expect(machine.wires.settings == before + 2)
    }

    @Test("TVAL is a signed 32-bit distance from the counter")
    func timerValue() throws {
        let machine = try SystemMachine()
        machine.clock.advance(by: 1 << 40)
        let before = machine.clock.counter
        try machine.set(.cntvTVALEL0, 0x1_0000)
        let compare = try machine.get(.cntvCVALEL0)
        #expect((before + 0x1_0000...machine.clock.counter + 0x1_0000).contains(compare))
        // What is read is less by the time that went by.
        let value = try machine.get(.cntvTVALEL0)
        #expect(value <= 0x1_0000 && value > 0xF000)
        try machine.set(.cntvTVALEL0, 0xFFFF_FF00)
        let negative = try machine.get(.cntvCVALEL0)
        #expect((before - 256...machine.clock.counter - 256).contains(negative))
    }

    @Test("WFI comes back with the deadline of the earlier timer; when that has come the interrupt is taken")
    func waitForInterrupt() throws {
        let machine = try SystemMachine(timersInterrupt: true)
        let deadline = machine.clock.counter + 1_000_000
        try machine.set(.cntvCVALEL0, deadline)
        try machine.set(.cntpCVALEL0, deadline + 5)
        try machine.set(.cntvCTLEL0, Self.enable)
        try machine.set(.cntpCTLEL0, Self.enable)
        #expect(try machine.run([.wfi, .hvc(1)], flags: 0) == .exit(.waitForInterrupt(deadline: deadline)))
        #expect(machine.cpu.programCounter == Self.code + 4)
        machine.clock.skip(to: deadline)
        let taken = try #require(try machine.resume().exception)
        #expect(taken.vector == 0x280)
        #expect(taken.elr == Self.code + 4)
        // With an interrupt pending, masked or not, WFI is over at once.
        #expect(try machine.run([.wfi, .hvc(1)]) == .call(1))
    }

    @Test("WFI without a timer has no deadline, and an interrupt from outside ends it")
    func waitForDevice() throws {
        let machine = try SystemMachine()
        #expect(try machine.run([.wfi, .hvc(1)], flags: 0) == .exit(.waitForInterrupt(deadline: nil)))
        machine.cpu.setInterruptPending(true)
        #expect(try #require(try machine.resume().exception).vector == 0x280)
        machine.cpu.setInterruptPending(false)
        #expect(try machine.run([.nop, .hvc(1)], flags: 0) == .call(1))
    }

    // MARK: Runs

    /// A program whose state tells how far it got: a hash of a counter, stores, exceptions, misaligned stacks.
    private func makeBusyMachine() throws -> SystemMachine {
        let (machine, _) = try SystemMachine.withMMU()
        machine.load([.add(.x7, .x7, 1), .eret], at: SystemMachine.Layout.vectors + 0x200)
        machine.load(
            [
                .add(.x1, .x1, .x2), .add(.x2, .x2, 3), .str(.x1, .x20), .ldadd(.x2, .x3, .x20), .svc(0), .bl(3),
                .mrs(.x5, .cntvctEL0), .b(-7), .movToSP(.x1), .orr(.x6, .x1, .x2), .ret,
            ], at: Self.code)
        try machine.set(.vbarEL1, SystemMachine.Layout.vectors)
        try machine.prepare(at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        machine.cpu.setRegister(20, SystemMachine.Layout.data)
        return machine
    }

    private func snapshot(_ machine: SystemMachine) -> [UInt64] {
        (0..<31).map { machine.x($0) } + [
            machine.cpu.programCounter, machine.cpu.instructionCount, machine.clock.counter,
        ]
    }

    @Test("Runs with the same budgets stop at the same places, in the same state")
    func budgets() throws {
        let machines = try [makeBusyMachine(), makeBusyMachine()]
        for round in 0..<200 {
            let budget = [1, 7, 1000, 8192, 20_000, 33][round % 6]
            let before = machines[0].cpu.instructionCount
            for machine in machines { #expect(machine.cpu.run(budget: budget) == .budgetExhausted) }
            #expect(snapshot(machines[0]) == snapshot(machines[1]))
            // "Soon after": no more than a block too many.
            let executed = machines[0].cpu.instructionCount - before
            #expect(executed >= UInt64(budget) && executed < UInt64(budget) + 64)
        }
        #expect(machines[0].x(7) > 1000)
    }

    @Test("A budget of nothing executes nothing")
    func emptyBudget() throws {
        let machine = try makeBusyMachine()
        let before = snapshot(machine)
        #expect(machine.cpu.run(budget: 0) == .budgetExhausted)
        #expect(snapshot(machine) == before)
    }

    @Test("The clock counts the instructions of a run")
    func clock() throws {
        let machine = try SystemMachine()
        // Two of the loop for each round.
        let stop = try machine.run(
            [
                .mrs(.x1, .cntpctEL0), .isb, .sub(.x3, .x3, 1), .cbnz(.x3, -1), .mrs(.x2, .cntpctEL0), .hvc(1),
            ], [.x3: 400_000])
        #expect(stop == .call(1))
        // What the guest reads may lag by a slice; it never goes back.
        let elapsed = machine.x(2) &- machine.x(1)
        #expect(elapsed > 780_000 && elapsed < 820_000)
    }

    @Test("A request to exit ends a tight loop, one without memory accesses or with YIELD too", arguments: 0..<4)
    func requestExit(which: Int) throws {
        let loops: [[A64]] = [[.b(0)], [.ldr(.x1, .x20), .cbz(.x1, -1)], [.yield, .b(-1)], [.adr(.x1, 0), .br(.x1)]]
        let machine = try SystemMachine()
        machine.load(loops[which], at: Self.code)
        try machine.prepare(at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        machine.cpu.setRegister(20, SystemMachine.Layout.data)
        let cpu = machine.cpu
        Thread.detachNewThread {
            // So that it is asked in the middle of the loop.
            Thread.sleep(forTimeInterval: 0.05)
            cpu.requestExit()
        }
        // One that did not notice would run for ever.
        #expect(cpu.run(budget: nil) == .interrupted)
        #expect(cpu.instructionCount > 0)
    }

    @Test("A request to exit between runs ends the next one before its first instruction, and only that one")
    func earlyRequest() throws {
        let machine = try makeBusyMachine()
        machine.cpu.requestExit()
        let before = snapshot(machine)
        #expect(machine.cpu.run(budget: nil) == .interrupted)
        #expect(snapshot(machine) == before)
        #expect(machine.cpu.run(budget: 10) == .budgetExhausted)
    }
}
