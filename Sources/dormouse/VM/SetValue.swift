// `dormouse set`: changes values in a VM's vm.toml.

import ArgumentParser
import KeptVMs
import Machine

struct SetValue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change what a VM is, from its next start on.",
        discussion: """
            Writes values into the VM's vm.toml, of which the rest stays as it is: cpus=4, memory=2G, hibernation.on-change=keep, \
            disk[1].path=/srv/disk.img; without a value, a key is taken out. All of them are written, or none. A guest that \
            hibernated may not be resumed in another machine: `dormouse inspect` says what the next start is to be.
            """)

    @Argument(help: "The VM's name.", completion: VMNames.completion)
    var name: String

    @Argument(help: ArgumentHelp("What is to be changed.", valueName: "key=value"))
    var settings: [String]

    @OptionGroup var storeOptions: StoreOptions

    func run() throws {
        Command.run {
            let vm = try storeOptions.location.vm(name)
            try vm.set(settings)
            if vm.user != nil {
                Message.write("VM \(vm.name) runs as it was started; its next start heeds what was set")
            }
            return .poweredOff
        }
    }
}
