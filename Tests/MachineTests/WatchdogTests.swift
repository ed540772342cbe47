// A guest that turns its watchdog on and then hangs, on software CPUs.

import Foundation
import HostSupport
import Hypervisor
import Synchronization
import Testing

@testable import Machine

@Suite("A guest that hangs", .timeLimit(.minutes(5)))
struct WatchdogTests {
    /// MOV X1, #0x09120000; MOV W2, #ticks; STR W2, [X1, #8]; MOV W3, #1; STR W3, [X1]; then B . or WFI and back.
    private static func program(waits: Bool) -> [UInt32] {
        [
            0xD2A1_2241, 0x52A0_0202, 0xB900_0822, 0x5280_0023, 0xB900_0023, waits ? 0xD503_207F : 0xD503_201F,
            0x17FF_FFFF,
        ]
    }

    private func machine(
        _ action: WatchdogAction?, _ clock: ClockKind, waits: Bool = false,
        expired: @escaping @Sendable (WatchdogAction) -> Void = { _ in }
    ) throws -> VirtualMachine {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).bin")
        let words = Self.program(waits: waits)
        try Data(words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }).write(to: file)
        var configuration = MachineConfiguration(kernel: file.path)
        configuration.memoryByteCount = 64 << 20
        configuration.clock = clock
        configuration.watchdog = action
        var events = MachineEvents()
        events.watchdog = expired
        return try VirtualMachine(configuration, events: events)
    }

    @Test(
        "It is started again, or has crashed, as asked, whether it computes or waits", arguments: ClockKind.allCases,
        [true, false])
    func ends(clock: ClockKind, waits: Bool) throws {
        let notes = Mutex<[WatchdogAction]>([])
        let reset = try machine(.reset, clock, waits: waits) { action in notes.withLock { $0.append(action) } }
        #expect(try reset.run() == .stopped(.watchdog))
        #expect(RunEnd.stopped(.watchdog).isReset)
        // And again, from the beginning.
        #expect(try reset.run() == .stopped(.watchdog))
        #expect(notes.withLock(\.self) == [.reset, .reset])
        let crash = try machine(.crash, clock, waits: waits)
        #expect(try crash.run() == .crashed("the guest's watchdog was not refreshed"))
    }

    @Test("It may go on, and whoever runs it is told")
    func told() throws {
        let place = Parking()
        let notes = Mutex<[WatchdogAction]>([])
        let machine = try machine(.nothing, .host) { action in
            notes.withLock { $0.append(action) }
            place.wake()
        }
        let end = Mutex<RunEnd?>(nil)
        let thread = try HostThread {
            let result = try? machine.run()
            end.withLock { $0 = result }
        }
        place.wait(until: nil) { notes.withLock { !$0.isEmpty } }
        machine.stop(because: .monitor)
        thread.join()
        #expect(end.withLock(\.self) == .stopped(.monitor))
        #expect(notes.withLock(\.self) == [.nothing])
    }

    @Test("Who has none finds nothing there, and a sleep button is pressed only where there is one")
    func none() throws {
        let machine = try machine(nil, .host)
        #expect(machine.watchdog == nil)
        #expect(machine.configuration.components.all.allSatisfy { !($0 is WatchdogComponent) })
        var configuration = machine.configuration
        configuration.watchdog = .hibernate
        #expect(throws: MachineError.self) { try VirtualMachine.check(configuration) }
        configuration.hardwareDescription = .acpi
        #expect(throws: Never.self) { try VirtualMachine.check(configuration) }
    }
}
