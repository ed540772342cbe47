// `dormouse list`: which VMs there are, and how each is.

import ArgumentParser
import Bytes
import KeptVMs
import Machine

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the VMs that are kept, and how they are.",
        discussion: "Exit code 64 says that one of them is broken; its line says why.")

    @OptionGroup var storeOptions: StoreOptions

    @Flag(help: "Write an array of JSON, with an object for each VM.")
    var json = false

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            let entries = try store.names().map { Entry(name: $0, in: store) }
            if json {
                Output.print(try StableJSON.text(of: entries, indented: true))
            } else {
                for entry in entries { Output.print("\(entry.name)\t\(entry.words)") }
            }
            return entries.contains { $0.state == Entry.broken } ? .usage : .poweredOff
        }
    }

    /// A VM in the list. docs/hibernation.md has its keys.
    private struct Entry: Encodable {
        static let broken = "broken"

        var name: String
        var path: String
        /// As `dormouse status` has it, or `broken`.
        var state: String
        /// For people: how it is, or what is wrong with it.
        var words: String
        /// The number of the process that runs it.
        var process: Int?
        var lastEnd: VMState.End?
        /// Whose service manager starts it, if one does.
        var enabled: UnitScope?

        init(name: String, in store: VMStore) {
            self.name = name
            path = "\(store.path)/\(name)"
            do throws(HostError) {
                let vm = try store.vm(name)
                let phase = try VMPhase(vm)
                // A VM whose configuration is damaged cannot be started, however its last run ended.
                _ = try vm.configuration()
                state = phase.state(of: vm)
                words = phase.words
                if case .running(let holder) = phase { process = Int(holder) }
                lastEnd = try vm.state().lastEnd
                enabled = vm.enabledScope
            } catch {
                state = Self.broken
                words = "broken: \(Command.words(error))"
            }
        }
    }
}
