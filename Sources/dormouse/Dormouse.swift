// The command: its subcommands, and how it says that it was called wrongly.

import ArgumentParser
import Glibc
import Machine

@main
struct Dormouse: ParsableCommand {
    static let version = "0.1.0"

    // Each command writes its name out. The parser makes those of all commands whenever it begins, and finding one by
    // its type's takes a quarter of a millisecond.
    static let configuration = CommandConfiguration(
        commandName: "dormouse",
        abstract: "A virtual machine monitor for arm64 Linux guests that knows when its guest hibernates.",
        version: version,
        subcommands: [
            Run.self, Create.self, Start.self, List.self, Inspect.self, Status.self, Console.self, Logs.self,
            Events.self, Stats.self, SetValue.self, Wait.self, Stop.self, Hibernate.self, Pause.self, Unpause.self,
            Kill.self, Enable.self, Disable.self, Bump.self, Discard.self, RestoreImage.self, Copy.self, Rename.self,
            Remove.self, Repair.self, Agent.self, SSH.self, CopyFiles.self, Serve.self, Image.self,
            Conformance.self, Psci.self,
            QEMU.self,
        ])

    /// Instead of the parser's own: an error is one line, and help is on standard output.
    static func main() {
        StandardDescriptors.open()
        CrashHandler.install(version: version)
        // Of whoever was started with it ignored, as by some services, the kernel keeps from it how a child ended.
        signal(SIGCHLD, SIG_DFL)
        if let text = InheritedText.unreadable {
            Command.end(Command.Ending(code: .usage, words: text))
        }
        if let options = QEMU.options(of: CommandLine.arguments) { QEMU.run(options) }
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            guard exitCode(for: error).isSuccess else {
                Command.end(
                    Command.Ending(
                        code: .usage,
                        words: "\(oneLine(message(for: error))); `\(calledCommand) --help` says how to call it"))
            }
            Output.print(fullMessage(for: error))
        }
        Command.end(Command.Ending(code: .poweredOff))
    }

    /// The command whose help tells more: as far as the arguments begin with names of commands.
    private static var calledCommand: String {
        var names = [_commandName]
        var command: any ParsableCommand.Type = Dormouse.self
        for argument in CommandLine.arguments.dropFirst() {
            guard let next = command.configuration.subcommands.first(where: { $0._commandName == argument }) else {
                break
            }
            names.append(argument)
            command = next
        }
        return names.joined(separator: " ")
    }

    /// The parser's messages are sentences, some of several lines.
    private static func oneLine(_ message: String) -> String {
        let text = message.split(whereSeparator: \.isNewline)
            .map { $0.trimmingPrefix(while: \.isWhitespace) }
            .joined(separator: " ")
        return text.prefix(1).lowercased() + text.dropFirst().trimmingSuffix(while: { $0 == "." })
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
        guard let last = lastIndex(where: { !predicate($0) }) else { return "" }
        return self[...last]
    }
}
