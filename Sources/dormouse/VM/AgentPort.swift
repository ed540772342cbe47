// The host's end of the port that leads to a guest's agent: a socket in the VM's directory, by which it is spoken to while
// the VM runs, from one machine to the next.
//
// Responsible for: opening it, and connecting it to the machine that runs. The guest always finds somebody at the other
// end: its agent waits then, where otherwise it would look again every second. Not responsible for: carrying bytes
// (`PortRelay`), or what is said (`GuestAgent`).

import Devices
import Glibc
import HostSupport
import KeptVMs
import Machine

struct AgentPort: Sendable {
    private let relay: PortRelay

    /// Whether a machine has the port.
    static func isThere(in machine: MachineConfiguration) -> Bool { machine.ports.contains(GuestAgent.port) }

    init(_ vm: VM) throws {
        let socket: StreamSocket
        do throws(StreamSocketError) {
            socket = try .listening(directory: vm.path, name: VM.agentName)
        } catch { throw HostError.file(path: vm.agentPath, operation: "listen at", reason: error.reason) }
        // The directory lets nobody else in, so nobody can have connected before.
        chmod(vm.agentPath, 0o600)
        relay = try PortRelay(.listening(socket, path: vm.agentPath), isLossy: false)
    }

    func connect(_ events: inout MachineEvents) {
        let (output, ready) = (events.portOutput, events.portReady)
        events.portOutput = { [relay] number, bytes in
            number == GuestAgent.port.number ? relay.take(bytes) : output?(number, bytes) ?? bytes.count
        }
        events.portReady = { [relay] number in
            if number == GuestAgent.port.number { relay.guestIsReady() } else { ready(number) }
        }
    }

    /// To be called for each machine.
    func didMake(_ machine: VirtualMachine) { machine.setPortOpen(true, port: GuestAgent.port.number) }

    func start(_ session: Session) throws(HostResourceError) {
        let number = GuestAgent.port.number
        try relay.start(
            RelayedPort(
                send: { session.current?.sendPortInput($0, to: number) ?? 0 },
                takesMore: { session.current?.portTakesOutput(number) }))
    }

    func finish() { relay.finish() }

    /// There was no run: takes away what others would find.
    func abandon() { relay.abandon() }
}
