// Watchpoints of a debugger outside the guest, with every engine: what an instruction accesses is as DDI 0487 has it.

import Arm64
import Hypervisor
import Testing

@testable import Emulator

@Suite("Watching memory from outside", .everyEngine)
struct WatchpointTests {
    private static let code = SystemMachine.Layout.code
    private static let data = SystemMachine.Layout.free + 0x100

    private func begin(_ machine: SystemMachine, iterations: UInt64 = 0) throws {
        try machine.prepare(at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        machine.cpu.setRegister(1, 0)
        machine.cpu.setRegister(2, iterations)
        machine.cpu.setRegister(3, Self.data)
    }

    @Test("A hot loop stops before each access, and goes on by a step, as if nobody had watched")
    func loop() throws {
        let machine = try SystemMachine()
        // LDR X4, [X3]; STR X4, [X3, #8]; and then X1 up, X2 down.
        machine.load(
            [.word(0xF940_0064), .word(0xF900_0464), .add(.x1, .x1, 1), .sub(.x2, .x2, 1), .cbnz(.x2, -4), .hvc(1)],
            at: Self.code)
        try begin(machine, iterations: 20_000)
        var start = machine.cpu.instructionCount
        #expect(try machine.resume() == .call(1))
        let count = machine.cpu.instructionCount - start

        let watchpoint = Watchpoint(kind: .write, range: Self.data + 12..<Self.data + 13)
        try begin(machine, iterations: 20_000)
        start = machine.cpu.instructionCount
        for iteration: UInt64 in 0..<20 {
            machine.cpu.setDebugging(CPUDebugging(watchpoints: [watchpoint]))
            let stop = Stop.exit(.debug(.watchpoint(watchpoint, address: Self.data + 12)))
            #expect(try machine.resume() == stop)
            #expect(machine.cpu.programCounter == Self.code + 4 && machine.x(1) == iteration)
            // One that goes on without a step stops where it is.
            #expect(try machine.resume() == stop)
            machine.cpu.setDebugging(CPUDebugging(steps: true))
            #expect(try machine.resume() == .exit(.debug(.stepped)))
            #expect(machine.cpu.programCounter == Self.code + 8)
        }
        machine.cpu.setDebugging(CPUDebugging())
        #expect(try machine.resume() == .call(1))
        #expect(machine.x(1) == 20_000)
        #expect(machine.cpu.instructionCount - start == count)
    }

    @Test("An unwatched part of a watched page is accessed as ever")
    func page() throws {
        let machine = try SystemMachine()
        machine.load(
            [.word(0xF940_0064), .word(0xF900_0464), .add(.x1, .x1, 1), .sub(.x2, .x2, 1), .cbnz(.x2, -4), .hvc(1)],
            at: Self.code)
        try begin(machine, iterations: 5000)
        machine.cpu.setDebugging(
            CPUDebugging(watchpoints: [
                Watchpoint(kind: .access, range: Self.data + 16..<Self.data + 4096),
                Watchpoint(kind: .write, range: Self.data..<Self.data + 8),
                Watchpoint(kind: .read, range: Self.data + 8..<Self.data + 16),
            ]))
        #expect(try machine.resume() == .call(1))
        #expect(machine.x(1) == 5000)
    }

    /// An instruction, and the bytes from X3 on that it accesses.
    struct Access: Sendable, CustomTestStringConvertible {
        var name: String
        var word: UInt32
        var bytes: Range<Int>
        var isWrite: Bool
        var testDescription: String { name }
    }

    private static let accesses = [
        Access(name: "LDR X4, [X3]", word: 0xF940_0064, bytes: 0..<8, isWrite: false),
        Access(name: "STR X4, [X3]", word: 0xF900_0064, bytes: 0..<8, isWrite: true),
        Access(name: "STRB W4, [X3, #7]", word: 0x3900_1C64, bytes: 7..<8, isWrite: true),
        Access(name: "LDP X8, X9, [X3, #-8]", word: 0xA97F_A468, bytes: -8..<8, isWrite: false),
        Access(name: "LDR Q0, [X3]", word: 0x3DC0_0060, bytes: 0..<16, isWrite: false),
        Access(name: "LDXR X6, [X3]", word: 0xC85F_7C66, bytes: 0..<8, isWrite: false),
        Access(name: "LDAR X4, [X3]", word: 0xC8DF_FC64, bytes: 0..<8, isWrite: false),
        Access(name: "STLR X4, [X3]", word: 0xC89F_FC64, bytes: 0..<8, isWrite: true),
    ]

    @Test("What an instruction reads or writes stops it, to the byte, and nothing else does", arguments: accesses)
    func bytes(_ access: Access) throws {
        let machine = try SystemMachine()
        // Floating point is not trapped.
        try machine.set(.cpacrEL1, 3 << 20)
        machine.load([.word(access.word), .hvc(1)], at: Self.code)
        for kind in Watchpoint.Kind.allCases {
            for byte in [-9, -8, -1, 0, 6, 7, 8, 15, 16] {
                let first = Self.data &+ UInt64(bitPattern: Int64(byte))
                let watchpoint = Watchpoint(kind: kind, range: first..<first + 1)
                try begin(machine)
                machine.cpu.setDebugging(CPUDebugging(watchpoints: [watchpoint]))
                let stop = try machine.resume()
                let isMeant = kind == .access || (kind == .write) == access.isWrite
                if isMeant, access.bytes.contains(byte) {
                    #expect(stop == .exit(.debug(.watchpoint(watchpoint, address: first))), "\(kind) \(byte)")
                    #expect(machine.cpu.programCounter == Self.code)
                    machine.cpu.setDebugging(CPUDebugging())
                    #expect(try machine.resume() == .call(1))
                } else {
                    #expect(stop == .call(1), "\(kind) \(byte)")
                }
            }
        }
    }

    @Test("A store-exclusive that is stopped and stepped still has what it was reserved")
    func exclusive() throws {
        let machine = try SystemMachine()
        // LDXR X6, [X3]; ADD; STXR W7, X6, [X3]; again if it failed.
        machine.load(
            [.word(0xC85F_7C66), .add(.x6, .x6, 1), .word(0xC807_7C66), .cbnz(.x7, -3), .hvc(1)], at: Self.code)
        try begin(machine)
        let watchpoint = Watchpoint(kind: .write, range: Self.data..<Self.data + 8)
        machine.cpu.setDebugging(CPUDebugging(watchpoints: [watchpoint]))
        #expect(try machine.resume() == .exit(.debug(.watchpoint(watchpoint, address: Self.data))))
        #expect(machine.cpu.programCounter == Self.code + 8)
        machine.cpu.setDebugging(CPUDebugging(steps: true))
        #expect(try machine.resume() == .exit(.debug(.stepped)))
        machine.cpu.setDebugging(CPUDebugging(watchpoints: [watchpoint]))
        #expect(try machine.resume() == .call(1))
        #expect(machine.memory.read(at: Self.data, count: 8) == [1, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("A fault comes before a watchpoint, and a line that is cleared is a write")
    func faults() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let (there, nowhere): (UInt64, UInt64) = (0x5555_0000_0000, 0x5555_1000_0000)
        tables.map(there, to: SystemMachine.Layout.free, .data)
        // DC ZVA, X3.
        machine.load([.word(0xD50B_7423), .hvc(1)], at: Self.code)
        for address in [there, nowhere] {
            let watchpoint = Watchpoint(kind: .write, range: address + 63..<address + 64)
            try begin(machine)
            machine.cpu.setRegister(3, address)
            machine.cpu.setDebugging(CPUDebugging(watchpoints: [watchpoint]))
            let stop = try machine.resume()
            if address == there {
                #expect(stop == .exit(.debug(.watchpoint(watchpoint, address: address + 63))))
            } else {
                #expect(stop.exception?.elr == Self.code)
            }
        }
    }
}
