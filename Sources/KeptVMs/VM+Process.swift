// The process that runs a VM, for those who do not want to ask it: it may not answer any more.

import Glibc
import HostSupport

extension VM {
    /// Sends a signal to the process that has the VM, and waits until it has let go of it.
    ///
    /// - Parameters:
    ///   - signal: SIGKILL ends it at once, and nothing is kept of how the guest was; SIGTERM ends the run in order.
    ///   - timeoutSeconds: how long the process has.
    /// - Returns: whether it is gone.
    public func signal(_ signal: Int32, timeoutSeconds: Int) throws(HostError) -> Bool {
        guard let holder = user else { throw .notRunning(name: name) }
        guard let process = pid_t(holder), process > 1, isOpen(in: process) else {
            throw .control(name: name, reason: "process \(holder) has it, which cannot be found")
        }
        guard kill(process, signal) == 0 else {
            throw .control(name: name, reason: "process \(process) cannot be signalled: \(String(errno: errno))")
        }
        return isFree(timeoutSeconds: timeoutSeconds)
    }

    /// Waits until no process has the VM.
    ///
    /// - Parameter timeoutSeconds: how long at most; nil for ever.
    /// - Returns: whether none has it.
    public func isFree(timeoutSeconds: Int?) -> Bool {
        let deadline = timeoutSeconds.map { ContinuousClock.now.advanced(by: .seconds($0)) }
        while user != nil {
            if let deadline, deadline <= ContinuousClock.now { return false }
            usleep(Self.pollMicroseconds)
        }
        return true
    }

    private static let pollMicroseconds: useconds_t = 50_000

    /// Whether a process has the lock's file open: the number in the file may be that of another by now.
    private func isOpen(in process: pid_t) -> Bool {
        guard let lock = FileIdentity(path: lockPath) else { return false }
        let directory = "/proc/\(process)/fd"
        return PrivateDirectory.names(in: directory).contains { FileIdentity(path: "\(directory)/\($0)") == lock }
    }
}
