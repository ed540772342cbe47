// `dormouse stop` and `dormouse hibernate`: press a button of a running VM, and wait for what the guest does.

import ArgumentParser
import Glibc
import Host
import Machine

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Press the power button of a running VM.",
        discussion: """
            Waits until the guest has powered off. Exit code 0 says that it did, 53 that it still runs: a guest may not heed its \
            buttons, and one that boots with a device tree has none.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var control: ControlOptions

    func run() throws {
        Glibc.exit(Command.exitCode { try control.ask(try vmOptions.vm(), .stop, expecting: .poweredOff) }.rawValue)
    }
}

struct Hibernate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Press the sleep button of a running VM.",
        discussion: """
            Waits until the guest has hibernated. Exit code 0 says that it did, 53 that it still runs, and any other how it ended \
            instead.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var control: ControlOptions

    func run() throws {
        Glibc.exit(
            Command.exitCode { try control.ask(try vmOptions.vm(), .hibernate, expecting: .hibernated) }.rawValue)
    }
}

struct ControlOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long the guest has, in seconds.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        guard (0...86_400).contains(timeout) else { throw ValidationError("give --timeout 0 to 86400 seconds") }
    }

    /// Asks the run, and says what came of it.
    func ask(_ vm: VM, _ verb: ControlVerb, expecting expected: Machine.ExitCode) throws(HostError) -> Machine.ExitCode
    {
        switch try vm.ask(verb, timeoutSeconds: timeout) {
        case .declined(let reason):
            Message.write("VM \(vm.name) still runs: \(reason)")
            return .noReaction
        case .noReaction(let detail):
            Message.write("VM \(vm.name) still runs after \(timeout) s: \(detail), and the guest did not react")
            return .noReaction
        case .ended(let end):
            Message.write("VM \(vm.name): \(end.words)")
            return end.exitCode == expected.rawValue ? .poweredOff : ExitCode(rawValue: end.exitCode)
        }
    }
}
