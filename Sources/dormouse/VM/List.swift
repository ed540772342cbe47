// `dormouse list`: which VMs there are, and how each is.

import ArgumentParser
import Bytes
import KeptVMs
import Machine

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the VMs that are kept, and how they are.",
        discussion: "Exit code 64 says that one of them is broken; its line says why.")

    @OptionGroup var storeOptions: StoreOptions

    @Flag(help: "Write an array of JSON, with an object for each VM.")
    var json = false

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            let entries = Self.entries(try store.names(), in: store)
            if json {
                Output.print(try StableJSON.text(of: entries, indented: true))
            } else {
                for entry in entries { Output.print("\(entry.name)\t\(entry.words)") }
            }
            return entries.contains { $0.state == Entry.broken } ? .usage : .poweredOff
        }
    }

    /// VMs whose processes are asked at once: each takes a file descriptor until it has answered.
    private static let askedAtOnce = 128

    private static func entries(_ names: [String], in store: VMStore) -> [Entry] {
        var entries: [Entry] = []
        for start in stride(from: 0, to: names.count, by: askedAtOnce) {
            let looks = names[start..<min(names.count, start + askedAtOnce)].map { Look(name: $0, in: store) }
            entries += looks.map { Entry($0, in: store) }
        }
        return entries
    }

    /// A first look at a VM. The process of one that runs has been asked how it is, and answers while others are asked.
    private struct Look {
        var name: String
        var found: Result<(vm: VM, phase: VMPhase, reply: PendingReply?), HostError>

        init(name: String, in store: VMStore) {
            self.name = name
            do throws(HostError) {
                let vm = try store.vm(name)
                let phase = try VMPhase(vm)
                found = .success((vm, phase, phase.ask(vm)))
            } catch { found = .failure(error) }
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

        init(_ look: Look, in store: VMStore) {
            name = look.name
            path = "\(store.path)/\(name)"
            do throws(HostError) {
                let (vm, phase, pending) = try look.found.get()
                // One that rests has been read whole by now.
                lastEnd = try vm.stateOutline().lastEnd
                state = phase.state(of: vm, try? pending?.reply())
                words = phase.words
                if case .running(let holder) = phase {
                    process = Int(holder)
                } else {
                    // A VM whose configuration is damaged cannot be started, however its last run ended. For one that
                    // runs it is the next start's.
                    _ = try vm.configuration()
                }
                enabled = vm.enabledScope
            } catch {
                state = Self.broken
                words = "broken: \(Command.words(error))"
            }
        }
    }
}
