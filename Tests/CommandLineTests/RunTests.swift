import ArgumentParser
import FoundationEssentials
import Glibc
import Machine
import TestSupport
import Testing

@testable import DormouseCommand

@Suite("Runs of bare-metal guests", .needs(Guest.areBuilt, Guest.missing))
struct RunTests {
    private func run(_ guest: Guest, _ arguments: String...) async throws -> Finished {
        try await run(guest, arguments)
    }

    private func run(_ guest: Guest, _ arguments: [String]) async throws -> Finished {
        try await Command.run(["run", "--kernel", guest.path] + arguments)
    }

    private func report(at path: String) throws -> RunReport {
        let data = try #require(FileManager.default.contents(atPath: path))
        return try JSONDecoder().decode(RunReport.self, from: data)
    }

    /// A swap area with a hibernation image: `struct swsusp_header` of Linux's kernel/power/swap.c, 4 KiB pages.
    private var hibernatedDisk: [UInt8] {
        [UInt8](repeating: 0, count: 4076) + Array("SWAPSPACE2S1SUSPEND".utf8) + [0]
    }

    @Test(
        "The end that the guest chooses is the exit code and the last line",
        arguments: [
            ("end=off", 0, "powered off"), ("end=off2", 40, "hibernated"), ("end=reset", 32, "reset"),
            ("end=reset2", 32, "reset"),
        ] as [(String, Int32, String)])
    func ends(append: String, code: Int32, words: String) async throws {
        let result = try await run(.systemOff2, "--append", append, "--no-reboot", "--clock=instructions")
        #expect(result.exitCode == code)
        #expect(result.errorLines == ["dormouse: \(words)"])
        #expect(!result.output.contains("not ok"))
    }

    @Test("The report says what the last line says, and who called SYSTEM_OFF2 how")
    func hibernationReport() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", hibernatedDisk)
        let path = "\(directory.path)/report.json"
        let result = try await run(
            .systemOff2, "--append", "end=off2 core=1 width=32 type=1", "--cpus", "2", "--disk", disk,
            "--report", path, "--psci-version", "1.3", "--clock=instructions", "--seed", "7", "--memory", "64")
        #expect(result.errorLines == ["dormouse: hibernated"])
        let report = try report(at: path)
        #expect(report.schemaVersion == 1)
        #expect(report.end.kind == "hibernated" && report.end.exitCode == 40 && report.end.words == "hibernated")
        #expect(report.boots == 1)
        #expect(report.guestInstructions > 1000)
        let call = try #require(report.psci.lastSystemCall)
        #expect(call.functionID == "0x84000015" && call.name == "SYSTEM_OFF2" && call.type == 1 && call.core == 1)
        #expect(report.psci.version == "1.3" && report.psci.conduit == "hvc")
        // The guest tries reserved types first.
        #expect(report.psci.refusedSystemOff2)
        #expect(report.hibernationImages.map(\.found) == [true])
        #expect(report.hibernationImages.first?.pageSize == 4096)
        #expect(report.memory.guestTouchedBytes > 0 && report.memory.guestTouchedBytes < 64 << 20)
        #expect(report.memory.peakBytes >= report.memory.residentBytes)
        #expect(report.configuration.cpus == 2 && report.configuration.memoryBytes == 64 << 20)
        #expect(report.configuration.disks.map(\.path) == [disk])
        #expect(report.configuration.seed == 7)
    }

    @Test("A released model is taken without a word; one that there is not is refused")
    func models() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/report.json"
        let result = try await run(
            .systemOff2, "--append", "end=off2", "--clock=instructions", "--model", "virt-2", "--report", path)
        #expect(result.exitCode == 40)
        #expect(result.errorLines == ["dormouse: hibernated"])
        #expect(try report(at: path).configuration.model == "virt-2")
        let released = try await run(.systemOff2, "--append", "end=off2", "--clock=instructions")
        #expect(released.errorLines == ["dormouse: hibernated"])
        // Of a run that keeps nothing, and without UEFI.
        #expect(try MachineOptions.parse(["--kernel", "/k"]).machine.model.name == "virt-1")
        #expect(try MachineOptions.parse(["--firmware", "uefi=/code.fd"]).machine.model.name == "virt-2")
        let unknown = try await run(.systemOff2, "--model", "virt-0")
        #expect(unknown.exitCode == 64 && unknown.error.contains("give virt-1 or virt-2"))
    }

    @Test("After a power-off, a hibernation image on a disk is told of")
    func imageAfterPowerOff() async throws {
        let directory = try TemporaryDirectory()
        let empty = try directory.file("empty.img", [UInt8](repeating: 0, count: 8192))
        let disk = try directory.file("disk.img", hibernatedDisk)
        let result = try await run(.systemOff2, "--append", "end=off", "--disk", empty, "--disk", disk)
        #expect(result.exitCode == 0)
        #expect(result.errorLines == ["dormouse: powered off; a hibernation image is on disk \(disk)"])
    }

    @Test("A reset boots again, until a signal ends the run; the report counts the boots")
    func reboots() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/report.json"
        let result = try await Command.run(
            ["run", "--kernel", Guest.systemOff2.path, "--append", "end=reset", "--report", path]
        ) { running in
            let hasRebooted = try await running.waits(for: "PSCI_VERSION is", times: 2)
            #expect(hasRebooted)
            running.send(SIGTERM)
        }
        #expect(result.exitCode == 143)
        #expect(result.errorLines == ["dormouse: stopped by SIGTERM"])
        let report = try report(at: path)
        #expect(report.boots > 1)
        #expect(report.end.kind == "stopped" && report.end.exitCode == 143)
    }

    @Test("A signal ends a run that waits, cleanly", arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    func signals(number: Int32) async throws {
        let result = try await Command.run(
            ["run", "--kernel", Guest.idle.path, "--append", "seconds=3600"]
        ) { running in
            let isIdle = try await running.waits(for: "idle")
            #expect(isIdle)
            // timeout(1) sends its signal twice: that is one request.
            running.send(number)
            running.send(number)
        }
        #expect(result.exitCode == 128 + number)
        #expect(result.errorLines.count == 1)
        #expect(result.error.hasPrefix("dormouse: stopped by SIG"))
    }

    @Test("Every firmware call is traced with its core and its result")
    func trace() async throws {
        let result = try await run(.systemOff2, "--psci-trace", "--append", "end=off", "--clock=instructions")
        let trace = result.errorLines.dropLast()
        let lines = try trace.map { try #require($0.wholeMatch(of: /psci: (\d+\.\d{6}) core 0: (.*)/)) }
        #expect(lines.first?.2 == "SMC32 PSCI_VERSION() = 1.3")
        #expect(lines.last?.2 == "SMC32 SYSTEM_OFF() = system off")
        let times = lines.compactMap { Double($0.1) }
        #expect(times.count == lines.count)
        #expect(times == times.sorted() && times.last ?? 0 > 0)
    }

    @Test("A trace in JSON has an object in each line")
    func traceAsJSON() async throws {
        let result = try await run(
            .systemOff2, "--psci-trace-format=json", "--append", "end=off", "--clock=instructions")
        let trace = result.errorLines.dropLast()
        #expect(trace.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
        #expect(trace.first?.contains("\"function\":\"PSCI_VERSION\"") == true)
        #expect(trace.last?.contains("\"outcome\":\"system off\"") == true)
    }

    @Test("The same seed gives the same run, to the instruction")
    func determinism() async throws {
        let directory = try TemporaryDirectory()
        var counts: [UInt64] = []
        for attempt in 0..<2 {
            let path = "\(directory.path)/report\(attempt).json"
            _ = try await run(.systemOff2, "--clock=instructions", "--cpus", "2", "--report", path)
            counts.append(try report(at: path).guestInstructions)
        }
        #expect(counts[0] == counts[1])
    }

    @Test("A disk in use is refused to a second machine, and two may read it together")
    func lockedDisk() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 4096))
        for (option, exitCode) in [(disk, 64), ("\(disk),readonly=on", 0)] as [(String, Int32)] {
            let first = try await Command.run(
                ["run", "--kernel", Guest.idle.path, "--append", "seconds=3600", "--disk", option]
            ) { running in
                let isIdle = try await running.waits(for: "idle")
                #expect(isIdle)
                let second = try await Command.run(
                    ["run", "--kernel", Guest.idle.path, "--append", "seconds=0", "--disk", option])
                #expect(second.exitCode == exitCode)
                #expect(second.errorLines.count == 1)
                if exitCode != 0 { #expect(second.error.contains("\(disk) is in use")) }
                running.send(SIGTERM)
            }
            #expect(first.exitCode == 143)
        }
    }

    @Test("A host's storage that fails is told of once for each reason, and at the end")
    func failingDisk() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 1 << 20))
        let rules = (1...3).flatMap { ["--lab", "disk0.write#\($0)=ENOSPC"] }
        let path = "\(directory.path)/report.json"
        let result = try await run(.sleeper, ["--disk", disk, "--report", path] + rules)
        let warnings = result.errorLines.filter { $0.contains("cannot write disk \(disk): No space left on device") }
        #expect(warnings.count == 1)
        let end = try #require(result.errorLines.last)
        #expect(end.contains("to disk \(disk) failed (No space left on device)"))
        let report = try report(at: path)
        #expect("dormouse: \(report.end.words)" == end)
        #expect(report.disks[0].failures > 0)
    }

    @Test("With on-error=stop the guest waits for the host, and does not know of it")
    func waitingForDisk() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 1 << 20))
        let result = try await run(.sleeper, ["--disk", "\(disk),on-error=stop", "--lab", "disk0.write#1=ENOSPC"])
        #expect(result.exitCode == 40)
        #expect(result.errorLines.count == 3)
        #expect(result.errorLines.first?.contains("the guest is paused") == true)
        #expect(result.errorLines.dropFirst().first?.contains("the guest goes on") == true)
        #expect(result.errorLines.last == "dormouse: hibernated")
        #expect(!result.output.contains("not ok"))
    }

    @Test("A guest that is paused because of a disk is ended by a signal like any other")
    func endedWhileWaiting() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 1 << 20))
        // One a second: enough for a machine on which this test waits long for its turn.
        let rules = (1...2000).flatMap { ["--lab", "disk0.write#\($0)=EIO"] }
        let arguments = ["run", "--kernel", Guest.sleeper.path, "--disk", "\(disk),on-error=stop"] + rules
        let result = try await Command.run(arguments) { running in
            let isPaused = try await running.waits(forMessage: "the guest is paused")
            #expect(isPaused)
            running.send(SIGTERM)
        }
        #expect(result.exitCode == 143)
        #expect(result.errorLines.count == 2)
        #expect(result.errorLines.last == "dormouse: stopped by SIGTERM")
    }

    @Test("Any file is run as flat code if that is said")
    func flatImage() async throws {
        let directory = try TemporaryDirectory()
        let data = try #require(FileManager.default.contents(atPath: Guest.systemOff2.path))
        let path = try directory.file("guest.img", data)
        #expect(try await Command.run(["run", "--kernel", path]).exitCode == 64)
        let result = try await Command.run(["run", "--kernel", path, "--kernel-format", "flat"])
        #expect(result.exitCode == 40)
        let initrd = try await Command.run(
            ["run", "--kernel", path, "--kernel-format", "flat", "--initrd", path])
        #expect(initrd.exitCode == 64 && initrd.errorLines.count == 1)
        let linux = try await Command.run(["run", "--kernel", Guest.idle.path, "--kernel-format", "linux"])
        #expect(linux.exitCode == 64 && linux.errorLines.count == 1)
    }

    @Test("The end of standard input ends nothing, and Ctrl-A in it is data")
    func inputEnds() async throws {
        let result = try await Command.run(
            ["run", "--kernel", Guest.idle.path, "--append", "seconds=1"], input: "abc\u{1}x")
        #expect(result.exitCode == 0)
        #expect(result.output.contains("idle for"))
    }

    @Test("Closed standard descriptors, and a reader that goes, end nothing")
    func closedDescriptors() async throws {
        let closed = try await Command.shell(
            "\"$0\" run --kernel \"$1\" --append seconds=0 <&- >&- 2>&-", Guest.idle.path)
        #expect(closed.exitCode == 0)
        let directory = try TemporaryDirectory()
        let gone = try await Command.shell(
            """
            { until [ -e "$2" ]; do sleep 0.05; done; "$0" run --kernel "$1" --append seconds=0; echo "code $?" >&2; } |
            { exec <&-; : >"$2"; }
            """, Guest.idle.path, "\(directory.path)/gone")
        #expect(gone.errorLines.suffix(2) == ["dormouse: powered off", "code 0"])
    }
}
