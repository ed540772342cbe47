// Which ports there can be.

import Devices

extension MachineConfiguration {
    /// Throws if these ports cannot be had.
    public func checkPorts() throws(MachineError) {
        guard let slot = model.portsSlot(self) else { return }
        guard disks.count <= slot else { throw .port(.noSlot(limit: model.maximumDiskCount)) }
        var numbers: Set<Int> = []
        var names: Set<String> = []
        for port in ports {
            guard (0..<ConsolePort.limit).contains(port.number) else { throw .port(.number(port.number)) }
            guard numbers.insert(port.number).inserted else { throw .port(.sameNumber(port.number)) }
            guard let name = port.name else { continue }
            let isPlain = name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            guard (1...ConsolePort.nameLimit).contains(name.utf8.count), isPlain else {
                throw .port(.name(String(name.prefix(40))))
            }
            guard names.insert(name).inserted else { throw .port(.sameName(name)) }
        }
    }
}

/// Why a port cannot be had. The text is for the user, one line.
public enum PortError: Error, Hashable, CustomStringConvertible {
    case noSlot(limit: Int)
    case number(Int)
    case sameNumber(Int)
    case name(String)
    case sameName(String)

    public var description: String {
        switch self {
        case .noSlot(let limit):
            "ports, networks and disks are too many devices; this machine has slots for \(limit) together"
        case .number(let number):
            "there is no port \(number); give a number from 0 to \(ConsolePort.limit - 1)"
        case .sameNumber(let number): "two ports have the number \(number); give one of them another"
        case .name(let name):
            "\"\(name)\" cannot be the name of a port; take up to \(ConsolePort.nameLimit) bytes of text"
        case .sameName(let name): "two ports have the name \(name); give one of them another"
        }
    }
}
