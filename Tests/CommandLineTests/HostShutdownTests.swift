// Runs that are to hibernate with their host without a unit. What systemd then does is in EndToEndTests.

import Glibc
import KeptVMs
import Subprocess
import TestSupport
import Testing

@testable import DormouseCommand

@Suite("Hibernating with the host, without a unit", .needs(Guest.areBuilt, Guest.missing))
struct HostShutdownTests {
    /// Words of systemd's own tool for them, about a bus on which there is no manager.
    private func call(_ arguments: [String]) async throws -> String {
        let result = try await Subprocess.run(
            .name("dbus-run-session"), arguments: Arguments(["--", "busctl", "--user"] + arguments),
            output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        return result.standardError
    }

    @Test(
        "What the manager is asked for is sound to busctl, whatever is in it",
        .needs(
            access("/usr/bin/dbus-run-session", X_OK) == 0 && access("/usr/bin/busctl", X_OK) == 0,
            "dbus-run-session or busctl is missing; install dbus-daemon and systemd"))
    func sound() async throws {
        let vm = try await TestVM(disks: 1)
        var scope = TransientScope(vm: try VMStore(path: vm.store).vm(TestVM.name), process: 4711)
        for rules in [[], ["memory-max = '1G'", "cpu-quota = '150%'", "timeout = '5m'", "then = 'kill'"]] {
            if !rules.isEmpty {
                try vm.edit("[hibernation]", (["[host]"] + rules).joined(separator: "\n") + "\n\n[hibernation]")
                scope.rules = try #require(try scope.vm.configuration().host)
                scope.paths = ["/a \"b\" %n \\x20 é", "/-h"]
            }
            let words = try scope.arguments()
            // It got as far as the manager.
            #expect(try await call(words).contains("Call failed"), "\(words)")
            #expect(try await !call(Array(words.dropLast(2))).contains("Call failed"))
            #expect(words.contains("dormouse-vm-4711.scope"))
        }
        let words = try scope.arguments().joined(separator: " ")
        // 5 min, 60 s for signals, 40 s for the rest.
        for property in ["TimeoutStopUSec t 400000000", "MemoryMax t 1073741824", "CPUQuotaPerSecUSec t 1500000"] {
            #expect(words.contains(property))
        }
    }

    @Test(
        "Where no systemd runs the start is refused, and nothing was started",
        .enabled(if: access("/run/systemd/system", F_OK) != 0))
    func refused() async throws {
        let vm = try await TestVM(disks: 1)
        let environment = Command.environment.updating(["XDG_RUNTIME_DIR": nil])
        for options in [[], ["--detach"]] {
            let started = try await Command.run(
                ["start", "vm", "--hibernate-with-host", "--store", vm.store] + options, environment: environment
            ) { _ in }
            #expect(started.exitCode == 64 && started.error.contains("systemd does not run"), "\(started.error)")
        }
        #expect(try await vm.run("status").output == "defined\n")
    }

    @Test("The manager's signal means nothing to any other run")
    func signal() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        let run = try await Command.run(["start", "vm", "--store", vm.store]) { running in
            let isIdle = try await running.waits(for: "idle")
            #expect(isIdle)
            running.send(TransientScope.signal)
            #expect(try await vm.run("status").output == "running\n")
            running.send(SIGHUP)
        }
        #expect(run.exitCode == 129 && run.errorLines.last == "dormouse: stopped by SIGHUP", "\(run.error)")
    }
}
