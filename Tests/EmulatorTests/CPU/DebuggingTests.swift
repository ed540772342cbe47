// What a debugger outside the guest has of a CPU: breakpoints, steps and registers, with every engine.

import Arm64
import Hypervisor
import Testing

@testable import Emulator

@Suite("Debugging from outside", .everyEngine)
struct DebuggingTests {
    private static let code = SystemMachine.Layout.code
    /// Counts X2 down and X1 up.
    private static let loop: [A64] = [.add(.x1, .x1, 1), .sub(.x2, .x2, 1), .cbnz(.x2, -2), .hvc(1)]

    private func machine(_ program: [A64]) throws -> SystemMachine {
        let machine = try SystemMachine()
        machine.load(program, at: Self.code)
        return machine
    }

    private func begin(_ machine: SystemMachine, at address: UInt64 = code, iterations: UInt64) throws {
        try machine.prepare(at: address, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        machine.cpu.setRegister(1, 0)
        machine.cpu.setRegister(2, iterations)
    }

    @Test("A breakpoint in a loop that is hot stops it each time, until it is taken away; nothing is executed twice")
    func breakpoint() throws {
        let machine = try machine(Self.loop)
        try begin(machine, iterations: 100_000)
        let start = machine.cpu.instructionCount
        #expect(try machine.resume() == .call(1))
        let count = machine.cpu.instructionCount - start
        #expect(machine.x(1) == 100_000)

        try begin(machine, iterations: 100_000)
        let second = machine.cpu.instructionCount
        let breakpoint = Self.code + 4
        machine.cpu.setDebugging(CPUDebugging(breakpoints: [breakpoint]))
        for iteration: UInt64 in 1...50 {
            #expect(try machine.resume() == .exit(.debug(.breakpoint)))
            #expect(machine.cpu.programCounter == breakpoint)
            #expect(machine.x(1) == iteration)
            // One that goes on without a step stops where it is.
            #expect(try machine.resume() == .exit(.debug(.breakpoint)))
            machine.cpu.setDebugging(CPUDebugging(breakpoints: [breakpoint], steps: true))
            #expect(try machine.resume() == .exit(.debug(.stepped)))
            #expect(machine.cpu.programCounter == breakpoint + 4)
        }
        machine.cpu.setDebugging(CPUDebugging())
        #expect(try machine.resume() == .call(1))
        #expect(machine.x(1) == 100_000)
        #expect(machine.cpu.instructionCount - second == count)
        #expect(machine.memory.read(at: Self.code, count: 4) == withUnsafeBytes(of: Self.loop[0].word, Array.init))
    }

    @Test("The page of a breakpoint is executed as it is without one")
    func page() throws {
        let machine = try machine(Self.loop)
        try begin(machine, iterations: 20_000)
        let start = machine.cpu.instructionCount
        machine.cpu.setDebugging(CPUDebugging(breakpoints: [Self.code + 12, Self.code + 0x100]))
        #expect(try machine.resume() == .exit(.debug(.breakpoint)))
        #expect(machine.cpu.programCounter == Self.code + 12)
        #expect(machine.x(1) == 20_000)
        // The exception return before it counts.
        #expect(machine.cpu.instructionCount - start == 60_001)
    }

    @Test("A breakpoint is a virtual address: the same instruction elsewhere is none")
    func virtual() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let (here, there): (UInt64, UInt64) = (0x5555_0000_0000, 0x5555_1000_0000)
        for window in [here, there] { tables.map(window, to: SystemMachine.Layout.free, .code) }
        machine.load(Self.loop, at: SystemMachine.Layout.free)
        machine.cpu.setDebugging(CPUDebugging(breakpoints: [here + 4]))
        try begin(machine, at: there, iterations: 3000)
        #expect(try machine.resume() == .call(1))
        try begin(machine, at: here, iterations: 3000)
        #expect(try machine.resume() == .exit(.debug(.breakpoint)))
        #expect(machine.cpu.programCounter == here + 4)
        try begin(machine, at: there, iterations: 3000)
        #expect(try machine.resume() == .call(1))
        #expect(machine.x(1) == 3000)
    }

    @Test("Steps execute one instruction each, over calls of the machine, waiting and exceptions")
    func steps() throws {
        let machine = try machine([.movz(.x3, 7), .hvc(2), .word(0xD503_207F), .b(2), .nop, .word(0), .hvc(1)])
        try begin(machine, iterations: 0)
        func step() throws -> Stop {
            machine.cpu.setDebugging(CPUDebugging(steps: true))
            return try machine.resume()
        }
        let stepped = Stop.exit(.debug(.stepped))
        #expect(try step() == stepped)
        #expect(machine.cpu.programCounter == Self.code)
        #expect(try step() == stepped && machine.cpu.programCounter == Self.code + 4 && machine.x(3) == 7)
        // The machine has its call, and the step ends behind it.
        #expect(try step() == .call(2))
        #expect(try machine.resume() == stepped && machine.cpu.programCounter == Self.code + 8)
        // WFI, with nothing that would end it.
        #expect(try step() == stepped && machine.cpu.programCounter == Self.code + 12)
        #expect(try step() == stepped && machine.cpu.programCounter == Self.code + 20)
        // An undefined instruction: the step ends at its vector.
        #expect(try step() == stepped)
        #expect(machine.cpu.programCounter == SystemMachine.Layout.monitor + 0x200)
        // A fetch that fails, too.
        machine.cpu.programCounter = 0x8000_0000_0000
        #expect(try step() == stepped)
        #expect(machine.cpu.programCounter == SystemMachine.Layout.monitor + 0x200)
    }

    @Test("No interrupt is taken by a step, and one that waits is when the guest goes on")
    func interrupts() throws {
        let machine = try machine([.nop, .nop, .nop, .b(-1)])
        try machine.prepare(at: Self.code, spsr: Mode.el1h.rawValue)
        machine.cpu.setInterruptPending(true)
        for offset: UInt64 in 0..<4 {
            machine.cpu.setDebugging(CPUDebugging(steps: true))
            #expect(try machine.resume() == .exit(.debug(.stepped)))
            #expect(machine.cpu.programCounter == Self.code + 4 * offset)
        }
        let stop = try machine.resume()
        #expect(stop.exception?.vector == 0x280)
        #expect(stop.exception?.elr == Self.code + 12)
    }

    @Test("Registers are what the guest has, and are set as long as a guest could have set them")
    func registers() throws {
        let machine = try machine([.movz(.x5, 5), .hvc(1)])
        #expect(try machine.run(at: Self.code) == .call(1))
        var registers = machine.cpu.debugRegisters
        #expect(registers.x[5] == 5)
        #expect(registers.pc == Self.code + 8)
        #expect(registers.pstate & 0xF == Mode.el1h.rawValue)
        registers.x[6] = 6
        registers.v[31] = SIMD2(1, 2)
        registers.fpcr = 1 << 24
        registers.pstate = Mode.el1t.rawValue | PSTATEBit.daif | PSTATEBit.z
        registers.sp = 0x4000_F000
        registers.pc = Self.code
        #expect(machine.cpu.setDebugRegisters(registers))
        #expect(machine.cpu.debugRegisters == registers)
        #expect(try machine.resume() == .call(1))
        #expect(machine.x(6) == 6)
        #expect(machine.cpu.stackPointer == 0x4000_F000)
        // AArch32, EL2, a field that the model lacks, and reserved bits.
        for wrong: UInt64 in [0x10, 0x9, 1 << 12, 1 << 63] {
            var other = registers
            other.pstate = wrong
            #expect(!machine.cpu.setDebugRegisters(other), "\(wrong)")
        }
        registers.fpcr = 1
        #expect(!machine.cpu.setDebugRegisters(registers))
    }
}
