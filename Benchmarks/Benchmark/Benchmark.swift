// How long a Debian kernel takes to boot, to hibernate and to resume; what it costs, and what it costs on QEMU.
//
// Benchmarks/README.md describes the measurements. The monitors take turns within each round, so that whatever the host
// does besides meets both.

import ArgumentParser
import Foundation

@main
struct BootBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot-benchmark", abstract: "Benchmarks/run builds this and what it measures; start that.")

    @Option(help: "The dormouse to measure.") var dormouse: String
    @Option(help: "The guest, a directory that scripts/fetch-guests made.") var guest: String
    @Option(help: "How often everything is measured.") var rounds = 5
    @Option(help: "MiB of guest RAM.") var memory = 512
    @Option(help: "A file that gets every single result, as JSON.") var json: String?
    @Flag(name: .customLong("no-qemu"), help: "Leave QEMU out even if it is installed.") var withoutQEMU = false

    func validate() throws {
        guard rounds > 0 else { throw ValidationError("--rounds has to be at least 1") }
        guard memory >= 128 else {
            throw ValidationError("--memory has to be at least 128, or the kernel does not boot")
        }
    }

    func run() throws {
        let guest = Guest(directory: URL(filePath: guest), memoryMebibytes: memory)
        var monitors: [any Monitor] = [Dormouse(executable: URL(filePath: dormouse))]
        if !withoutQEMU {
            if let qemu = QEMU() {
                monitors.append(qemu)
            } else {
                note("qemu-system-aarch64 is not installed: nothing to compare with (scripts/setup --benchmarks)")
            }
        }
        let host = Host(monitors: monitors, guest: guest)
        if host.load >= 1 { note("the load of this machine is \(host.load): what follows says little") }

        var results = Results(host: host, memoryMebibytes: memory)
        for round in 1...rounds {
            for monitor in monitors {
                note("round \(round) of \(rounds): \(monitor.name)")
                results.add(try Measurement(of: guest, on: monitor), of: monitor.name)
            }
        }
        print(results.table(baseline: monitors.dropFirst().first?.name))
        if let json { try results.write(to: URL(filePath: json)) }
    }
}

/// Progress, for whoever waits.
func note(_ text: String) {
    FileHandle.standardError.write(Data("== \(text)\n".utf8))
}
