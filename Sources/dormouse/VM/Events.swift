// `dormouse events`: which states VMs came into, when and why.

import ArgumentParser
import HostSupport
import KeptVMs

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Print what happened to VMs.",
        discussion: """
            A line for each state that a VM came into: number, time, state, cause. The numbers of a VM have no gaps. Take a \
            state that you do not know as "other". As JSON it is an object in each line.
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

    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard after == nil || names.count == 1 else { throw ValidationError("--after needs the name of one VM") }
    }

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            // Those that are named have to be there; of the others, one that went meanwhile is none.
            for name in names { _ = try store.vm(name) }
            var cursors: [String: EventCursor] = [:]
            if let after, let name = names.first { cursors[name] = EventCursor(after: after) }
            guard follow else {
                try printNext(store, &cursors)
                return .poweredOff
            }
            var follower = Follower()
            while true {
                // Of VMs that are made, the store's directory tells.
                try follower.prepare { watch in
                    let areTold = try (names.isEmpty ? store.names() : names).map { name in
                        (try? store.vm(name))?.events.tell(watch) ?? true
                    }
                    return watch.add(.directory(store.path)) && areTold.allSatisfy { $0 }
                }
                try printNext(store, &cursors)
                follower.wait()
            }
        }
    }

    private func printNext(_ store: VMStore, _ cursors: inout [String: EventCursor]) throws {
        var entries: [(name: String, entry: EventLog.Entry)] = []
        for name in names.isEmpty ? try store.names() : names {
            guard let vm = try? store.vm(name) else { continue }
            let step = try cursors[name, default: EventCursor()].next(vm.events)
            if step.isAnother { Message.write("VM \(name) is another one from here on, with events of its own") }
            if let missing = step.missing {
                Message.write(
                    "the events of VM \(name) from \(missing.lowerBound) to \(missing.upperBound) are not kept any more"
                )
            }
            entries += step.entries.filter(isWanted).map { (name, $0) }
        }
        // Of equal times, a VM's own stay in their order.
        for (name, entry) in entries.sorted(by: { $0.entry.event.time < $1.entry.event.time }) {
            let event = entry.event
            Output.print(
                output.isJSON
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
