// `dormouse agent`: a command for the agent in a running VM's guest.

import ArgumentParser
import Bytes
import FoundationEssentials
import KeptVMs

struct Agent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Have the agent in a running VM's guest do something, and print what it returns.",
        discussion: """
            The VM needs a port for QEMU's guest agent (create --agent), and its guest the agent (Debian: qemu-guest-agent). \
            Commands are those of QEMU's guest agent: guest-ping, guest-info, guest-get-time, guest-fsfreeze-freeze and many more. \
            What they return is JSON.
            """)

    @Argument(help: "The VM's name.", completion: VMNames.completion)
    var name: String

    @Argument(help: ArgumentHelp("What the agent is to do, such as guest-get-osinfo.", valueName: "command"))
    var command: String

    @Argument(
        help: ArgumentHelp("Its arguments, an object of JSON. (default: none)", valueName: "arguments"),
        transform: AgentArguments.init)
    var arguments: AgentArguments?

    @OptionGroup var storeOptions: StoreOptions

    @Option(help: ArgumentHelp("How long it may take, in seconds.", valueName: "seconds"))
    var timeout = 10

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("give --timeout 1 to 86400 seconds") }
        guard !command.isEmpty, command.utf8.count <= 256 else { throw ValidationError("name a command of the agent") }
    }

    func run() throws {
        Command.runToEnd {
            let vm = try storeOptions.location.vm(name)
            guard vm.user != nil else { throw HostError.notRunning(name: vm.name) }
            do throws(GuestAgentError) {
                var agent = try GuestAgent(vm, milliseconds: timeout * 1000)
                let value = try agent.call(command, arguments?.values, milliseconds: timeout * 1000)
                Output.print((try? StableJSON.text(of: value, indented: true)) ?? "null")
            } catch {
                guard error == .silent else { throw error }
                return Command.Ending(code: .noReaction, words: "\(error)")
            }
            return Command.Ending(code: .poweredOff)
        }
    }
}

/// An object of JSON on the command line.
struct AgentArguments: Sendable {
    var values: [String: JSONValue]

    init(_ argument: String) throws {
        guard let values = try? JSONDecoder().decode([String: JSONValue].self, from: Data(argument.utf8)) else {
            throw ValidationError("give an object of JSON, such as '{\"path\": \"/etc/hostname\"}'")
        }
        self.values = values
    }
}
