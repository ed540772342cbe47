// The host's side of a machine's ports.
//
// Responsible for: passing on to the device. Not responsible for: who is there.

import Devices
import Synchronization

extension VirtualMachine {
    /// Sends bytes to a port; returns how many the guest took. The rest is to be sent again after
    /// `MachineEvents.portReady`. Callable from any thread.
    ///
    /// - Parameters:
    ///   - bytes: what is sent.
    ///   - port: the port's number.
    public func sendPortInput(_ bytes: [UInt8], to port: Int) -> Int { ports?.receive(bytes, at: port) ?? 0 }

    /// Says that more is taken of what the guest writes to a port. Callable from any thread, but not from
    /// `MachineEvents.portOutput`.
    ///
    /// - Parameter port: the port's number.
    public func portTakesOutput(_ port: Int) { ports?.hostTakes(port) }

    /// Says whether somebody is at a port's other end, which the guest is told; nobody is, to begin with. Callable from
    /// any thread.
    ///
    /// - Parameters:
    ///   - isOpen: whether somebody is there.
    ///   - port: the port's number.
    public func setPortOpen(_ isOpen: Bool, port: Int) { ports?.setHostOpen(isOpen, at: port) }

    /// Has a port take what is typed at the console, in place of the UART.
    ///
    /// - Parameter port: the port's number.
    public func typeConsole(into port: Int) { consolePort.store(port, ordering: .releasing) }
}
