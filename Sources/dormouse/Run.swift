// `dormouse run`: makes a machine, connects it to the terminal and the signals, and says how it ended.

import ArgumentParser
import Glibc
import Logging
import Machine
import PSCI

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
        Command.runToEnd { try runMachine() }
    }

    private func runMachine() throws -> Command.Ending {
        let session = try Session(options)
        var configuration = machineOptions.machine
        let report = try options.report.map {
            try ReportFile(path: $0, besides: configuration.paths + options.logPaths)
        }
        // No record says where the counter of the last run was.
        if configuration.clock == .host { configuration.initialCounter = MachineConfiguration.counterOfToday }
        let machine = try session.machine(configuration)
        defer {
            session.finish()
            machine.close()
        }
        try session.start()
        let outcome = try session.run(machine, rebooting: !options.noReboot)
        session.finish()
        if outcome.end.isUnexpected { session.log.debug("the cores at the end:\n\(machine.dump())") }
        let findings = machine.findings
        for failure in findings.compactMap(\.failure) { Message.write(failure) }
        do throws(ReportFileError) {
            try report?.write(
                RunReport(
                    of: machine, outcome: outcome, exitCode: outcome.end.exitCode.rawValue, findings: findings,
                    dormouseVersion: Dormouse.version))
        } catch { session.losses.note(error) }
        return Command.Ending(
            code: outcome.end.exitCode, words: outcome.end.words(findings, machine.diskFailures),
            losses: session.losses.all)
    }
}
