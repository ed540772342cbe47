// What a service manager is told of a VM that it started, by a manager of the test's own.

import FoundationEssentials
import Glibc
import Subprocess
import TestSupport
import Testing

@Suite("Under a service manager", .needs(Guest.areBuilt, Guest.missing))
struct SupervisionTests {
    private static func environment(_ socket: String, watchdog: String? = nil) -> Environment {
        var values: [Environment.Key: String?] = ["NOTIFY_SOCKET": socket]
        if let watchdog { values["WATCHDOG_USEC"] = watchdog }
        return Command.environment.updating(values)
    }

    @Test(
        "It is told that the guest runs, and as what, that the process is alive, and how it ends",
        arguments: [false, true])
    func told(isAbstract: Bool) async throws {
        let manager = try NotificationSocket(isAbstract: isAbstract)
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        let environment = Self.environment(manager.name, watchdog: "200000")
        let run = try await Command.run(["start", TestVM.name, "--store", vm.store], environment: environment) {
            running in
            #expect(manager.receive() == "READY=1\nSTATUS=booted")
            for _ in 0..<3 { #expect(manager.receive() == "WATCHDOG=1") }
            running.send(SIGTERM)
            var last = manager.receive()
            while last == "WATCHDOG=1" { last = manager.receive() }
            #expect(last == "STOPPING=1\nSTATUS=stopped by SIGTERM")
        }
        #expect(run.exitCode == 143)
    }

    @Test("It is told that a guest was resumed, and that it hibernated")
    func resumed() async throws {
        let manager = try NotificationSocket(isAbstract: true)
        let vm = try await TestVM()
        for status in ["booted", "resumed"] {
            let run = try await Command.run(
                ["start", TestVM.name, "--store", vm.store], environment: Self.environment(manager.name)
            ) { _ in }
            #expect(run.exitCode == 40)
            #expect(manager.receive() == "READY=1\nSTATUS=\(status)")
            #expect(manager.receive() == "STOPPING=1\nSTATUS=hibernated")
        }
        let fresh = try await Command.run(
            ["start", TestVM.name, "--store", vm.store, "--fresh"], environment: Self.environment(manager.name)
        ) { _ in }
        #expect(fresh.exitCode == 40)
        #expect(manager.receive()?.hasPrefix("READY=1\nSTATUS=booted clean: ") == true)
    }

    @Test(
        "A manager that cannot be told is warned of, once, and the guest runs as without",
        arguments: [
            ("relative", nil, "neither a path nor an abstract name"), ("/nonexistent/notify", nil, "No such file"),
            ("@dormouse-test-nobody", "200000", "refused"),
        ] as [(String, String?, String)])
    func wrong(socket: String, watchdog: String?, words: String) async throws {
        let vm = try await TestVM()
        let run = try await Command.run(
            ["start", TestVM.name, "--store", vm.store], environment: Self.environment(socket, watchdog: watchdog)
        ) { _ in }
        #expect(run.exitCode == 40)
        #expect(run.errorLines.filter { $0.contains("NOTIFY_SOCKET") || $0.contains("WATCHDOG_USEC") }.count == 1)
        #expect(run.error.contains(words), "\(run.error)")
    }

    @Test("A manager whose time for the watchdog is none is told everything else")
    func wrongWatchdog() async throws {
        let manager = try NotificationSocket(isAbstract: true)
        let vm = try await TestVM()
        let run = try await Command.run(
            ["start", TestVM.name, "--store", vm.store],
            environment: Self.environment(manager.name, watchdog: "soon")
        ) { _ in }
        #expect(run.exitCode == 40 && run.error.contains("WATCHDOG_USEC is \"soon\""), "\(run.error)")
        #expect(manager.receive() == "READY=1\nSTATUS=booted")
        #expect(manager.receive() == "STOPPING=1\nSTATUS=hibernated")
    }

    @Test("passt is not asked to speak for its VM", .needsPasst)
    func children() async throws {
        let manager = try NotificationSocket(isAbstract: true)
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1, options: ["--net", "user"])
        let run = try await Command.run(
            ["start", TestVM.name, "--store", vm.store], environment: Self.environment(manager.name)
        ) { running in
            #expect(manager.receive()?.hasPrefix("READY=1") == true)
            let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(running.process)/task")
            let children = tasks.flatMap { task in
                let file = "/proc/\(running.process)/task/\(task)/children"
                let bytes = FileManager.default.contents(atPath: file) ?? Data()
                return String(decoding: bytes, as: UTF8.self).split(separator: " ").map(String.init)
            }
            #expect(!children.isEmpty)
            for child in children {
                let bytes = try #require(FileManager.default.contents(atPath: "/proc/\(child)/environ"))
                #expect(!String(decoding: bytes, as: UTF8.self).contains("NOTIFY_SOCKET"))
            }
            running.send(SIGTERM)
        }
        #expect(run.exitCode == 143)
    }
}
