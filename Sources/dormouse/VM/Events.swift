// `dormouse events`: which states VMs came into, when and why.

import ArgumentParser
import Glibc
import KeptVMs

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what happened to VMs.",
        discussion: """
            A line for each state that a VM came into: number, time, state, cause. The numbers of a VM have no gaps. Take a \
            state that you do not know as "other".
            """)

    @Argument(help: "The VMs' names. (default: all)", completion: VMNames.completion)
    var names: [String] = []

    @OptionGroup var storeOptions: StoreOptions

    @Option(help: ArgumentHelp("Only events since then: \(Since.words).", valueName: "time"))
    var since: Since?

    @Option(help: ArgumentHelp("Only events with a higher number; for one VM.", valueName: "number"))
    var after: UInt64?

    @Flag(name: .shortAndLong, help: "Go on with what happens, until this command is ended.")
    var follow = false

    @Flag(help: "Write each event as an object of JSON, in a line.")
    var json = false

    func validate() throws {
        guard after == nil || names.count == 1 else { throw ValidationError("--after needs the name of one VM") }
    }

    /// How often events that are followed are looked at, in microseconds.
    private static let pollMicroseconds: useconds_t = 200_000

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            // Those that are named have to be there; of the others, one that went meanwhile is none.
            for name in names { _ = try store.vm(name) }
            var last: [String: UInt64] = [:]
            if let after, let name = names.first { last[name] = after }
            while true {
                try printNext(store, &last)
                guard follow else { return .poweredOff }
                usleep(Self.pollMicroseconds)
            }
        }
    }

    private func printNext(_ store: VMStore, _ last: inout [String: UInt64]) throws {
        var entries: [(name: String, entry: EventLog.Entry)] = []
        for name in names.isEmpty ? try store.names() : names {
            guard let vm = try? store.vm(name) else { continue }
            let known = last[name] ?? 0
            let new = try vm.events.entries(after: known)
            if let first = new.first?.event.number, first > known + 1, known > 0 || after != nil {
                Message.write("the events of VM \(name) from \(known + 1) to \(first - 1) are not kept any more")
            }
            if let number = new.last?.event.number { last[name] = number }
            entries += new.filter(isWanted).map { (name, $0) }
        }
        // Of equal times, a VM's own stay in their order.
        for (name, entry) in entries.sorted(by: { $0.entry.event.time < $1.entry.event.time }) {
            let event = entry.event
            Output.print(
                json
                    // Names have no letters that JSON would have otherwise.
                    ? "{\"vm\":\"\(name)\",\(entry.line.dropFirst())"
                    : "\(event.time)\t\(name)\t\(event.number)\t\(event.state)\t\(event.cause)")
        }
    }

    private func isWanted(_ entry: EventLog.Entry) -> Bool {
        guard let since else { return true }
        return (Timestamp.nanoseconds(of: entry.event.time) ?? .max) >= since.time
    }
}
