// The event register, WFE, SEV, SEVL and the event stream: DDI 0487, "Wait for Event mechanism and Send event".

import Emulator
import Foundation
import Hypervisor
import Synchronization
import Testing

@Suite("Waiting for events", .everyEngine)
struct EventTests {
    private static let code = SystemMachine.Layout.code
    private static let location = SystemMachine.Layout.data
    private static let waits = Stop.exit(.waitForEvent(deadline: nil))

    /// CNTKCTL_EL1: EVNTEN, EVNTDIR and EVNTI.
    private static func eventStream(bit: UInt64, falling: Bool = false) -> UInt64 {
        1 << 2 | (falling ? 1 << 3 : 0) | bit << 4
    }

    /// Runs `code` at EL1h behind a WFE that takes the event of the exception return there.
    private func run(
        _ code: [A64], on machine: SystemMachine, flags: UInt64 = PSTATEBit.daif, _ registers: [Register: UInt64] = [:]
    ) throws -> Stop {
        try machine.run([.wfe] + code, flags: flags, registers)
    }

    @Test("WFE waits without end if there is no event, and SEV of another CPU ends it")
    func sendEvent() throws {
        let machine = try SystemMachine(cpuCount: 2)
        #expect(try run([.wfe, .movz(.x1, 7), .hvc(1)], on: machine) == Self.waits)
        #expect(machine.cpu.programCounter == Self.code + 8)
        #expect(!machine.cpu.hasWakeUpEvent)
        #expect(machine.eventsSent.cpus == [])
        // Another CPU's SEVL is its own affair.
        machine.load([.sevl, .hvc(2), .sev, .hvc(3)], at: SystemMachine.Layout.vectors)
        machine.vm.cpus[1].programCounter = SystemMachine.Layout.vectors
        #expect(try machine.resume(1) == .call(2))
        #expect(!machine.cpu.hasWakeUpEvent)
        #expect(try machine.resume(1) == .call(3))
        #expect(machine.cpu.hasWakeUpEvent)
        #expect(machine.eventsSent.cpus == [0])
        #expect(try machine.resume() == .call(1))
        #expect(machine.x(1) == 7)
    }

    @Test("An event is kept until a WFE takes it, and two are one: SEV, SEVL, and the return from an exception")
    func eventRegister() throws {
        let machine = try SystemMachine(cpuCount: 2)
        for send in [A64.sev, .sevl] {
            #expect(try run([send, send, .wfe, .wfe, .hvc(1)], on: machine) == Self.waits)
            #expect(machine.cpu.programCounter == Self.code + 5 * 4)
        }
        // The exception return that `run` begins with.
        #expect(try machine.run([.wfe, .hvc(1)]) == .call(1))
        // Who does not wait is not woken.
        #expect(machine.eventsSent.cpus == [])
        #expect(try machine.run([.wfe, .hvc(1)]) == .call(1))
    }

    @Test("An interrupt ends a WFE if it is not masked, and only then")
    func interrupts() throws {
        let machine = try SystemMachine()
        #expect(try run([.wfe, .hvc(1)], on: machine) == Self.waits)
        machine.cpu.setInterruptPending(true)
        #expect(!machine.cpu.hasWakeUpEvent)
        #expect(try run([.wfe, .hvc(1)], on: machine) == Self.waits)
        machine.cpu.setInterruptPending(false)
        #expect(try run([.wfe, .hvc(1)], on: machine, flags: 0) == Self.waits)
        machine.cpu.setInterruptPending(true)
        #expect(machine.cpu.hasWakeUpEvent)
        let taken = try #require(try machine.resume().exception)
        #expect(taken.vector == 0x280 && taken.elr == Self.code + 8)
    }

    @Test("WFE comes back with the deadline of a timer that is not due, once")
    func timers() throws {
        let machine = try SystemMachine(timersInterrupt: true)
        let deadline = machine.clock.counter + 1_000_000
        try machine.set(.cntvCVALEL0, deadline)
        try machine.set(.cntvCTLEL0, 1)
        #expect(try run([.wfe, .wfe, .hvc(1)], on: machine) == .exit(.waitForEvent(deadline: deadline)))
        machine.clock.skip(to: deadline)
        // Its interrupt is masked: a loop around WFE must not spin until it is taken.
        #expect(try machine.resume() == Self.waits)
        #expect(machine.cpu.hasPendingInterrupt)
    }

    @Test("The event stream has an event at each rise, or fall, of its bit of the counter", arguments: [false, true])
    func eventStream(falling: Bool) throws {
        let machine = try SystemMachine()
        for bit in [5, 9, 15] as [UInt64] {
            let period: UInt64 = 2 << bit
            machine.clock.advance(by: 12_345)
            try machine.set(.cntkctlEL1, Self.eventStream(bit: bit, falling: falling))
            // Setting and entering have taken some instructions, which may have seen an edge: the third WFE waits,
            // surely.
            var stop = try run([.wfe, .wfe, .b(-1)], on: machine)
            for _ in 0..<100 {
                guard case .exit(.waitForEvent(let deadline?)) = stop else {
                    Issue.record("\(stop)")
                    return
                }
                let now = machine.clock.counter
                #expect(deadline % period == (falling ? 0 : period / 2))
                #expect(deadline > now && deadline <= now + period)
                machine.clock.skip(to: deadline)
                stop = try machine.resume()
            }
        }
        try machine.set(.cntkctlEL1, Self.eventStream(bit: 9) & ~4)
        #expect(try run([.wfe, .hvc(1)], on: machine) == Self.waits)
    }

    @Test("An event of the stream that came before the WFE ends it at once, and is used up by that")
    func missedEdge() throws {
        let machine = try SystemMachine()
        try machine.set(.cntkctlEL1, Self.eventStream(bit: 15))
        guard case .exit(.waitForEvent(let deadline?)) = try run([.wfe, .hvc(1), .wfe, .wfe], on: machine) else {
            Issue.record("did not wait")
            return
        }
        machine.clock.skip(to: deadline)
        #expect(try machine.resume() == .call(1))
        machine.clock.skip(to: deadline + (2 << 15) + 10)
        #expect(try machine.resume() == .exit(.waitForEvent(deadline: deadline + 2 * (2 << 15))))
        #expect(machine.cpu.programCounter == Self.code + 5 * 4)
    }

    @Test("After a load-exclusive, WFE ends when the location has changed, and looks again before long if it has not")
    func monitor() throws {
        let machine = try SystemMachine()
        let loop: [A64] = [.ldxr(.x1, .x20), .wfe, .b(-2)]
        machine.memory.store(UInt64(5), at: Self.location)
        var stop = try run(loop, on: machine, [.x20: Self.location])
        var sleeps: [UInt64] = []
        for _ in 0..<40 {
            guard case .exit(.waitForEvent(let deadline?)) = stop else {
                Issue.record("\(stop)")
                return
            }
            #expect(!machine.cpu.hasWakeUpEvent)
            sleeps.append(deadline - machine.clock.counter)
            machine.clock.skip(to: deadline)
            stop = try machine.resume()
        }
        // Never longer than it has waited, or 50 µs; and 10 ms at the most.
        var waited: UInt64 = 0
        for sleep in sleeps {
            #expect(sleep > 0 && sleep <= max(waited, 50_000) && sleep <= 10_000_000)
            waited += sleep + 10
        }
        // In the end it sleeps as long as it may each time.
        #expect(sleeps.suffix(10).allSatisfy { $0 > 9_990_000 }, "\(sleeps)")
        machine.memory.store(UInt64(6), at: Self.location)
        #expect(machine.cpu.hasWakeUpEvent)
        // Changed before the WFE: it does not wait at all.
        let early: [A64] = [.ldxr(.x1, .x20), .str(.x2, .x20), .wfe, .hvc(1)]
        #expect(try run(early, on: machine, [.x20: Self.location, .x2: 9]) == .call(1))
        // Nothing is watched after CLREX, or after an exception return.
        #expect(try run([.ldxr(.x1, .x20), .clrex, .wfe, .hvc(1)], on: machine, [.x20: Self.location]) == Self.waits)
    }

    @Test("After a WFE that watches nothing, a wait for the same location and value is another one")
    func anotherWait() throws {
        let machine = try SystemMachine()
        machine.memory.store(UInt64(5), at: Self.location)
        func sleep(_ stop: Stop) throws -> UInt64 {
            guard case .exit(.waitForEvent(let deadline?)) = stop else {
                Issue.record("\(stop)")
                return 0
            }
            defer { machine.clock.skip(to: deadline) }
            return deadline - machine.clock.counter
        }
        var last = try sleep(try run([.ldxr(.x1, .x20), .wfe, .b(-2)], on: machine, [.x20: Self.location]))
        for _ in 0..<30 { last = try sleep(try machine.resume()) }
        #expect(last > 9_990_000)
        let place = SystemMachine.Layout.vectors
        machine.load([.clrex, .wfe, .ldxr(.x1, .x20), .wfe, .b(-2)], at: place)
        machine.cpu.programCounter = place
        #expect(try machine.resume() == Self.waits)
        #expect(try sleep(try machine.resume()) <= 50_000)
    }

    private final class Timeouts: Sendable {
        private let value = Atomic(0)
        var count: Int { value.load(ordering: .relaxed) }
        func note() { value.wrappingAdd(1, ordering: .relaxed) }
    }

    @Test("No event is lost between a look at the register and the sleep: two CPUs hand each other the turn")
    func handOver() throws {
        let rounds = 20_000
        let machine = try SystemMachine(cpuCount: 2)
        // X20 the location, X1 what to wait for, X2 what to store then, X3 rounds. No CPU stores but in its turn.
        let program: [A64] = [
            .ldr(.x4, .x20), .cmp(.x4, .x1), .b(.eq, 3), .wfe, .b(-4),
            .str(.x2, .x20), .dsb, .sev, .sub(.x3, .x3, 1), .cbnz(.x3, -9), .hvc(1),
        ]
        machine.load(program, at: Self.code)
        for cpu in 0..<2 {
            try machine.prepare(cpu, at: Self.code, spsr: Mode.el1h.rawValue | PSTATEBit.daif)
            machine.vm.cpus[cpu].setRegister(20, Self.location)
            machine.vm.cpus[cpu].setRegister(1, UInt64(cpu))
            machine.vm.cpus[cpu].setRegister(2, UInt64(1 - cpu))
            machine.vm.cpus[cpu].setRegister(3, UInt64(rounds))
        }
        let places = [DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)]
        machine.eventsSent.onEvent { places[$0].signal() }
        let timeouts = Timeouts()
        let group = DispatchGroup()
        for cpu in machine.vm.cpus {
            group.enter()
            Thread.detachNewThread {
                var exit = Exit.waitForEvent(deadline: nil)
                while exit == .waitForEvent(deadline: nil) {
                    exit = cpu.run(budget: nil)
                    guard exit == .waitForEvent(deadline: nil) else { break }
                    while !cpu.hasWakeUpEvent {
                        if places[cpu.index].wait(timeout: .now() + 10) == .timedOut {
                            timeouts.note()
                            break
                        }
                    }
                }
                group.leave()
            }
        }
        group.wait()
        #expect(timeouts.count == 0)
        #expect(machine.x(3, on: 0) == 0 && machine.x(3, on: 1) == 0)
    }
}
