// `dormouse rm` and `dormouse rename`.

import ArgumentParser
import KeptVMs
import Machine

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Remove VMs that do not run. Their disks stay where they are.",
        discussion: """
            One that is hibernated, or of whose last run nobody knows how it ended, is left alone: with it would go what its guest \
            needs to go on.
            """)

    @Argument(help: "The VMs' names.", completion: VMNames.completion)
    var names: [String]

    @OptionGroup var storeOptions: StoreOptions

    @Flag(help: "Remove them nevertheless, and those whose files are damaged.")
    var force = false

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            // A name that is wrong is said before anything goes.
            for vm in try names.map(store.vm) {
                if !force { try vm.checkNotEnabled() }
                try vm.remove(losing: force)
                Output.print(vm.name)
            }
            return .poweredOff
        }
    }
}

struct Rename: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Give a VM that does not run another name.",
        discussion: "Its guest sees nothing of that: a hibernated one is resumed as before.")

    @OptionGroup var vmOptions: VMOptions

    @Argument(help: "The new name.")
    var newName: String

    func run() throws {
        Command.run {
            let vm = try vmOptions.vm()
            try vm.checkNotEnabled()
            let renamed = try vm.rename(to: newName)
            Output.print(renamed.configurationPath)
            return .poweredOff
        }
    }
}
