// The other ends of a machine's ports, and of a serial port that leads to a terminal, or to a file beside a port that has
// standard output.
//
// Responsible for: which end belongs to which port, and the order of the run. Not responsible for: carrying bytes
// (`PortRelay`), or a serial port that leads anywhere else (`SerialRelay`).

import HostSupport
import KeptVMs
import Machine
import Synchronization

/// What the guest's ports lead to.
final class QEMUEnds: Sendable {
    private struct PortEnd {
        var number: Int
        var relay: PortRelay
        var isLossy: Bool
        /// What is said before the first client is waited for; nil if nobody waits.
        var waiting: String?
    }

    private let ports: [PortEnd]
    private let byNumber: [Int: PortRelay]
    /// Of the serial port, if it leads to one of these.
    private let serial: PortRelay?
    /// The port that is the console of this process.
    private let consolePort: Int?
    private let hasStarted = Mutex(false)

    /// Opens what is to be had.
    init(_ qemu: QEMUMachine) throws {
        consolePort = qemu.consolePort
        var ports: [PortEnd] = []
        for end in qemu.portEnds where end.number != qemu.consolePort {
            let opened = try RelayEnd(end.device, "chardev", label: end.label)
            var waiting: String?
            if case .socket(let socket) = end.device, socket.isServer, socket.waits {
                waiting = "waiting for a connection on \(socket)"
            }
            ports.append(
                PortEnd(
                    number: end.number, relay: try PortRelay(opened, isLossy: end.isConsole), isLossy: end.isConsole,
                    waiting: waiting))
        }
        self.ports = ports
        byNumber = Dictionary(uniqueKeysWithValues: ports.map { ($0.number, $0.relay) })
        let hasSerial =
            switch qemu.serial {
            case .pty: true
            case .file: qemu.consolePort != nil
            case .null, .standardInputAndOutput, .sharedStandardInputAndOutput, .socket: false
            }
        serial =
            hasSerial ? try PortRelay(RelayEnd(qemu.serial, "serial", label: qemu.serialLabel), isLossy: true) : nil
    }

    // MARK: The run

    /// Adds to the events what the guest says to its ports.
    func connect(_ events: inout MachineEvents) {
        let (console, consoleReady) = (events.consoleOutput, events.consoleReady)
        let (byNumber, consolePort) = (byNumber, consolePort)
        guard !byNumber.isEmpty || consolePort != nil || serial != nil else { return }
        events.portOutput = { number, bytes in
            if number == consolePort {
                console(bytes)
                return bytes.count
            }
            return byNumber[number]?.take(bytes) ?? bytes.count
        }
        events.portReady = { number in
            if number == consolePort { consoleReady() } else { byNumber[number]?.guestIsReady() }
        }
        // Standard output is the port's.
        if consolePort != nil { events.consoleOutput = { _ in } }
        if let serial {
            events.consoleOutput = { _ = serial.take($0) }
            events.consoleReady = {
                consoleReady()
                serial.guestIsReady()
            }
        }
    }

    /// Waits for those without whom the guest is not to begin.
    func waitForClients() {
        for port in ports {
            guard let waiting = port.waiting else { continue }
            Message.write(waiting)
            port.relay.waitForClient()
        }
    }

    func start(_ machine: VirtualMachine) throws {
        hasStarted.withLock { $0 = true }
        if let consolePort {
            machine.typeConsole(into: consolePort)
            machine.setPortOpen(true, port: consolePort)
        }
        for port in ports {
            let number = port.number
            try port.relay.start(
                RelayedPort(
                    send: { machine.sendPortInput($0, to: number) },
                    setOpen: { machine.setPortOpen($0, port: number) },
                    takesMore: { machine.portTakesOutput(number) }))
        }
        try serial?.start(RelayedPort(send: { machine.sendConsoleInput($0) }))
    }

    /// There was no run: takes away what others would find.
    func abandon() { for port in ports { port.relay.abandon() } }

    func finish() {
        guard hasStarted.withLock({ $0 }) else { return abandon() }
        for port in ports { port.relay.finish() }
        serial?.finish()
    }
}
