// What a debugger sees and changes: registers and memory.

import Bytes

extension GDBSession {
    /// The most that is read or written at once: in hexadecimal it fits into a packet.
    private static let maximumByteCount = (PacketReader.maximumByteCount - 64) / 2

    func readRegisters() -> Answer {
        guard let registers = machine.registers(of: currentCPU) else { return .error(.noCPU) }
        return .text(Hexadecimal.text(of: RegisterNumber.all.flatMap { registers.bytes(of: $0) }))
    }

    func writeRegisters(_ text: inout PacketText) -> Answer {
        guard let bytes = text.bytes(), bytes.count == DebuggedRegisters.byteCount else { return .error(.invalid) }
        var registers = DebuggedRegisters()
        var rest = bytes[...]
        for register in RegisterNumber.all {
            registers.set(register, to: rest.prefix(register.byteCount))
            rest = rest.dropFirst(register.byteCount)
        }
        return machine.setRegisters(registers, of: currentCPU) ? .ok : .error(.invalid)
    }

    func readRegister(_ text: inout PacketText) -> Answer {
        guard let register = register(&text), text.isAtEnd else { return .error(.invalid) }
        guard let registers = machine.registers(of: currentCPU) else { return .error(.noCPU) }
        return .text(Hexadecimal.text(of: registers.bytes(of: register)))
    }

    func writeRegister(_ text: inout PacketText) -> Answer {
        guard let register = register(&text), text.take("="), let bytes = text.bytes(),
            bytes.count == register.byteCount
        else { return .error(.invalid) }
        guard var registers = machine.registers(of: currentCPU) else { return .error(.noCPU) }
        registers.set(register, to: bytes[...])
        return machine.setRegisters(registers, of: currentCPU) ? .ok : .error(.invalid)
    }

    private func register(_ text: inout PacketText) -> RegisterNumber? {
        guard let number = text.takeNumber(), number < UInt64(RegisterNumber.all.count) else { return nil }
        return RegisterNumber.all[Int(number)]
    }

    private var space: DebuggedSpace { usesPhysicalAddresses ? .physical : .virtual(cpu: currentCPU) }

    /// `address,length`.
    private func range(_ text: inout PacketText) -> (address: UInt64, count: Int)? {
        guard let address = text.takeNumber(), text.take(","), let count = text.takeNumber(),
            count <= UInt64(Self.maximumByteCount), !address.addingReportingOverflow(count).overflow
        else { return nil }
        return (address, Int(count))
    }

    func readMemory(_ text: inout PacketText) -> Answer {
        guard let (address, count) = range(&text), text.isAtEnd else { return .error(.invalid) }
        let bytes = machine.read(space, at: address, count: count)
        return bytes.isEmpty && count > 0 ? .error(.noMemory) : .text(Hexadecimal.text(of: bytes))
    }

    func writeMemory(_ text: inout PacketText, isBinary: Bool) -> Answer {
        guard let (address, count) = range(&text), text.take(":"),
            let bytes = isBinary ? Packet.unescaped(text.rest) : text.bytes(), bytes.count == count
        else { return .error(.invalid) }
        return machine.write(bytes, space, at: address) ? .ok : .error(.noMemory)
    }
}
