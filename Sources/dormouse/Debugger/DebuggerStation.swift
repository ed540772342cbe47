// Where debuggers of a run come to: opens the socket, and connects the server with the machine and its events.

import GDBServer
import HostSupport
import Machine
import QEMUMonitor

/// A server for debuggers.
final class DebuggerStation: Sendable {
    private let server: DebugServer

    /// - Parameters:
    ///   - socket: is opened.
    ///   - option: whose value it is, for errors.
    init(_ socket: QEMUSocket, _ option: String) throws {
        switch try socket.open(option) {
        case .listening(let socket, let path): server = try DebugServer(.listening(socket, path: path))
        case .connected(let socket): server = try DebugServer(.connected(socket))
        }
    }

    /// Adds what debuggers want to be told of.
    ///
    /// - Parameter stopped: also wants to know that the guest has stopped.
    func connect(_ events: inout MachineEvents, stopped: @escaping @Sendable () -> Void = {}) {
        events.debugStop = { [server] core, stop in
            stopped()
            server.post(DebuggedStop(core, stop))
        }
    }

    func start(
        _ machine: VirtualMachine, _ session: Session, _ observer: DebuggedVirtualMachine.Observer = .init()
    ) throws {
        try server.start(DebuggedVirtualMachine(machine, session, observer))
    }

    /// There was no run: takes away what others would find.
    func abandon() { server.abandon() }
    func finish() { server.finish() }
}

extension QEMUSocket {
    /// Where a debugger comes to, as QEMU's -gdb has it; nil for nowhere.
    ///
    /// - Parameters:
    ///   - text: the option's value.
    ///   - option: its name, for errors.
    ///   - known: character devices, by id.
    static func debugger(
        _ text: String, of option: String, known: [String: QEMUCharacterDevice] = [:]
    ) throws(QEMUError) -> QEMUSocket? {
        switch try QEMUCharacterDevice(text, of: option, known: known) {
        case .null: return nil
        case .socket(var socket):
            // A port is listened at, whether or not that is said.
            if case .tcp = socket.address { socket.isServer = true }
            return socket
        case .standardInputAndOutput, .sharedStandardInputAndOutput, .file, .pty:
            throw QEMUError(option, "\(text) is not to be had; say tcp:HOST:PORT or unix:PATH,server=on")
        }
    }
}
