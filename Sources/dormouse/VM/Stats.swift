// `dormouse stats`: what running VMs take of their host.

import ArgumentParser
import Bytes
import KeptVMs

struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Print what running VMs take of this host.",
        discussion: """
            A line for each: name, process, CPU time in seconds, how much of a core it takes now, memory in MiB, threads, open \
            files, and for how long it has run, in seconds. As JSON it is an array, with an object for each VM.
            """)

    @Argument(help: "The VMs' names. (default: all that run)", completion: VMNames.completion)
    var names: [String] = []

    @OptionGroup var storeOptions: StoreOptions

    @Option(
        help: ArgumentHelp("For how long to look at the CPU, in seconds. (default: 1)", valueName: "seconds"))
    var interval = 1.0

    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard (0.0...3600).contains(interval) else { throw ValidationError("give --interval 0 to 3600 seconds") }
    }

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            let vms = try (names.isEmpty ? try store.names() : names).compactMap { name in
                names.isEmpty ? try? store.vm(name) : try store.vm(name)
            }
            let statistics = VMStatistics.of(vms, interval: .milliseconds(Int64(interval * 1000)))
            if let idle = vms.first(where: { vm in !statistics.contains { $0.name == vm.name } }), !names.isEmpty {
                throw HostError.notRunning(name: idle.name)
            }
            if output.isJSON {
                Output.print(try StableJSON.text(of: statistics, indented: true))
            } else {
                for one in statistics { Output.print(one.line) }
            }
            return .poweredOff
        }
    }
}

extension VMStatistics {
    fileprivate var line: String {
        let columns = [
            name, "\(process)", Self.text(cpuSeconds, digits: 2), "\(Int((cpuShare * 100).rounded())) %",
            "\(Int((Double(memoryByteCount) / 1_048_576).rounded()))", "\(threads)", "\(openFiles)",
            "\(Int(uptimeSeconds))",
        ]
        return columns.joined(separator: "\t")
    }

    private static func text(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        return "\((value * scale).rounded() / scale)"
    }
}
