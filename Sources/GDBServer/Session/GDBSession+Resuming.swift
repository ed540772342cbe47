// How a debugger lets a guest go on, and where that is to stop.

import Bytes

/// Where the guest is to stop.
struct Breakpoint: Hashable {
    /// Kept apart, since a debugger takes back what it has set; both leave the guest's memory alone.
    enum Kind: UInt64 {
        case software = 0
        case hardware = 1
    }

    var kind: Kind
    var address: UInt64
}

extension GDBSession {
    /// `c`, `s`, and with a signal, which a machine has no use for, `C` and `S`. Behind it may be where.
    mutating func goOn(as kind: UnicodeScalar, _ text: inout PacketText) -> Answer {
        if kind == "C" || kind == "S" {
            guard text.takeNumber() != nil else { return .error(.invalid) }
            _ = text.take(";")
        }
        if !text.isAtEnd {
            guard let address = text.takeNumber(), text.isAtEnd else { return .error(.invalid) }
            let cpu = steppedCPU ?? currentCPU
            guard var registers = machine.registers(of: cpu) else { return .error(.noCPU) }
            registers.pc = address
            guard machine.setRegisters(registers, of: cpu) else { return .error(.invalid) }
        }
        let steps = kind == "s" || kind == "S"
        var cpus = [DebuggedResumption](repeating: steps ? .held : .goesOn, count: machine.cpuCount)
        if steps { cpus[steppedCPU ?? currentCPU] = .steps }
        return resume(cpus)
    }

    /// Packets whose names are words.
    mutating func answer(toVerbose text: inout PacketText) -> Answer {
        if text.take("Cont?") { return .text("vCont;c;C;s;S") }
        if text.take("Cont") { return goOn(&text) }
        if text.take("Kill") {
            kill()
            return .ok
        }
        return .unknown
    }

    /// `vCont`: actions with their threads; the first one that is for a CPU is what it does.
    private mutating func goOn(_ text: inout PacketText) -> Answer {
        var cpus = [DebuggedResumption?](repeating: nil, count: machine.cpuCount)
        var isAnything = false
        for part in text.text.split(separator: ";") {
            var action = PacketText(part.utf8)
            let resumption: DebuggedResumption
            if action.take("c") {
                resumption = .goesOn
            } else if action.take("s") {
                resumption = .steps
            } else if action.take("C") || action.take("S") {
                guard action.takeNumber() != nil else { return .error(.invalid) }
                resumption = part.first == "C" ? .goesOn : .steps
            } else {
                return .error(.invalid)
            }
            isAnything = true
            if action.isAtEnd || action.take(":-1") {
                for cpu in cpus.indices where cpus[cpu] == nil { cpus[cpu] = resumption }
            } else {
                guard action.take(":"), let cpu = cpu(&action) else { return .error(.noCPU) }
                cpus[cpu] = cpus[cpu] ?? resumption
            }
        }
        guard isAnything else { return .error(.invalid) }
        return resume(cpus.map { $0 ?? .held })
    }

    /// Most bytes that one watchpoint is for.
    private static let watchedByteLimit: UInt64 = 4096

    /// `Z` and `z`.
    mutating func changeBreakpoint(_ text: inout PacketText, isThere: Bool) -> Answer {
        guard let number = text.takeNumber(), text.take(","), let address = text.takeNumber(), text.take(",")
        else { return .error(.invalid) }
        if let kind = DebuggedWatchpoint.Kind(rawValue: number) {
            return changeWatchpoint(kind, address, &text, isThere: isThere)
        }
        guard let kind = Breakpoint.Kind(rawValue: number) else { return .unknown }
        let breakpoint = Breakpoint(kind: kind, address: address)
        guard isThere else {
            breakpoints.remove(breakpoint)
            return .ok
        }
        guard address % 4 == 0 else { return .error(.invalid) }
        guard breakpoints.contains(breakpoint) || breakpoints.count < machine.breakpointLimit else {
            return .error(.noRoom)
        }
        breakpoints.insert(breakpoint)
        return .ok
    }

    private mutating func changeWatchpoint(
        _ kind: DebuggedWatchpoint.Kind, _ address: UInt64, _ text: inout PacketText, isThere: Bool
    ) -> Answer {
        guard let count = text.takeNumber(), (1...Self.watchedByteLimit).contains(count),
            UInt64.max - address >= count
        else { return .error(.invalid) }
        let watchpoint = DebuggedWatchpoint(kind: kind, range: address..<address + count)
        guard isThere else {
            watchpoints.remove(watchpoint)
            return .ok
        }
        guard watchpoints.contains(watchpoint) || watchpoints.count < machine.watchpointLimit else {
            return .error(.noRoom)
        }
        watchpoints.insert(watchpoint)
        return .ok
    }
}
