// `dormouse run`: a machine by our own options.

import ArgumentParser

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Boot a guest and run it until it ends.",
        discussion: """
            The guest's console is on standard input and output. On a terminal, Ctrl-A h lists the keys that are \
            Dormouse's own; Ctrl-A x quits.

            Exit codes: 0 powered off, 32 reset (with --no-reboot), 33 the guest crashed, 34 stopped with Ctrl-A x, \
            35 power cut by --lab, 40 hibernated, 64 wrong options or files, 70 internal error, 128+N stopped by signal N. The last line on \
            standard error says the same in words.
            """)

    @OptionGroup(title: "Machine options") var machineOptions: MachineOptions
    @OptionGroup(title: "Run options") var options: RunOptions

    func run() throws {
        Command.runToEnd { try GuestRun(machineOptions.preparedMachine(), options).runToEnd().ending }
    }
}
