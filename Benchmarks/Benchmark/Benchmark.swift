// How long a Debian kernel takes to boot, to hibernate, to resume, to compute and to make processes, and how fast its
// disk is; what it costs, and what it costs on QEMU and on the machine itself.
//
// Benchmarks/README.md describes the measurements. The monitors take turns within each round, so that whatever the host
// does besides meets all of them.

import ArgumentParser
import Foundation

@main
struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Benchmarks/run builds this and what it measures; start that.")

    /// What can be measured for itself.
    enum Part: String, ExpressibleByArgument, CaseIterable {
        case boot, compute, processes, disk, distribution
    }

    @Option(help: "The dormouse to measure.") var dormouse: String
    @Option(help: "Another dormouse, such as an older one, that takes turns with it; ratios are to this one then.")
    var before: String?
    @Option(help: "The guest, a directory that scripts/fetch-guests made.") var guest: String
    @Option(help: "An initramfs with the programs.") var programsInitrd: String
    @Option(help: "The directory of the programs for this machine.") var native: String
    @Option(
        help: ArgumentHelp(
            "The engine of Dormouse's CPU. May be repeated: each is measured. (default: Dormouse's own)",
            valueName: "engine"))
    var engine: [String] = []
    @Option(
        help: ArgumentHelp(
            "A directory with a distribution's disk, its kernel and initrd, and UEFI's code and variables.",
            valueName: "directory"))
    var distribution: String?
    @Option(
        help: "Measure only this: boot (with hibernation and resume), compute, processes, disk or distribution.")
    var only: Part?
    @Option(
        help: ArgumentHelp("Only these programs, separated by commas.", valueName: "names"),
        transform: { $0.split(separator: ",").map(String.init) })
    var programs: [String] = []
    @Option(help: "How often everything is measured.") var rounds = 5
    @Option(help: "MiB of guest RAM.") var memory = 512
    @Option(help: "A file that gets the medians, the ratios and every single result, as JSON.") var json: String?
    @Flag(name: .customLong("no-qemu"), help: "Leave QEMU out even if it is installed.") var withoutQEMU = false
    @Flag(name: .customLong("no-native"), help: "Leave the programs on this machine itself out.")
    var withoutNative = false

    func validate() throws {
        guard rounds > 0 else { throw ValidationError("--rounds has to be at least 1") }
        guard memory >= 128 else {
            throw ValidationError("--memory has to be at least 128, or the kernel does not boot")
        }
    }

    private func measures(_ part: Part) -> Bool { only == nil || only == part }

    func run() throws {
        let guest = Guest(
            directory: URL(filePath: guest), programsInitrd: URL(filePath: programsInitrd), memoryMebibytes: memory)
        let distribution = distribution.map { Distribution(directory: URL(filePath: $0), memoryMebibytes: memory) }
        let native = NativePrograms(directory: URL(filePath: native))
        let sets = ProgramSet.allCases.filter { set in Part(rawValue: set.rawValue).map(measures) ?? false }
        let programs = try native.select(self.programs, of: sets)
        let ours = Dormouse.all(executable: URL(filePath: dormouse), engines: engine)
        var monitors: [any Monitor] = ours
        var baseline: String?
        if let before {
            let other = Dormouse(executable: URL(filePath: before), engine: nil, name: "before")
            monitors.append(other)
            baseline = other.name
        }
        if !withoutQEMU {
            if let qemu = QEMU() {
                monitors.append(qemu)
                baseline = baseline ?? qemu.name
            } else {
                note("qemu-system-aarch64 is not installed: nothing to compare with (scripts/setup --benchmarks)")
            }
        }
        let host = Host(monitors: monitors, guest: guest)
        if host.load >= 1 { note("the load of this machine is \(host.load): what follows says little") }

        var results = Results(
            host: host, memoryMebibytes: memory, programs: programs, measured: ours.map(\.name), baseline: baseline)
        for round in 1...rounds {
            for monitor in monitors {
                var measurement = Measurement()
                if measures(.boot) {
                    note("round \(round) of \(rounds): \(monitor.name), boot")
                    try measurement.measureBoot(of: guest, on: monitor)
                }
                for (set, names) in programs {
                    note("round \(round) of \(rounds): \(monitor.name), \(set.rawValue)")
                    try measurement.measure(names, of: set, in: guest, on: monitor)
                }
                if measures(.disk) {
                    note("round \(round) of \(rounds): \(monitor.name), disk")
                    try measurement.measureDisks(of: guest, on: monitor, maker: URL(filePath: dormouse))
                }
                if let distribution, measures(.distribution) {
                    note("round \(round) of \(rounds): \(monitor.name), distribution")
                    try measurement.measure(distribution, on: monitor)
                }
                try results.add(measurement, of: monitor.name)
            }
            if !programs.isEmpty && !withoutNative {
                note("round \(round) of \(rounds): \(native.name)")
                try results.add(native.measure(programs), of: native.name)
            }
        }
        print(results.text())
        if let json { try results.write(to: URL(filePath: json)) }
    }
}

/// Progress, for whoever waits.
func note(_ text: String) {
    FileHandle.standardError.write(Data("== \(text)\n".utf8))
}
