// Who has a say in a run from outside, other than by signals and the terminal.

import Machine

/// What steers a run. All of it is called by `GuestRun`, on its thread.
protocol RunSteering: Sendable {
    /// Adds what it wants to be told of.
    func connect(_ events: inout MachineEvents)
    /// Everything is there, and the guest does not run yet. May wait.
    func begin(_ machine: VirtualMachine, _ session: Session) throws
    /// The guest is about to be started, for the `number`-th time.
    func willBoot(_ number: Int)
    /// The guest has ended. May wait.
    ///
    /// - Returns: whether it is to be run again.
    func runsAgain(after end: RunEnd) -> Bool
    /// Nothing runs any more.
    func finish()
}
