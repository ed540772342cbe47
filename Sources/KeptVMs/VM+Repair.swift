// Making a VM usable again whose files are damaged or gone.
//
// What is there stays, under another name. Nothing is guessed that could be wrong without a word: a VM whose state is
// lost is one whose last run ended without a word. If there is an image on a disk, the environment of today counts as
// that of the guest that wrote it, except where its hardware signature says otherwise; then the next start boots clean,
// and keeps the image's header.

import DiskImages
import Glibc
import Hibernation
import Machine

extension VM {
    /// Writes `vm.toml` and `state.json` anew where they cannot be used.
    ///
    /// - Parameter now: nanoseconds since 1970-01-01 UTC.
    /// - Returns: what was done, in lines for people; none if nothing was to be done.
    public func repair(now: UInt64) throws -> [String] {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        let remembered = try? state()
        var lines: [String] = []
        // Somebody may be mending it.
        let change = try DirectoryLock(of: self)
        defer { withExtendedLifetime(change) {} }
        if let reason = configurationFailure() {
            // The last one that ran; what was changed since is in the file that is kept.
            guard
                let last = remembered?.run?.configuration ?? remembered?.hibernation?.configuration
                    ?? remembered?.lost?.slept?.configuration
            else { throw reason }
            let kept = try setAside(configurationPath)
            try write(last)
            lines.append("\(configurationPath) is as the VM last ran\(kept)")
        }
        guard remembered == nil else { return lines }
        let configuration = try configuration()
        let (state, words) = try newState(configuration, now: now)
        let kept = try setAside(statePath)
        try write(state)
        VMLife(self).settle(state.restingState, cause: "its state was lost, and made anew")
        return lines + ["\(statePath) is new\(kept)"] + words
    }

    private func configurationFailure() -> HostError? {
        do throws(HostError) {
            _ = try configuration()
            return nil
        } catch { return error }
    }

    /// Gives what is at `path` another name; the words for that.
    private func setAside(_ path: String) throws(HostError) -> String {
        var number = 1
        while unsafe access("\(path).broken-\(number)", F_OK) == 0 { number += 1 }
        let other = "\(path).broken-\(number)"
        if unsafe Glibc.rename(path, other) == 0 { return "; the old one is \(other)" }
        guard errno == ENOENT else { throw .file(path: path, operation: "rename", reason: String(errno: errno)) }
        return ""
    }

    /// The state of a VM of which nothing is known but its configuration and what is on its disks.
    private func newState(
        _ configuration: VMConfiguration, now: UInt64
    ) throws -> (state: VMState, words: [String]) {
        var machine = try configuration.machine()
        let environment = machine.environment(try MeasuredFiles(of: machine))
        let findings = machine.disks.indices.map { index in
            HibernationFinding(
                path: machine.disks[index].path, format: machine.disks[index].format,
                machine.swapSelection(ofDisk: index))
        }
        var state = VMState(identity: VMStore.randomIdentity())
        state.home = path
        let images = findings.flatMap(\.images)
        guard !images.isEmpty || findings.contains(where: \.mayHideImage) else {
            return (state, ["no hibernation image is on its disks, and its next start is an ordinary boot"])
        }
        // The counter of any run before this was lower.
        machine.initialCounter = MachineConfiguration.counterOfToday
        machine.initialCounterTime = now
        var run = VMState.Run(
            environment: environment, configuration: configuration, generation: state.generation, since: String(now),
            counter: String(machine.counter(at: now)), resumed: nil)
        guard let signature = images.lazy.compactMap(\.hardwareSignature).first else {
            state.run = run
            return (
                state,
                [
                    images.isEmpty
                        ? "its disks have places that nobody can look into: change nothing before its next start"
                        : "a hibernation image is on its disks, and its next start resumes it: if \(Self.configurationName) "
                            + "describes another machine than the one that hibernated, bump the VM first"
                ]
            )
        }
        if let generation = Self.generations.first(where: {
            HardwareSignature.of(environment, generation: $0) == signature
        }) {
            state.generation = generation
            run.generation = generation
            state.run = run
            return (state, ["the hibernation image on its disks is of this machine, and its next start resumes it"])
        }
        run.generation = 0
        state.run = run
        return (
            state, ["the hibernation image on its disks is of another machine, and its next start boots clean"]
        )
    }

    /// Those that a hardware signature is tried with.
    private static let generations: ClosedRange<UInt64> = 1...4096
}
