// `dormouse run` with a debugger.

import Machine

/// Steers a run that a debugger has a say in.
final class DebuggedRun: RunSteering {
    private let station: DebuggerStation
    private let startsStopped: Bool

    /// - Parameters:
    ///   - socket: where debuggers come to.
    ///   - startsStopped: whether the guest waits for one.
    init(_ socket: QEMUSocket, startsStopped: Bool) throws {
        station = try DebuggerStation(socket, "gdb")
        self.startsStopped = startsStopped
    }

    func connect(_ events: inout MachineEvents) { station.connect(&events) }

    func begin(_ machine: VirtualMachine, _ session: Session) throws {
        if startsStopped { machine.pause(clock: .standsStill) }
        // From here on somebody may ask for the end.
        session.begin()
        try station.start(machine, session)
    }

    func willBoot(_ number: Int) {}
    func runsAgain(after end: RunEnd) -> Bool { false }
    func abandon() { station.abandon() }
    func finish() { station.finish() }
}
