import Glibc
import Subprocess
import Synchronization
import TestSupport
import Testing

@Suite("A process that is broken", .needs(Guest.areBuilt, Guest.missing))
struct CrashTests {
    private static let signals: [(Int32, String)] = [
        (SIGSEGV, "SIGSEGV"), (SIGILL, "SIGILL"), (SIGBUS, "SIGBUS"), (SIGABRT, "SIGABRT"), (SIGFPE, "SIGFPE"),
        (SIGTRAP, "SIGTRAP"),
    ]

    @Test(
        "It ends at once, says so in one line, lets go of its VM, and nobody knows how the run ended",
        arguments: signals)
    func crash(number: Int32, name: String) async throws {
        let vm = try await TestVM(.idle, append: "seconds=600", disks: 1)
        let clock = ContinuousClock()
        // With the runtime's backtracer, which takes its time.
        let environment = Environment.inherit.updating(["SWIFT_BACKTRACE": "enable=yes"])
        let box = InstantBox()
        let result = try await Command.run(["start", TestVM.name, "--store", vm.store], environment: environment) {
            running in
            let isIdle = try await running.waits(for: "idle")
            #expect(isIdle)
            box.set(clock.now)
            running.send(number)
        }
        let elapsed = try #require(box.instant).duration(to: clock.now)
        #expect(result.signal == number)
        // Generous, on a machine that is busy; the backtracer needs half a minute.
        #expect(elapsed < .seconds(5))
        #expect(result.errorLines.count == 1, "\(result.error)")
        #expect(result.error.hasPrefix("dormouse: crashed by \(name)"), "\(result.error)")
        #expect(result.error.contains("a fault of Dormouse 0."), "\(result.error)")
        #expect(try await Command.run(["list", "--store", vm.store]).output.contains("unknown"))
        // Which needs the lock.
        #expect(try await vm.run("bump").exitCode == 0)
    }
}

/// An instant that a closure sets.
private final class InstantBox: Sendable {
    private let value = Mutex<ContinuousClock.Instant?>(nil)
    var instant: ContinuousClock.Instant? { value.withLock { $0 } }
    func set(_ instant: ContinuousClock.Instant) { value.withLock { $0 = instant } }
}
