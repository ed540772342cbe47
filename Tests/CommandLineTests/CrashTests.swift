import Glibc
import Subprocess
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
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        // With the runtime's backtracer, which takes its time.
        let environment = Environment.inherit.updating(["SWIFT_BACKTRACE": "enable=yes"])
        let result = try await Command.run(["start", TestVM.name, "--store", vm.store], environment: environment) {
            running in
            let isIdle = try await running.waits(for: "idle")
            #expect(isIdle)
            running.send(number)
        }
        #expect(result.signal == number)
        // What the backtracer takes half a minute for it says in many lines.
        #expect(result.errorLines.count == 1, "\(result.error)")
        #expect(result.error.hasPrefix("dormouse: crashed by \(name)"), "\(result.error)")
        #expect(result.error.contains("a fault of Dormouse 0."), "\(result.error)")
        #expect(try await Command.run(["list", "--store", vm.store]).output.contains("unknown"))
        // Which needs the lock.
        #expect(try await vm.run("bump").exitCode == 0)
    }
}
