// What a machine that has nothing to do gives back, and that its guest does not notice.

import Foundation
import Hypervisor
import Synchronization
import Testing

@testable import Emulator

@Suite("A guest's code at rest", .everyEngine)
struct RestTests {
    /// A program of `count` additions, one behind the other, at a place with room for it.
    private static let code = SystemMachine.Layout.free
    private static let count = 400_000

    private static func machine() throws -> SystemMachine {
        let machine = try SystemMachine(codeCacheByteCount: 128 << 20)
        machine.load([A64](repeating: .add(.x0, .x0, 1), count: count) + [.hvc(1)], at: code)
        return machine
    }

    /// Runs the program so often that it is translated where that is done.
    private static func run(_ machine: SystemMachine) throws {
        for _ in 0..<3 {
            #expect(try machine.run(at: code, [.x0: 5]) == .call(1))
            #expect(machine.vm.cpus[0].register(0) == UInt64(5 + count))
        }
    }

    @Test("A machine with much code forgets it, gives its memory back, and makes what it needs again")
    func memory() throws {
        let machine = try Self.machine()
        try Self.run(machine)
        #expect(machine.vm.codeByteCount > EmulatedVM.restingByteCount)
        let mode = BlockMode(isEL0: false, stackIsMisaligned: false)
        let block = try #require(machine.vm.codeCache.find(Self.code, mode: mode))
        // Safe: the arena stays mapped as long as the machine is there.
        let words = block.base.assumingMemoryBound(to: UInt64.self)
        #expect((0..<4).contains { words[$0] != 0 })
        machine.vm.cpus[0].rest()
        #expect(machine.vm.codeByteCount == 0)
        #expect((0..<4).allSatisfy { words[$0] == 0 })
        try Self.run(machine)
        #expect(machine.vm.codeByteCount > EmulatedVM.restingByteCount)
    }

    @Test("A machine with little code keeps it")
    func little() throws {
        let machine = try SystemMachine()
        #expect(try machine.run([.add(.x0, .x0, 1), .hvc(1)], [.x0: 1]) == .call(1))
        let used = machine.vm.codeByteCount
        #expect(used > 0)
        machine.vm.cpus[0].rest()
        #expect(machine.vm.codeByteCount == used)
    }

    @Test("A CPU that runs meanwhile loses its code between two blocks, and computes the same")
    func running() throws {
        let machine = try SystemMachine(cpuCount: 2)
        // Two pages of code, so that blocks are looked up all the time, until a word is set.
        let far = Int(0x1000 / 4)
        machine.load([.add(.x19, .x19, 1), .ldr(.x1, .x20), .b(far - 2), .hvc(1)], at: Self.code)
        machine.load([.add(.x0, .x0, 3), .cbz(.x1, -far - 1), .b(-far + 1)], at: Self.code + 0x1000)
        try machine.prepare(1, at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
        machine.vm.cpus[1].setRegister(0, 0)
        machine.vm.cpus[1].setRegister(19, 0)
        machine.vm.cpus[1].setRegister(20, SystemMachine.Layout.data)
        let cpu = machine.vm.cpus[1]
        let end = Mutex<Exit?>(nil)
        Thread.detachNewThread {
            let exit = cpu.run(budget: nil)
            end.withLock { $0 = exit }
        }
        for _ in 0..<200 { machine.vm.flushCode(from: machine.vm.cpus[0], emptiesMemory: true) }
        machine.memory.store(1, at: SystemMachine.Layout.data)
        while end.withLock({ $0 == nil }) { sched_yield() }
        #expect(end.withLock { $0 } == .hypercall(immediate: 1))
        #expect(cpu.register(19) > 0 && cpu.register(0) == 3 * cpu.register(19))
    }
}
