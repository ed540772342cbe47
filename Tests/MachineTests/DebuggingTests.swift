// A guest that a debugger stops, steps and looks at, on software CPUs.

import Foundation
import HostSupport
import Hypervisor
import Synchronization
import Testing

@testable import Machine

@Suite("A guest in a debugger", .timeLimit(.minutes(5)))
struct DebuggingTests {
    private static let entry: UInt64 = 0x4008_0000
    /// MOV X19, #0x76; MOV X20, #5; ADD X20, X20, #1; WFI; MOV W0, #0x84000000; MOVK W0, #8; HVC #0.
    private static let program: [UInt32] = [
        0xD280_0ED3, 0xD280_00B4, 0x9100_0694, 0xD503_207F, 0x52B0_8000, 0x7280_0100, 0xD400_0002,
    ]

    /// A machine that begins paused, its run, and the stops of its cores.
    private final class Debugged: Sendable {
        let machine: VirtualMachine
        private let stops = Mutex<[String]>([])
        private let changed = Parking()
        private let end = Mutex<RunEnd?>(nil)
        private let file: URL
        private let link = Link()

        init(_ clock: ClockKind) throws {
            file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).bin")
            try Data(program.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }).write(to: file)
            var configuration = MachineConfiguration(kernel: file.path)
            configuration.memoryByteCount = 64 << 20
            configuration.cpuCount = 2
            configuration.clock = clock
            var events = MachineEvents()
            events.debugStop = { [link] core, stop in link.owner.withLock { $0 }?.note("\(core) \(stop)") }
            machine = try VirtualMachine(configuration, events: events)
            link.owner.withLock { $0 = self }
            machine.pause(clock: .standsStill)
            try HostThread.start { [self] in
                let end = try? machine.run()
                self.end.withLock { $0 = end }
                changed.wake()
            }
        }

        deinit { try? FileManager.default.removeItem(at: file) }

        private func note(_ stop: String) {
            stops.withLock { $0.append(stop) }
            changed.wake()
        }

        /// The next stop of a core, once all have stopped.
        func nextStop() -> String {
            changed.wait(until: nil) { stops.withLock { !$0.isEmpty } }
            _ = machine.waitUntilStopped(milliseconds: 100_000)
            return stops.withLock { $0.removeFirst() }
        }

        func waitForEnd() -> RunEnd? {
            changed.wait(until: nil) { end.withLock { $0 != nil } }
            link.owner.withLock { $0 = nil }
            return end.withLock(\.self)
        }

        private final class Link: Sendable {
            let owner = Mutex<Debugged?>(nil)
        }
    }

    @Test("It is stopped before its first instruction, at breakpoints and after steps", arguments: ClockKind.allCases)
    func stops(clock: ClockKind) throws {
        let debugged = try Debugged(clock)
        let machine = debugged.machine
        #expect(machine.canBeDebugged && machine.breakpointLimit > 100)
        #expect(machine.waitUntilStopped(milliseconds: 100_000))
        var registers = try #require(machine.debugRegisters(ofCore: 0))
        #expect(registers.pc == Self.entry && registers.pstate == 0x3C5)
        #expect(!machine.setDebugRegisters(registers, ofCore: 0))
        #expect(machine.debugRegisters(ofCore: 1) != nil && machine.debugRegisters(ofCore: 2) == nil)

        let breakpoints: Set<UInt64> = [Self.entry + 8]
        machine.resume([.goesOn, .goesOn], breakpoints: breakpoints)
        #expect(debugged.nextStop() == "0 breakpoint")
        registers = try #require(machine.debugRegisters(ofCore: 0))
        #expect(registers.pc == Self.entry + 8 && registers.x[19] == 0x76)

        let counter = machine.clock.counter
        machine.resume([.steps, .held], breakpoints: breakpoints)
        #expect(debugged.nextStop() == "0 stepped")
        registers = try #require(machine.debugRegisters(ofCore: 0))
        #expect(registers.pc == Self.entry + 12 && registers.x[20] == 6)
        #expect(machine.coreActivities == [.paused(.running), .paused(.off)])
        if clock == .host { #expect(machine.clock.counter == counter) }

        // WFI waits for nothing while it is stepped.
        machine.resume([.steps, .goesOn], breakpoints: breakpoints)
        #expect(debugged.nextStop() == "0 stepped")
        #expect(machine.debugRegisters(ofCore: 0)?.pc == Self.entry + 16)

        registers.pc = Self.entry + 8
        #expect(machine.setDebugRegisters(registers, ofCore: 0))
        machine.resume([.goesOn, .held], breakpoints: breakpoints)
        #expect(debugged.nextStop() == "0 breakpoint")
        machine.resume([.goesOn, .goesOn], breakpoints: [])
        while machine.coreActivities[0] != .waiting(until: nil) { usleep(1000) }
        #expect(machine.debugRegisters(ofCore: 0) == nil)

        #expect(machine.stopForDebugger(milliseconds: 100_000))
        #expect(machine.state == .paused)
        // From the WFI that it waits in.
        machine.resume([.steps, .held], breakpoints: [])
        #expect(debugged.nextStop() == "0 stepped")
        #expect(machine.debugRegisters(ofCore: 0)?.pc == Self.entry + 20)
        machine.resume([.goesOn, .goesOn], breakpoints: [])
        #expect(debugged.waitForEnd() == .poweredOff)
    }

    @Test("Its memory is read as far as it is there, and changed as a whole or not at all")
    func memory() throws {
        let debugged = try Debugged(.host)
        let machine = debugged.machine
        #expect(machine.waitUntilStopped(milliseconds: 100_000))
        let first = withUnsafeBytes(of: Self.program[0].littleEndian, Array.init)
        #expect(machine.debugRead(.virtual(Self.entry, core: 0), count: 4) == first)
        #expect(machine.debugRead(.physical(Self.entry), count: 4) == first)
        let end: UInt64 = 0x4000_0000 + 64 << 20
        #expect(machine.debugRead(.physical(end - 2), count: 8).count == 2)
        // The UART is no memory, and neither is what is beyond all.
        for address: UInt64 in [0x0900_0000, end, .max, 1 << 60] {
            #expect(machine.debugRead(.physical(address), count: 8).isEmpty)
            #expect(machine.debugRead(.virtual(address, core: 0), count: 8).isEmpty)
            #expect(!machine.debugWrite([1], to: .virtual(address, core: 0)))
        }
        #expect(!machine.debugWrite([1, 2, 3], to: .physical(end - 2)))
        #expect(machine.debugRead(.physical(end - 2), count: 2) == [0, 0])
        // MOV X19, #0x77, instead of the instruction that is there.
        #expect(machine.debugWrite([0xF3, 0x0E, 0x80, 0xD2], to: .virtual(Self.entry, core: 0)))
        machine.resume([.steps, .held], breakpoints: [])
        #expect(debugged.nextStop() == "0 stepped")
        machine.resume([.steps, .held], breakpoints: [])
        #expect(debugged.nextStop() == "0 stepped")
        #expect(machine.debugRegisters(ofCore: 0)?.x[19] == 0x77)
        machine.stop(because: .monitor)
        #expect(debugged.waitForEnd() == .stopped(.monitor))
    }
}
