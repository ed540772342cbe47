// `dormouse copy` and `dormouse repair`: another VM from one, and a usable VM from a damaged one.

import ArgumentParser
import HostSupport
import KeptVMs
import Machine

struct Copy: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make another VM like one that is kept.",
        discussion: """
            The new VM has an identity, a generation id and network addresses of its own. Copy the disks that the guest may write \
            first, and name the copies. It resumes nothing: if there is a hibernation image on them, its first start is a clean boot.
            """)

    @OptionGroup var vmOptions: VMOptions

    @Argument(help: "The new VM's name.")
    var copy: String

    @Option(
        name: .customLong("disk"),
        help: ArgumentHelp(
            "A copy of a disk that the guest may write. Give as many as there are, in their order.", valueName: "file"))
    var disks: [String] = []

    func run() throws {
        Command.run {
            let store = try vmOptions.storeOptions.location
            let copy = try store.copy(try vmOptions.vm(), to: copy, disks: try disks.map(AbsolutePath.of))
            Output.print(copy.configurationPath)
            return .poweredOff
        }
    }
}

struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a VM usable again whose files are damaged or gone.",
        discussion: """
            Writes vm.toml anew as the VM last ran, and a new state.json, each only if it cannot be used, and keeps what was there. \
            Says what the next start will be.
            """)

    @OptionGroup var vmOptions: VMOptions

    func run() throws {
        Command.run {
            let lines = try vmOptions.vm().repair(now: WallClock.now)
            for line in lines { Message.write(line) }
            if lines.isEmpty { Message.write("there is nothing to repair of VM \(vmOptions.name)") }
            return .poweredOff
        }
    }
}
