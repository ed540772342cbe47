// `dormouse pause` and `dormouse unpause`: a running VM is held where it is, and goes on.

import ArgumentParser
import KeptVMs

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Hold a running VM where it is.",
        discussion: """
            Its guest executes nothing, and is not told: its counter stands still, its time of day goes on. It is held until \
            `dormouse unpause`. To stop or hibernate it lets it go on; when its process is killed, what the guest had not \
            written is lost, as ever.
            """)

    @OptionGroup var vmOptions: VMOptions

    func run() throws {
        Command.run { try vmOptions.vm().holds(.pause) }
    }
}

struct Unpause: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unpause", abstract: "Let a VM go on that was paused.")

    @OptionGroup var vmOptions: VMOptions

    func run() throws {
        Command.run { try vmOptions.vm().holds(.unpause) }
    }
}

extension VM {
    fileprivate func holds(_ verb: ControlVerb) throws(HostError) -> ExitCode {
        let reply = try tell(verb)
        Message.write("VM \(name): \(reply.detail)")
        return reply.done ? .poweredOff : .usage
    }
}
