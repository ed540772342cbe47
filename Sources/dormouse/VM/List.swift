// `dormouse list`: which VMs there are, and how each is.

import ArgumentParser
import Bytes
import KeptVMs
import Machine

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the VMs that are kept, and how they are.",
        discussion: """
            Exit code 64 says that one of them is broken; its line says why. As JSON it is an array, with an object for each VM.
            """)

    @OptionGroup var storeOptions: StoreOptions

    @OptionGroup var output: FormatOptions

    @Flag(name: .shortAndLong, help: "All VMs, not only those that run: what is listed without it, too.")
    var all = false

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            let entries = Self.entries(try store.names(), in: store)
            if output.isJSON {
                Output.print(try StableJSON.text(of: entries, indented: true))
            } else {
                for entry in entries { Output.print("\(entry.name)\t\(entry.words)") }
            }
            return entries.contains { $0.state == VMListing.broken } ? .usage : .poweredOff
        }
    }

    /// VMs whose processes are asked at once: each takes a file descriptor until it has answered.
    private static let askedAtOnce = 128

    private static func entries(_ names: [String], in store: VMStore) -> [VMListing] {
        var entries: [VMListing] = []
        for start in stride(from: 0, to: names.count, by: askedAtOnce) {
            let looks = names[start..<min(names.count, start + askedAtOnce)].map { Look(name: $0, in: store) }
            entries += looks.map { $0.listing(in: store) }
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

        func listing(in store: VMStore) -> VMListing {
            do throws(HostError) {
                let (vm, phase, pending) = try found.get()
                // One that rests has been read whole by now.
                let lastEnd = try vm.stateOutline().lastEnd
                let state = phase.state(of: vm, try? pending?.reply())
                let listing = VMListing(vm, phase, state: state, lastEnd: lastEnd)
                // A VM whose configuration is damaged cannot be started, however its last run ended. For one that runs
                // it is the next start's.
                if listing.process == nil { _ = try vm.configuration() }
                return listing
            } catch { return VMListing(broken: name, path: "\(store.path)/\(name)", error) }
        }
    }
}
