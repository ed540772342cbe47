// `dormouse bump`, `dormouse discard` and `dormouse restore-image`: what may be done to a hibernation without running
// it.

import ArgumentParser
import Glibc
import KeptVMs
import Machine

struct Bump: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bump",
        abstract: "Make the next boot a clean one, by another hardware signature.")

    @OptionGroup var vmOptions: VMOptions

    func run() throws {
        Command.run {
            let generation = try vmOptions.vm().bump()
            Message.write("VM \(vmOptions.name) is in generation \(generation); its next start boots clean")
            return .poweredOff
        }
    }
}

struct Discard: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Take the hibernation image off a VM's disks.",
        discussion: "`dormouse restore-image` undoes it, as long as the disks were not written.")

    @OptionGroup var vmOptions: VMOptions

    func run() throws {
        Command.run {
            for path in try vmOptions.vm().discardImages() {
                Message.write("the hibernation image on \(path) is discarded")
            }
            return .poweredOff
        }
    }
}

struct RestoreImage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore-image",
        abstract: "Put back a hibernation image that was discarded, or given up by the guest's kernel.")

    @OptionGroup var vmOptions: VMOptions

    func run() throws {
        Command.run {
            for path in try vmOptions.vm().restoreImages() {
                Message.write("the hibernation image on \(path) is back")
            }
            return .poweredOff
        }
    }
}
