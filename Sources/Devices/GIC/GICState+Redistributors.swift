// The redistributors' registers. IHI 0069, "The GIC Redistributor register descriptions".
//
// One after the other, 128 KiB each. There are no LPIs, so GICR_CTLR has nothing to control and everything else in
// RD_base but the identification and GICR_WAKER reads as zero and ignores writes.

extension GICState {
    /// A word of the redistributors, at word-aligned `offset` from the first one.
    func readRedistributor(_ offset: UInt64) -> UInt32 {
        guard let (cpu, register) = split(offset) else { return 0 }
        if register >= GICR.sgiBase {
            guard let (register, bank) = BankRegister.decode(register - GICR.sgiBase), bank == 0 else { return 0 }
            return processors[cpu].bank.read(register)
        }
        switch register {
        case GICR.IIDR: return GICIdentification.implementer
        case GICR.TYPER: return UInt32(truncatingIfNeeded: type(of: cpu))
        case GICR.TYPER + 4: return UInt32(truncatingIfNeeded: type(of: cpu) >> 32)
        case GICR.WAKER:
            return processors[cpu].isAsleep ? GICR.WAKERField.processorSleep | GICR.WAKERField.childrenAsleep : 0
        default: return GICIdentification.read(register) ?? 0
        }
    }

    /// Stores a word at word-aligned `offset` from the first redistributor.
    mutating func writeRedistributor(_ offset: UInt64, _ value: UInt32) {
        guard let (cpu, register) = split(offset) else { return }
        if register >= GICR.sgiBase {
            guard let (register, bank) = BankRegister.decode(register - GICR.sgiBase), bank == 0 else { return }
            changePrivateInterrupts(of: cpu) { $0.write(register, value) }
        } else if register == GICR.WAKER {
            // The handshake is over at once: ChildrenAsleep follows ProcessorSleep.
            changeParticipation(of: cpu) { $0.isAsleep = value & GICR.WAKERField.processorSleep != 0 }
        }
    }

    /// A byte of the redistributors: only the priorities can be accessed so.
    func readRedistributorByte(_ offset: UInt64) -> UInt8 {
        guard let (cpu, index) = priorityPosition(offset) else { return 0 }
        return processors[cpu].bank.priorities[index]
    }

    /// Stores a byte of the redistributors: only the priorities can be accessed so.
    mutating func writeRedistributorByte(_ offset: UInt64, _ value: UInt8) {
        guard let (cpu, index) = priorityPosition(offset) else { return }
        changePrivateInterrupts(of: cpu) { $0.setPriority(value, of: index) }
    }

    /// GICR_TYPER: no LPIs, 16 PPIs, one affinity each.
    private func type(of cpu: Int) -> UInt64 {
        UInt64(topology.affinities[cpu].packed) << GICR.TYPERField.affinityShift
            | UInt64(cpu) << GICR.TYPERField.processorNumberShift
            | (cpu == processors.count - 1 ? GICR.TYPERField.last : 0)
    }

    private func split(_ offset: UInt64) -> (cpu: Int, register: UInt64)? {
        guard offset < UInt64(processors.count) * GICR.frameSize else { return nil }
        return (Int(offset / GICR.frameSize), offset % GICR.frameSize)
    }

    private func priorityPosition(_ offset: UInt64) -> (cpu: Int, index: Int)? {
        guard let (cpu, register) = split(offset), register >= GICR.sgiBase + BankRegister.priorities.lowerBound
        else { return nil }
        let index = register - GICR.sgiBase - BankRegister.priorities.lowerBound
        return index < UInt64(GICGeometry.bankSize) ? (cpu, Int(index)) : nil
    }
}
