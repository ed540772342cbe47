// With `isRepeatable`, what is looked at between blocks is looked at after the same instructions, whatever the engine.

import Arm64
import Emulator
import Hypervisor
import TestSupport
import Testing

@Suite(
    "Engines on the instruction clock", .serialized,
    .needs(OraclePrograms.canBeBuilt, "there is no compiler for arm64: install gcc-aarch64-linux-gnu"))
struct RepeatableTests {
    /// Where a program was after each of its runs: a digest of the general registers, the PC and the instruction count.
    private func trace(_ programs: [Program], _ engine: Engine, isRepeatable: Bool) throws -> [[UInt64]] {
        let guest = try EmulatedGuest(engine: engine, codeCacheByteCount: 1 << 20, isRepeatable: isRepeatable)
        return try programs.enumerated().map { number, program in
            var budgets = SeededGenerator(seed: UInt64(number))
            var trace: [UInt64] = []
            let start = guest.cpu.instructionCount
            guest.betweenRuns = {
                let cpu = guest.cpu
                var digest = cpu.programCounter ^ (cpu.instructionCount - start) << 32
                for register in 0..<31 { digest = (digest &+ cpu.register(register)) &* 0x9E37_79B9_7F4A_7C15 }
                trace.append(digest)
                return Int(budgets.next() % 3000) + 1
            }
            _ = try guest.run(program)
            return trace
        }
    }

    @Test("Random programs that are stopped after random numbers of instructions are at the same ones in every engine")
    func stops() throws {
        let settings = OracleSettings()
        let generators = ProgramBuilder.Generators()
        let run = ProgramRun(
            generators: generators, seed: settings.seed,
            reference: ProgramSubject(
                name: "interpreter", runner: try EmulatedGuest(engine: .interpreter, codeCacheByteCount: 1 << 20)),
            others: [])
        let programs = (0..<settings.programCount / 3).map { run.makeProgram($0) }
        let expected = try trace(programs, .interpreter, isRepeatable: true)
        #expect(expected.reduce(0) { $0 + $1.count } > 2 * programs.count)
        for engine in [Engine.translator, .auto] {
            let found = try trace(programs, engine, isRepeatable: true)
            let differing = programs.indices.filter { found[$0] != expected[$0] }
            #expect(differing.isEmpty, "\(engine), DORMOUSE_SEED=\(settings.seed): programs \(differing.prefix(5))")
        }
        // Or there would be nothing to see.
        #if arch(x86_64)
        #expect(try trace(programs, .translator, isRepeatable: false) != expected)
        #endif
    }

    // MARK: Timers

    private struct Record: Equatable {
        /// ELR_EL1 of each interrupt.
        var interrupted: [UInt64]
        var registers: [UInt64]
        var instructionCount: UInt64
        var counter: UInt64
    }

    private static let interruptCount = 10_000

    /// Runs loops that a timer interrupts at random periods, in turns as long as those of a machine.
    private func record(_ engine: Engine) throws -> Record {
        let machine = try SystemMachine(timersInterrupt: true, engine: engine, isRepeatable: true)
        machine.load(
            [
                .mrs(.x25, .elrEL1), .strPost(.x25, .x26, 8),
                // MADD X21, X21, X22, X23; LSR X24, X21, #49
                .word(0x9B16_5EB5), .word(0xD371_FEB8), .add(.x24, .x24, 400), .msr(.cntvTVALEL0, .x24),
                .sub(.x27, .x27, 1), .cbnz(.x27, 2), .hvc(1), .eret,
            ], at: SystemMachine.Layout.vectors + 0x280)
        machine.load(
            [
                .add(.x1, .x1, 1), .ldr(.x2, .x20), .add(.x2, .x2, .x1), .str(.x2, .x20), .bl(8), .movz(.x3, 7),
                .sub(.x3, .x3, 1), .cbz(.x3, 2), .b(-2), .cbz(.x1, -9), .movz(.x3, 400), .b(4),
                // A function, and a loop of one block.
                .add(.x4, .x4, .x2), .add(.x5, .x5, .x4), .ret, .sub(.x3, .x3, 1), .cbnz(.x3, -1), .b(-17),
            ], at: SystemMachine.Layout.code)
        try machine.set(.vbarEL1, SystemMachine.Layout.vectors)
        try machine.set(.cntvTVALEL0, 1000)
        try machine.set(.cntvCTLEL0, 1)
        try machine.prepare(at: SystemMachine.Layout.code, spsr: Mode.el1h.rawValue)
        let list = SystemMachine.Layout.free
        for (register, value) in [
            (Register.x20, SystemMachine.Layout.data), (.x21, 1), (.x22, 6_364_136_223_846_793_005),
            (.x23, 1_442_695_040_888_963_407), (.x26, list), (.x27, UInt64(Self.interruptCount)),
        ] {
            machine.cpu.setRegister(register.index, value)
        }
        var exit = Exit.budgetExhausted
        while exit == .budgetExhausted { exit = machine.cpu.run(budget: 20_000) }
        #expect(exit == .hypercall(immediate: 1))
        return Record(
            interrupted: (0..<UInt64(Self.interruptCount)).map { machine.word(at: list + $0 * 8) },
            registers: (0..<31).map { machine.x($0) }, instructionCount: machine.cpu.instructionCount,
            counter: machine.clock.counter)
    }

    @Test("Ten thousand interrupts of a timer at random periods come at the same instructions in every engine")
    func timer() throws {
        let expected = try record(.interpreter)
        // They come anywhere, not at one place of the loop.
        #expect(Set(expected.interrupted).count >= 5)
        for engine in [Engine.translator, .auto] {
            let found = try record(engine)
            let first = zip(expected.interrupted, found.interrupted).enumerated().first { $0.element.0 != $0.element.1 }
            #expect(first == nil, "\(engine): interrupt \(first?.offset ?? 0)")
            #expect(found == expected, "\(engine)")
        }
    }
}
