// A guest that is run and of which nothing is kept: makes a machine, connects it to the terminal and the signals, and
// says how it ended.
//
// Not responsible for: who described the machine, and with which options.

import Glibc
import Logging
import Machine

struct GuestRun {
    private var configuration: MachineConfiguration
    private let options: RunOptions

    init(_ configuration: MachineConfiguration, _ options: RunOptions) {
        self.configuration = configuration
        self.options = options
        // No record says where the counter of the last run was.
        if configuration.clock == .host { self.configuration.initialCounter = MachineConfiguration.counterOfToday }
    }

    /// Runs the guest to its end, which is not said yet.
    ///
    /// - Parameters:
    ///   - warnings: what else the user has to know.
    ///   - steering: who has a say in it.
    ///   - ready: called when everything is there, before the guest runs.
    ///   - loaded: called at each boot when nothing is left that could be wrong, and the guest is about to begin.
    func runToEnd(
        warnings: [String] = [], steering: (any RunSteering)? = nil, ready: () throws -> Void = {},
        loaded: @escaping @Sendable () -> Void = {}
    ) throws -> (end: RunEnd, ending: Command.Ending) {
        let session = try Session(options)
        for warning in warnings { session.log.warning("\(warning)") }
        let report = try options.report.map {
            try ReportFile(path: $0, besides: configuration.paths + options.logPaths)
        }
        let machine = try session.machine(configuration, steering: steering) { $0.loaded = loaded }
        defer {
            session.finish()
            machine.close()
        }
        try ready()
        try steering?.begin(machine, session)
        defer { steering?.finish() }
        try session.start()
        let rebooting = !options.noReboot
        var outcome = try session.run(machine, rebooting: rebooting) { steering?.willBoot($0) }
        while steering?.runsAgain(after: outcome.end) == true {
            let boots = outcome.boots
            outcome = try session.run(machine, rebooting: rebooting) { steering?.willBoot(boots + $0) }.after(outcome)
        }
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
        return (
            outcome.end,
            Command.Ending(
                code: outcome.end.exitCode,
                words: outcome.end.words(findings, machine.diskFailures, panic: machine.consolePanic),
                losses: session.losses.all)
        )
    }
}
