// `dormouse stop` and `dormouse hibernate`: press a button of a running VM, and wait for what the guest does.

import ArgumentParser
import Glibc
import KeptVMs
import Machine

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Press the power button of a running VM.",
        discussion: """
            Waits until the guest has powered off; one that is suspended to RAM is woken first. Exit code 0 says that it did, 53 \
            that it still runs: a guest may not heed its buttons, and one that boots with a device tree has none. With --then \
            kill its run is ended then, by SIGTERM, and by SIGKILL if it goes on for 30 s; exit code 55 says so.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var control: ControlOptions

    @Option(
        help: ArgumentHelp("What is done with a guest that does not react: nothing or kill.", valueName: "what"))
    var then = VMConfiguration.LastResort.nothing

    func validate() throws {
        guard then != .stop else {
            throw ValidationError("--then stop is what `dormouse stop` does at once: give --then kill or nothing")
        }
    }

    func run() throws {
        Command.run {
            let vm = try vmOptions.vm()
            if control.ifRunning, vm.user == nil { return .poweredOff }
            return try Escalation(vm, timeoutSeconds: control.timeout(of: vm), then: then, way: control.by).stop()
        }
    }
}

struct Hibernate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hibernate",
        abstract: "Press the sleep button of a running VM.",
        discussion: """
            Waits until the guest has hibernated. Exit code 0 says that it did, 53 that it still runs, and any other how it ended \
            instead. What the key means is for the guest to say: many distributions suspend to RAM, until they are told to \
            hibernate; docs/hibernation.md says how.

            --then says what is done with a guest that did not hibernate in time. stop presses its power button and gives it as \
            long once more; exit code 54 says that the guest powered off. If that does not help either, and at once with kill, \
            its run is ended, by SIGTERM, and by SIGKILL if it goes on for 30 s; exit code 55 says so.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var control: ControlOptions

    @Option(
        help: ArgumentHelp(
            "What is done with a guest that did not hibernate: nothing, stop or kill. (default: host.then of vm.toml, or "
                + "nothing)", valueName: "what"))
    var then: VMConfiguration.LastResort?

    @Flag(help: "Wake the guest again if it only suspended to RAM.")
    var wake = false

    func validate() throws {
        guard !wake || then == nil || then == .nothing else {
            throw ValidationError("--wake is for a guest that is to go on, and --then \(then?.rawValue ?? "") ends it")
        }
    }

    func run() throws {
        Command.run {
            let vm = try vmOptions.vm()
            if control.ifRunning, vm.user == nil { return .poweredOff }
            // A guest that is to be woken goes on.
            let rule = then ?? (wake ? .nothing : vm.hostRules?.then ?? .nothing)
            return try Escalation(vm, timeoutSeconds: control.timeout(of: vm), then: rule, way: control.by)
                .hibernate(waking: wake)
        }
    }
}

struct ControlOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long the guest has, in seconds. (default: host.timeout of vm.toml, or 60)", valueName: "seconds"))
    var timeout: Int?

    @Option(
        help: ArgumentHelp(
            "Who in the guest is asked: its agent, a button, or the agent if one answers and else a button.",
            valueName: "way"))
    var by = AskingWay.automatic

    @Flag(help: "Do nothing, with exit code 0, if the VM does not run.")
    var ifRunning = false

    static let defaultSeconds = 60

    func validate() throws {
        guard timeout.map((0...VMConfiguration.Host.maximumTimeoutSeconds).contains) ?? true else {
            throw ValidationError("give --timeout 0 to 86400 seconds")
        }
    }

    func timeout(of vm: VM) -> Int {
        // That a file was damaged while the VM runs is no reason not to stop it.
        timeout ?? (try? vm.hostRules?.timeoutSeconds()) ?? Self.defaultSeconds
    }
}

extension VMConfiguration.LastResort: ExpressibleByArgument {}
extension AskingWay: ExpressibleByArgument {}

extension VM {
    /// What its vm.toml says today; nil if that has no such section, or cannot be read.
    var hostRules: VMConfiguration.Host? { try? configuration().host }
}
