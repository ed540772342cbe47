// `dormouse wait`, `status` and `kill`: for scripts that do something when a VM has ended, or before.

import ArgumentParser
import Bytes
import Glibc
import HostSupport
import KeptVMs
import Machine

struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until VMs have ended, and print the exit code of each.",
        discussion: """
            Of one that does not run, that of its last run is printed. Exit code 53 says that one still runs when the time is \
            over. As JSON it is an object in each line, as `dormouse list` has them.
            """)

    @Argument(help: "The VMs' names.", completion: VMNames.completion)
    var names: [String]

    @OptionGroup var storeOptions: StoreOptions

    @Option(help: ArgumentHelp("How long to wait, in seconds. (default: for ever)", valueName: "seconds"))
    var timeout: Int?

    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard timeout.map((0...86_400).contains) ?? true else {
            throw ValidationError("give --timeout 0 to 86400 seconds")
        }
    }

    func run() throws {
        Command.run {
            let store = try storeOptions.location
            let vms = try names.map(store.vm)
            let deadline = timeout.map { ContinuousClock.now.advanced(by: .seconds($0)) }
            for vm in vms {
                let rest = deadline.map { max(0, Int((($0 - .now) / .seconds(1)).rounded(.up))) }
                guard try vm.waitForEnd(timeoutSeconds: rest) else {
                    Message.write("VM \(vm.name) still runs")
                    return .noReaction
                }
                let state = try vm.state()
                // Of a run that ended without a word nobody knows more; the last end is then that of one before.
                let end = state.run == nil ? state.lastEnd : nil
                if output.isJSON {
                    let phase = try VMPhase(vm)
                    let listing = VMListing(vm, phase, state: phase.state(of: vm), lastEnd: end)
                    Output.print(try StableJSON.text(of: listing))
                } else {
                    Output.print(end.map { "\($0.exitCode)" } ?? "unknown")
                }
            }
            return .poweredOff
        }
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Print how a VM is, in a word.",
        discussion: """
            The word is \(list(LifeState.allCases.filter { $0 != .other }.map(\.rawValue))); take one that you do not know as \
            "other". Exit code 0 says that it runs, 40 that it is hibernated, 3 that it does not run otherwise, 4 that nobody \
            knows how its last run ended. As JSON it is an object, as `dormouse list` has it.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        Command.run {
            let vm = try vmOptions.vm()
            let phase = try VMPhase(vm)
            let state = phase.state(of: vm)
            if output.isJSON {
                // The process of one that runs says how it is, whatever its files say.
                let listing = VMListing(vm, phase, state: state, lastEnd: (try? vm.state())?.lastEnd)
                Output.print(try StableJSON.text(of: listing, indented: true))
            } else {
                Output.print(state)
            }
            return switch phase {
            case .running: .poweredOff
            case .resting(.hibernated, _): .hibernated
            case .resting(.unknown, _): .statusUnknown
            case .resting: .notRunning
            }
        }
    }
}

struct Kill: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "End the process of a VM at once, as a failure of its power would.",
        discussion: """
            Nothing is kept of how the guest was: what it had not written is lost, and `dormouse start` says what may be on its \
            disks. With --signal TERM the run ends in order, and the guest is not asked.
            """)

    @OptionGroup var vmOptions: VMOptions

    enum Signal: String, CaseIterable, ExpressibleByArgument {
        case kill = "KILL"
        case term = "TERM"

        var number: Int32 { self == .kill ? SIGKILL : SIGTERM }
    }

    @Option(help: ArgumentHelp("The signal.", valueName: "signal"))
    var signal = Signal.kill

    /// How long a process has to be gone, in seconds.
    private static let patience = 30

    func run() throws {
        Command.run {
            let vm = try vmOptions.vm()
            guard try vm.signal(signal.number, timeoutSeconds: Self.patience) else {
                Message.write("VM \(vm.name) is still in use \(Self.patience) s after the signal")
                return .noReaction
            }
            Message.write("VM \(vm.name): \(try VMPhase(vm).words)")
            return .poweredOff
        }
    }
}
