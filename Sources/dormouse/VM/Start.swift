// `dormouse start`: decides what the start of a kept VM is to be, does it, and keeps what came of it.

import ArgumentParser
import Glibc
import Hibernation
import HostSupport
import KeptVMs
import Logging
import Machine

struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start a VM, and resume its guest if it hibernated.",
        discussion: """
            A guest that hibernated is resumed if it will find what it left: the same machine, the same files, disks that nobody \
            wrote to. Otherwise the VM's policy decides; docs/hibernation.md has all of it. `dormouse inspect` says what a \
            start would do.

            Exit codes are those of `dormouse run`, and: 50 refused, the environment changed; 51 refused, a disk was changed \
            while its guest slept; 52 refused, the hibernation is too old.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup(title: "Run options") var options: RunOptions

    @Option(
        help: ArgumentHelp(
            "What to do when the guest would find another environment, instead of the VM's own policy.",
            valueName: "policy"))
    var onChange: OnChange?

    @Flag(help: "Boot clean, whatever was hibernated.")
    var fresh = false

    @Flag(help: "Boot clean over a disk that was changed while its guest slept.")
    var acceptDiskChange = false

    @Flag(help: "When booting clean, take the hibernation image off the disk rather than leaving it to the guest.")
    var discardImage = false

    @Flag(
        help:
            "Resume only if a digest of everything proves that disks are as they were: for VMs with disk-hash full."
    )
    var verifyDisks = false

    @Flag(
        help: ArgumentHelp(
            "Hibernate the guest when the host is shut down, as `enable` has it, for a VM that is not enabled: systemd waits "
                + "for it."))
    var hibernateWithHost = false

    @OptionGroup(title: "Options of --detach") var detached: DetachOptions

    func validate() throws {
        guard !verifyDisks || !fresh else {
            throw ValidationError("--verify-disks is about resuming, and --fresh boots clean: give one of them")
        }
        guard !acceptDiskChange || fresh || onChange == .clean else {
            throw ValidationError(
                "--accept-disk-change would let a guest go on over a disk that is not its own any more: "
                    + "give it together with --fresh or --on-change clean")
        }
    }

    func run() throws {
        detached.leaveCaller()
        Command.runToEnd {
            let vm = try vmOptions.vm()
            return detached.isForeground ? try start(vm) : Command.Ending(code: try detached.start(vm))
        }
    }

    private func start(_ vm: VM) throws -> Command.Ending {
        let manager = Supervision.manager()
        let session = try Session(options)
        let supervision = Supervision(manager, log: session.log)
        let lock = try vm.lock()
        // The unit of one that has a unit has it so.
        if hibernateWithHost, manager.0 == nil { try HostShutdown(vm: vm).beAwaited(session) }
        let surroundings = try VMSurroundings(vm, session, supervision, handover: try detached.handover(vm))
        do {
            return try start(vm, lock, session, surroundings)
        } catch {
            surroundings.life.move(to: .refused, cause: Command.words(error))
            throw error
        }
    }

    private func start(
        _ vm: VM, _ lock: VMLock, _ session: Session, _ surroundings: VMSurroundings
    ) throws -> Command.Ending {
        surroundings.life.move(to: .starting, cause: "a start was asked for")
        let report = try options.report.map { path in
            let paths = try vm.configuration().machine().paths + [vm.configurationPath, vm.statePath]
            return try ReportFile(path: path, besides: paths + options.logPaths)
        }
        let server = try ControlServer(vm) { verb in
            ControlAnswer.of(session.current, surroundings.life, to: verb)
        }
        defer {
            session.finish()
            surroundings.finish()
        }
        var request = request
        var isStarted = false
        var earlier: RunOutcome?
        let reading = ReadingMessage()
        while true {
            let plan = try StartPlan(
                vm, request: request, now: WallClock.now, keepsFiles: true, progress: reading.note)
            for line in plan.words { Message.write(line) }
            if let code = plan.refusalCode {
                plan.forgetFiles()
                surroundings.life.move(to: .refused, cause: plan.refusalWords, exitCode: code.rawValue)
                server.finish(plan.refusalEnd(code, time: WallClock.now))
                do throws(ReportFileError) {
                    try report?.write(RefusalReport(plan, dormouseVersion: Dormouse.version))
                } catch { session.losses.note(error) }
                return Command.Ending(code: code, words: plan.refusalWords, losses: session.losses.all)
            }
            session.begin()
            let run = try VMRun(
                plan, lock: lock, request: request, now: WallClock.now, life: surroundings.life)
            let machine: VirtualMachine
            do throws(MachineError) {
                machine = try session.machine(
                    plan.machine, imageWritten: { run.noteImage(disk: $0, headerEnd: $1) },
                    connect: surroundings.connect)
            } catch {
                try run.cancel()
                throw error
            }
            // Before another machine has the same networks and disks.
            defer { machine.close() }
            surroundings.didMake(machine)
            if !isStarted {
                try session.start()
                try server.start()
                try surroundings.start()
                isStarted = true
            }
            run.didStart(plan.statusWords)
            surroundings.didStart(plan.statusWords)
            let (outcome, ended) = try self.run(machine, run, session, earlier)
            // What a guest would boot with are other variables than it wrote, on another machine, too.
            let isToReboot = outcome.end.isReset && !options.noReboot && !session.isStopped
            let isRefused = isToReboot && machine.variablesFailure != nil
            if isToReboot, !isRefused {
                session.log.info("the guest reset; starting it again")
                // One that hibernated by its reset finds what it left, whatever is configured by now.
                request = StartRequest()
                request.onChange = .keep
                request.withheldCores = withheldCores
                earlier = outcome
                continue
            }
            session.finish()
            surroundings.finish(outcome.end.words(ended.findings))
            if outcome.end.isUnexpected { session.log.debug("the cores at the end:\n\(machine.dump())") }
            for failure in ended.findings.compactMap(\.failure) { Message.write(failure) }
            write(report, machine, outcome, ended, plan, session)
            let words = outcome.end.words(ended.findings, machine.diskFailures, panic: machine.consolePanic)
            server.finish(
                VMState.End(
                    kind: outcome.end.kind, exitCode: outcome.end.exitCode.rawValue, words: words,
                    time: String(WallClock.now)))
            return Command.Ending(
                code: outcome.end.exitCode,
                words: isRefused ? "\(words); the guest is not booted again without its variables" : words,
                losses: session.losses.all, needsAll: isRefused)
        }
    }

    private var withheldCores: Set<Int> {
        options.laboratory.reduce(into: []) { $0.formUnion($1.withheldCores) }
    }

    private var request: StartRequest {
        var request = StartRequest()
        request.onChange = onChange
        request.isFresh = fresh
        request.acceptsDiskChange = acceptDiskChange
        request.discardsImage = discardImage
        request.withheldCores = withheldCores
        request.verifiesDisks = verifyDisks
        return request
    }

    /// Runs the machine until its guest ends or has to be planned anew, and keeps how that was.
    private func run(
        _ machine: VirtualMachine, _ run: VMRun, _ session: Session, _ before: RunOutcome?
    ) throws -> (RunOutcome, Ended) {
        // A guest that was given something once only (its old environment, noresume) gets what is configured at its
        // next full boot. A warm reset is none: it keeps RAM, and so the machine.
        let plan = run.plan
        let isPlannedOnce = plan.decision.isClean || (plan.decision.resumes && !plan.isMereChance)
        var earlier = before
        while true {
            // Each boot by itself: what a guest left by its reset is kept before it is booted again.
            let outcome = try session.run(machine, rebooting: false).after(earlier)
            guard outcome.end.isReset, !options.noReboot, !session.isStopped, machine.variablesFailure == nil else {
                return (outcome, try keep(run, machine, outcome))
            }
            earlier = outcome
            let findings = machine.findings
            let hasImage = AfterRun(outcome.end, AfterRun.Facts(machine, plan, findings)) == .hibernated
            if !outcome.end.isWarmReset, isPlannedOnce || hasImage {
                return (outcome, try keep(run, machine, outcome))
            }
            // Nothing is to be remembered of an ordinary reset: it is known already that the guest runs, and as what.
            if hasImage {
                _ = try keep(run, machine, outcome)
                try run.goOn()
            } else {
                run.didReset(machine, outcome.end, findings)
            }
            run.didStart("the guest reset the machine, and boots again")
            session.log.info("the guest reset; starting it again")
        }
    }

    /// What is known after a run.
    private struct Ended {
        var findings: [HibernationFinding]
        /// From the guest's call to the record on stable storage, without the disks' own flush.
        var recordNanoseconds: UInt64
    }

    /// First what is kept, then what is said.
    private func keep(_ run: VMRun, _ machine: VirtualMachine, _ outcome: RunOutcome) throws -> Ended {
        let findings = machine.findings
        let step = options.laboratory.compactMap(\.recordKill).last
        do throws(HostError) {
            try run.finish(
                machine, outcome, exitCode: outcome.end.exitCode.rawValue, findings: findings,
                dormouse: Dormouse.version,
                now: WallClock.now, progress: ReadingMessage().note,
                didReach: { if $0 == step { kill(getpid(), SIGKILL) } })
        } catch {
            throw MachineError.host(
                "the end of the run (\(outcome.end.words(findings))) cannot be kept: \(Command.words(error))")
        }
        return Ended(findings: findings, recordNanoseconds: outcome.endTimes.elapsedWithoutFlush)
    }

    private func write(
        _ report: ReportFile?, _ machine: VirtualMachine, _ outcome: RunOutcome, _ ended: Ended, _ plan: StartPlan,
        _ session: Session
    ) {
        var runReport = RunReport(
            of: machine, outcome: outcome, exitCode: outcome.end.exitCode.rawValue, findings: ended.findings,
            dormouseVersion: Dormouse.version)
        runReport.vm = plan.report(recordNanoseconds: ended.recordNanoseconds)
        do throws(ReportFileError) {
            try report?.write(runReport)
        } catch { session.losses.note(error) }
    }
}
