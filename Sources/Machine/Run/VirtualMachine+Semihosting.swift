// Semihosting: a program says something, and how it ended.
//
// Responsible for: the calls that tests of bare-metal programs make: exiting with a code, writing to the console, the
// command line. Every other one is -1, which programs have to expect. Not responsible for: files of the host, which no
// program gets.
//
// Follows Arm's "Semihosting for AArch32 and AArch64", Release 2.0 (ARM-software/abi-aa, semihosting.rst): the
// operation in W0, its argument in X1, the result in X0; fields of blocks have 64 bits.

import Bytes
import Hypervisor

/// The operations that there are.
private enum SemihostingOperation: UInt32 {
    case open = 0x01
    case writeC = 0x03
    case write0 = 0x04
    case write = 0x05
    case getCommandLine = 0x15
    case exit = 0x18
    case exitExtended = 0x20
}

/// Names of the console: `:tt`, by the mode that it is opened in.
private enum SemihostingConsole {
    static let name = Array(":tt".utf8)
    /// fopen's "r", "w" and "a", four modes each.
    static let handles: [UInt64: UInt64] = [0: 0, 1: 1, 2: 2]
    static let modesOfEach: UInt64 = 4
    static let outputs: ClosedRange<UInt64> = 1...2
}

extension VirtualMachine {
    private static let failed = UInt64.max
    /// The most that one call writes; what is longer is written by several, or cut.
    private static let maximumByteCount: UInt64 = 64 << 10
    /// ADP_Stopped_ApplicationExit.
    private static let applicationExit: UInt64 = 0x20026

    /// Answers the HLT that a core just executed.
    func answerSemihosting(of core: Core) {
        guard let semihosting = configuration.semihosting, let cpu = core.cpu as? any DebuggableCPU else { return }
        let argument = cpu.register(1)
        let operation = SemihostingOperation(rawValue: UInt32(truncatingIfNeeded: cpu.register(0)))
        switch operation {
        case .exit, .exitExtended:
            // A block that is not there is as good a failure as any.
            let block = words(2, at: argument, of: cpu) ?? [0, 1]
            let code = block[0] == Self.applicationExit ? UInt32(truncatingIfNeeded: block[1]) : 1
            return perform(core.move(.answered(.endsRun(.exited(code: code)))), of: core)
        case .writeC: write(bytes(at: argument, count: 1, of: cpu) ?? [])
        case .write0: write(string(at: argument, of: cpu))
        case .open: cpu.setRegister(0, opened(argument, of: cpu))
        case .write: cpu.setRegister(0, written(argument, of: cpu))
        case .getCommandLine: cpu.setRegister(0, commandLine(semihosting, argument, of: cpu))
        case nil: cpu.setRegister(0, Self.failed)
        }
    }

    private func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        consoleTail.note(bytes)
        events.consoleOutput(bytes)
    }

    /// SYS_OPEN: name, mode, and the name's length.
    private func opened(_ argument: UInt64, of cpu: any DebuggableCPU) -> UInt64 {
        guard let block = words(3, at: argument, of: cpu), block[2] == UInt64(SemihostingConsole.name.count),
            bytes(at: block[0], count: SemihostingConsole.name.count, of: cpu) == SemihostingConsole.name
        else { return Self.failed }
        return SemihostingConsole.handles[block[1] / SemihostingConsole.modesOfEach] ?? Self.failed
    }

    /// SYS_WRITE: handle, bytes, and how many; says how many were not written.
    private func written(_ argument: UInt64, of cpu: any DebuggableCPU) -> UInt64 {
        guard let block = words(3, at: argument, of: cpu) else { return Self.failed }
        let count = min(block[2], Self.maximumByteCount)
        guard SemihostingConsole.outputs.contains(block[0]),
            let bytes = bytes(at: block[1], count: Int(count), of: cpu)
        else { return block[2] }
        write(bytes)
        return block[2] - count
    }

    /// SYS_GET_CMDLINE: where to, and how many bytes there are; both are changed.
    private func commandLine(
        _ semihosting: SemihostingConfiguration, _ argument: UInt64, of cpu: any DebuggableCPU
    ) -> UInt64 {
        let line = Array(semihosting.arguments.joined(separator: " ").utf8)
        guard let block = words(2, at: argument, of: cpu), block[1] > UInt64(line.count),
            debugWrite(line + [0], at: block[0], of: cpu),
            debugWrite(UInt64(line.count).littleEndianBytes, at: argument &+ 8, of: cpu)
        else { return Self.failed }
        return 0
    }

    // MARK: The program's memory

    private func bytes(at address: UInt64, count: Int, of cpu: any DebuggableCPU) -> [UInt8]? {
        let bytes = debugRead(at: address, count: count, of: cpu)
        return bytes.count == count ? bytes : nil
    }

    private func words(_ count: Int, at address: UInt64, of cpu: any DebuggableCPU) -> [UInt64]? {
        bytes(at: address, count: 8 * count, of: cpu).map { bytes in
            (0..<count).map { bytes.littleEndian(at: 8 * $0) }
        }
    }

    /// A string that ends with 0, or where there is no memory any more.
    private func string(at address: UInt64, of cpu: any DebuggableCPU) -> [UInt8] {
        var string: [UInt8] = []
        while string.count < Int(Self.maximumByteCount) {
            let part = debugRead(at: address &+ UInt64(string.count), count: 256, of: cpu)
            string += part.prefix { $0 != 0 }
            if part.count < 256 || part.contains(0) { break }
        }
        return string
    }
}
