// The distributor's registers. IHI 0069, "The GIC Distributor register descriptions".
//
// With affinity routing, the registers of INTIDs 0 to 31 are in the redistributors; here they, GICD_ITARGETSR<n>,
// GICD_SGIR and the SGI pending registers read as zero and ignore writes. So do, with one Security state,
// GICD_IGRPMODR<n> and GICD_NSACR<n>. Every change takes effect at once, so GICD_CTLR.RWP is always 0.

extension GICState {
    /// A word of the distributor, at word-aligned `offset`.
    func readDistributor(_ offset: UInt64) -> UInt32 {
        switch offset {
        case GICD.CTLR: return control | GICD.CTLRField.readAsOne
        case GICD.TYPER: return GICD.TYPERField.value
        case GICD.IIDR: return GICIdentification.implementer
        default: break
        }
        if let spi = routerIndex(offset) {
            return UInt32(truncatingIfNeeded: routers[spi] >> routerShift(offset))
        }
        if let (register, bank) = BankRegister.decode(offset), let spiBank = spiBank(bank) {
            return spis[spiBank].read(register)
        }
        return GICIdentification.read(offset) ?? 0
    }

    /// Stores a word at word-aligned `offset` of the distributor.
    mutating func writeDistributor(_ offset: UInt64, _ value: UInt32) {
        if offset == GICD.CTLR {
            control = value & GICD.CTLRField.writable
            updateAll()
        } else if let spi = routerIndex(offset) {
            let shift = routerShift(offset)
            setRouter(routers[spi] & ~(0xFFFF_FFFF << shift) | UInt64(value) << shift, of: spi)
        } else if let (register, bank) = BankRegister.decode(offset), let spiBank = spiBank(bank) {
            changeSPIs(in: spiBank) { $0.write(register, value) }
        }
    }

    /// A byte of the distributor: only the priorities can be accessed so.
    func readDistributorByte(_ offset: UInt64) -> UInt8 {
        guard let (bank, index) = priorityPosition(offset) else { return 0 }
        return spis[bank].priorities[index]
    }

    /// Stores a byte of the distributor: only the priorities can be accessed so.
    mutating func writeDistributorByte(_ offset: UInt64, _ value: UInt8) {
        guard let (bank, index) = priorityPosition(offset) else { return }
        changeSPIs(in: bank) { $0.setPriority(value, of: index) }
    }

    private func spiBank(_ bank: Int) -> Int? {
        (1..<GICGeometry.bankCount).contains(bank) ? bank - 1 : nil
    }

    private func priorityPosition(_ offset: UInt64) -> (bank: Int, index: Int)? {
        guard BankRegister.priorities.contains(offset) else { return nil }
        let intid = Int(offset - BankRegister.priorities.lowerBound)
        guard let bank = spiBank(intid / GICGeometry.bankSize) else { return nil }
        return (bank, intid % GICGeometry.bankSize)
    }

    /// The SPI whose GICD_IROUTER<n> is at `offset`.
    private func routerIndex(_ offset: UInt64) -> Int? {
        guard offset >= GICD.IROUTER else { return nil }
        let intid = (offset - GICD.IROUTER) / 8
        guard (UInt64(GICGeometry.firstSPI)..<UInt64(GICGeometry.interruptCount)).contains(intid) else { return nil }
        return Int(intid) - GICGeometry.firstSPI
    }

    /// Where the word at `offset` lies in its 64-bit register.
    private func routerShift(_ offset: UInt64) -> UInt64 {
        offset % 8 * 8
    }
}
