// `dormouse stop` and `dormouse hibernate`: press a button of a running VM, and wait for what the guest does.

import ArgumentParser
import Glibc
import KeptVMs
import Machine

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Press the power button of a running VM.",
        discussion: """
            Waits until the guest has powered off; one that is suspended to RAM is woken first. Exit code 0 says that it did, 53 \
            that it still runs: a guest may not heed its buttons, and one that boots with a device tree has none.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var control: ControlOptions

    func run() throws {
        Command.run { try control.ask(try vmOptions.vm(), .stop, expecting: .poweredOff) }
    }
}

struct Hibernate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Press the sleep button of a running VM.",
        discussion: """
            Waits until the guest has hibernated. Exit code 0 says that it did, 53 that it still runs, and any other how it ended \
            instead. What the key means is for the guest to say: many distributions suspend to RAM, until they are told to \
            hibernate; docs/hibernation.md says how.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var control: ControlOptions

    @Flag(help: "Wake the guest again if it only suspended to RAM.")
    var wake = false

    func run() throws {
        Command.run { try control.ask(try vmOptions.vm(), .hibernate, expecting: .hibernated, waking: wake) }
    }
}

struct ControlOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long the guest has, in seconds.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        guard (0...86_400).contains(timeout) else { throw ValidationError("give --timeout 0 to 86400 seconds") }
    }

    /// Asks the run, and says what came of it.
    ///
    /// - Parameter wakes: whether a guest that suspended to RAM instead is to go on.
    func ask(
        _ vm: VM, _ verb: ControlVerb, expecting expected: ExitCode, waking wakes: Bool = false
    ) throws(HostError) -> ExitCode {
        switch try vm.ask(verb, timeoutSeconds: timeout) {
        case .declined(let reason):
            Message.write("VM \(vm.name) still runs: \(reason)")
            return .noReaction
        case .noReaction(let detail):
            Message.write("VM \(vm.name) still runs after \(timeout) s: \(detail), and the guest did not react")
            return .noReaction
        case .suspended where verb == .stop:
            Message.write("VM \(vm.name) still runs: its guest was woken, and suspended to RAM again; try again")
            return .noReaction
        case .suspended(let before):
            let state = before ? "is suspended to RAM already" : "suspended to RAM when its sleep button was pressed"
            let rest = wakes ? try vm.tell(.wake).detail : "asleep until `dormouse hibernate \(vm.name) --wake`"
            Message.write(
                "VM \(vm.name) still runs: its guest \(state), and is \(rest); to hibernate instead, systemd in the guest needs "
                    + "HandleSuspendKey=hibernate in /etc/systemd/logind.conf.d/: docs/hibernation.md, \"The sleep button\""
            )
            return .noReaction
        case .ended(let end):
            Message.write("VM \(vm.name): \(end.words)")
            return end.exitCode == expected.rawValue ? .poweredOff : ExitCode(rawValue: end.exitCode)
        }
    }
}
