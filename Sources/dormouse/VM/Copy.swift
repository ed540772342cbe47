// `dormouse copy` and `dormouse repair`: another VM from one, and a usable VM from a damaged one.

import ArgumentParser
import HostSupport
import KeptVMs
import Machine

struct Copy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Make another VM like one that is kept.",
        discussion: """
            The new VM has an identity, a generation id and network addresses of its own, and other disks than those that the \
            guest may write. It resumes nothing: if there is a hibernation image on them, its first start is a clean boot.

            --full copies the disks. --overlay makes overlays, which need room for what is written only: neither VM writes \
            the original disks any more, which stay below both and must stay as they are; the VM that is copied goes on in \
            an overlay, too. Disks of both kinds are made beside the originals. With --disk they are there already.
            """)

    @OptionGroup var vmOptions: VMOptions

    @Argument(help: "The new VM's name.")
    var copy: String

    @Option(
        name: .customLong("disk"),
        help: ArgumentHelp(
            "A copy of a disk that the guest may write. Give as many as there are, in their order.", valueName: "file"))
    var disks: [String] = []

    @Flag(help: "Make an overlay of each disk that the guest may write.")
    var overlay = false

    @Flag(help: "Copy each disk that the guest may write.")
    var full = false

    @Option(
        help: ArgumentHelp(
            "Where --overlay and --full put the disks. (default: beside the originals)", valueName: "directory"))
    var directory: String?

    func validate() throws {
        guard [overlay, full, !disks.isEmpty].count(where: { $0 }) <= 1 else {
            throw ValidationError("give one of --disk, --overlay and --full")
        }
        guard directory == nil || overlay || full else {
            throw ValidationError("--directory means nothing without --overlay or --full")
        }
        guard directory != "" else { throw ValidationError("name a directory for the disks") }
    }

    func run() throws {
        Command.run {
            let store = try vmOptions.storeOptions.location
            let vm = try vmOptions.vm()
            let directory = try directory.map(AbsolutePath.of)
            let kind: CopiedDisks =
                if overlay { .overlays(directory: directory) } else if full { .full(directory: directory) } else {
                    .made(try disks.map(AbsolutePath.of))
                }
            let message = CopyMessage()
            let (copy, made) = try store.copy(vm, to: copy, disks: kind, progress: message.note)
            for disk in made { Message.write(Self.words(disk, vm, copy)) }
            Output.print(copy.configurationPath)
            return .poweredOff
        }
    }

    private static func words(_ disk: CopiedDisk, _ vm: VM, _ copy: VM) -> String {
        guard let own = disk.ownersPath else { return "VM \(copy.name) has \(disk.path), a copy of \(disk.original)" }
        return "\(disk.original) is shared and must stay as it is: VM \(copy.name) writes to \(disk.path), and VM "
            + "\(vm.name) to \(own)"
    }
}

struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
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
