// Ports of a QEMU command line: `-device virtio-serial`, `virtconsole` and `virtserialport`.
//
// Follows QEMU's hw/char/virtio-serial-bus.c for the numbers that are given: 0 is the first console's.

import Devices
import Machine

extension QEMUMachine {
    /// What is at the other end of a port.
    struct PortEnd: Equatable {
        var number: Int
        var isConsole: Bool
        var device: QEMUCharacterDevice
        /// The id of its -chardev.
        var label: String
        /// The port's own, by which monitors are told of it; nil if they are not.
        var id: String?
    }

    /// The controller, and what ports may call it: the ids of all that were asked for.
    struct PortBus: Equatable {
        var ids: Set<String>
    }

    private static let limit = ConsolePort.limit

    /// `-device virtio-serial-device`: what ports are plugged into. There is one, and it is made for its ports. In QEMU,
    /// too, ports that name none are plugged into the first.
    mutating func attachPortBus(_ list: inout QEMUList, id: String?) throws(QEMUError) {
        if let text = list.take("max_ports") {
            guard let count = Int(text), (1...Self.limit).contains(count) else {
                throw QEMUError("device", "max_ports=\(text) is not to be had; say a number from 1 to \(Self.limit)")
            }
            portLimit = count
        }
        _ = list.take("vectors")
        var ids = portBus?.ids ?? []
        if let id { ids.insert(id) }
        portBus = PortBus(ids: ids)
    }

    /// `-device virtconsole` and `-device virtserialport`.
    mutating func attachPort(_ list: inout QEMUList, isConsole: Bool) throws(QEMUError) {
        let ownID = list.take("id")
        let device = isConsole ? "virtconsole" : "virtserialport"
        guard let portBus else {
            throw QEMUError("device", "\(device) needs a -device virtio-serial-device before it")
        }
        if let bus = list.take("bus"), !portBus.ids.isEmpty, !portBus.ids.contains(where: { bus == "\($0).0" }) {
            let names = portBus.ids.sorted().map { "bus=\($0).0" }.joined(separator: " or ")
            throw QEMUError("device", "bus=\(bus) is not to be found; say \(names), or nothing")
        }
        guard let id = list.take("chardev") else {
            throw QEMUError("device", "\(device) needs chardev=, the id of a -chardev")
        }
        guard let end = chardevs[id] else {
            throw QEMUError("device", "chardev=\(id) is not to be found: name the id of a -chardev")
        }
        try claim(id, by: "-device \(device)")
        let number = try portNumber(list.take("nr"), isConsole: isConsole)
        machine.ports.append(ConsolePort(number: number, name: list.take("name"), isConsole: isConsole))
        portEnds.append(PortEnd(number: number, isConsole: isConsole, device: end, label: id, id: ownID))
    }

    private func portNumber(_ text: String?, isConsole: Bool) throws(QEMUError) -> Int {
        let taken = machine.ports.map(\.number)
        guard let text else {
            let first = isConsole && !taken.contains(0) ? 0 : (1..<portLimit).first { !taken.contains($0) }
            guard let first else { throw QEMUError("device", "there are more ports than the \(portLimit) of the bus") }
            return first
        }
        guard let number = Int(text), (0..<portLimit).contains(number) else {
            throw QEMUError("device", "nr=\(text) is no port; say a number from 0 to \(portLimit - 1)")
        }
        guard !taken.contains(number) else { throw QEMUError("device", "nr=\(number) is given to two ports") }
        guard number != 0 || isConsole else {
            throw QEMUError("device", "nr=0 is for a virtconsole; give the port another, or none")
        }
        return number
    }

    /// Whether a port has standard input and output, as the console.
    var consolePort: Int? {
        portEnds.first { [.standardInputAndOutput, .sharedStandardInputAndOutput].contains($0.device) }?.number
    }

    func checkPorts() throws(QEMUError) {
        do throws(MachineError) { try machine.checkPorts() } catch { throw QEMUError("device", error.description) }
        guard consolePort != nil else { return }
        let standard: [QEMUCharacterDevice] = [.standardInputAndOutput, .sharedStandardInputAndOutput]
        guard portEnds.filter({ standard.contains($0.device) }).count == 1 else {
            throw QEMUError("device", "stdio is at the end of two ports; give one of them another -chardev")
        }
        switch serial {
        case .null, .file: break
        case .standardInputAndOutput, .sharedStandardInputAndOutput:
            throw QEMUError("serial", "stdio is a port's already (-device …,chardev=); say -serial none")
        case .socket, .pty:
            throw QEMUError(
                "serial", "\(serial.filename) is not to be had beside a port on stdio; give the port a socket, or a pty"
            )
        }
    }

    /// Notes that an option's value, `chardev:ID`, uses a character device.
    mutating func claim(_ value: String, byOption option: String) throws(QEMUError) {
        guard value.hasPrefix("chardev:") else { return }
        try claim(String(value.dropFirst("chardev:".count)), by: option)
    }

    /// Notes who uses a character device. One that is shared may have several users.
    mutating func claim(_ id: String, by user: String) throws(QEMUError) {
        if let other = chardevUsers[id], chardevs[id] != .sharedStandardInputAndOutput {
            throw QEMUError(
                "chardev",
                "\(id) is used twice, by \(other) and by \(user)"
                    + (chardevs[id] == .standardInputAndOutput ? "; mux=on shares it" : ": there is one user each"))
        }
        chardevUsers[id] = user
    }
}
