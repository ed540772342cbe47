// Loads and stores of a sequence: their registers are set up so that they mean something.

import Arm64

extension SequenceBuilder {
    /// Adds a load, store or cache-maintenance instruction.
    mutating func addAccess(_ word: UInt32, row: Int, operand: MemoryOperand) {
        if operand.offset == .literal {
            let target = OracleLayout.data + UInt64(random.below(OracleRecord.dataByteCount - 16)) & ~3
            draw(BranchForm.aimed(word, wordsAhead: Int(Int64(target) - Int64(pc)) / 4), row: row)
        } else if ExclusiveForm(word) != nil {
            addExclusive(word, row: row, operand: operand)
        } else {
            var address = target(of: operand)
            if operand.alignment > 1, !operand.isOnlyOrdered, random.oneIn(32) { address |= 1 }
            aim(operand, of: word, at: address)
            draw(word, row: row)
        }
    }

    /// The highest choice of `target`.
    private static var inDataPages: Int { 63 }

    /// Where an access goes: mostly to the data pages, sometimes to where all of it faults.
    ///
    /// See `Exclusion.restrictions` for what is left out and why.
    private mutating func target(of operand: MemoryOperand) -> UInt64 {
        let page = OracleLayout.pageByteCount
        let byteCount = operand.byteCount
        if mayFaultInPart, operand.alignment == 1, byteCount > 1, random.oneIn(24) {
            let edges = [OracleLayout.data, OracleLayout.readOnly, OracleLayout.readOnly + page]
            return edges[random.below(edges.count)] - 1 - random.next() % (byteCount - 1)
        }
        switch operand.isMaintenance ? Self.inDataPages : random.below(Self.inDataPages + 1) {
        case 0: return place(operand, in: OracleLayout.data - page, page)
        case 1: return place(operand, in: OracleLayout.readOnly + page, page)
        case 2...4: return place(operand, in: OracleLayout.readOnly, page)
        case 5:
            // The ends of the two ranges of addresses, and outside both.
            let far: [UInt64] = [
                0x0000_7FFF_FFFF_F000, 0xFFFF_8000_0000_0000, 0xFFFF_FFFF_FFFF_0000, 0x0010_0000_0000_0000,
            ]
            return far[random.below(far.count)] | random.next() & 0xFC0
        case 6...13 where operand.alignment == 1 && byteCount > 1:
            // Across the boundary of the two pages.
            return OracleLayout.data + page - 1 - random.next() % (byteCount - 1)
        default: return placeInDataPages(operand)
        }
    }

    private mutating func placeInDataPages(_ operand: MemoryOperand) -> UInt64 {
        place(operand, in: OracleLayout.data, OracleLayout.readOnly - OracleLayout.data)
    }

    /// A random address with all of the access in the `length` bytes from `base`.
    private mutating func place(_ operand: MemoryOperand, in base: UInt64, _ length: UInt64) -> UInt64 {
        let address = base + random.next() % (length - operand.byteCount + 1)
        if operand.alignment > 1 { return address & ~(operand.alignment - 1) }
        return random.oneIn(2) ? address & ~7 : address
    }

    /// Sets up the registers of `operand` so that it means `address`.
    private mutating func aim(_ operand: MemoryOperand, of word: UInt32, at address: UInt64) {
        var base = address
        switch operand.offset {
        case .literal: return
        case .immediate(let offset): base &-= UInt64(bitPattern: offset)
        case .register(let index, let option, let shift):
            guard index != 31 else { break }
            guard index != operand.base else {
                // One register as both: x + (x << shift) is to be near the address.
                return set(index, to: (OracleLayout.data + random.next() & 0xFFF) / (1 + 1 << UInt64(shift)))
            }
            let small = random.next() & 0xFFF
            let value = [small, 0 &- small, (0 &- small) & 0xFFFF_FFFF, small | 0xABCD << 32][random.below(4)]
            set(index, to: value)
            base &-= Self.extended(value, option: option) << UInt64(shift)
        }
        // TCR_EL1.TBI0 is set under Linux: bits 63:56 are a tag.
        if random.oneIn(32) { base = base & ~(0xFF << 56) | random.next() << 56 }
        setBase(operand.base, to: base, of: word)
    }

    /// Puts `value` into base register `base`, where 31 is SP, changing no other register of `word`.
    private mutating func setBase(_ base: UInt8, to value: UInt64, of word: UInt32) {
        guard base == 31 else { return set(base, to: value) }
        let through = register(otherThan: word.rd, word.ra, word.rm)
        set(through, to: value)
        let addSPImmediate: UInt32 = 0x9100_001F
        append(addSPImmediate | UInt32(through) << 5)
    }

    /// ExtendReg of DDI 0487 for the options that an address may have; others are unallocated.
    private static func extended(_ value: UInt64, option: UInt32) -> UInt64 {
        switch option {
        case 0b010: value & 0xFFFF_FFFF
        case 0b110: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
        default: value
        }
    }

    // MARK: Exclusives

    /// Adds a load exclusive, or a store exclusive after the load of the same address and size that it needs, with
    /// nothing in between that could make its success a matter of the implementation.
    private mutating func addExclusive(_ word: UInt32, row: Int, operand: MemoryOperand) {
        var address = target(of: operand)
        if random.oneIn(32) { address |= 1 }
        let isLoad = ExclusiveForm(word) == .load
        guard !isLoad else {
            aim(operand, of: word, at: address)
            draw(word, row: row)
            return
        }
        if random.oneIn(5) {
            // Without the load it fails.
            address = placeInDataPages(operand)
            append(ExclusiveForm.clrex)
        } else {
            let load = ExclusiveForm.load(before: word, to: register(otherThan: word.rn, word.ra))
            aim(operand, of: load, at: address)
            append(load)
        }
        aim(operand, of: word, at: address)
        draw(word, row: row)
    }
}

/// Load exclusive and store exclusive: DDI 0487, C4.1.96.
enum ExclusiveForm {
    case load
    case store

    static let clrex: UInt32 = 0xD503_3F5F
    private static let isLoad: UInt32 = 1 << 22
    private static let isPair: UInt32 = 21

    init?(_ word: UInt32) {
        let isExclusive = word & 0x3F80_0000 == 0x0800_0000
        // Without bit 31, bit 21 is compare and swap pair.
        guard isExclusive, word.bit(31) || !word.bit(Self.isPair) else { return nil }
        self = word & Self.isLoad != 0 ? .load : .store
    }

    /// The load that arms the monitor for `store`, to `register`.
    static func load(before store: UInt32, to register: UInt8) -> UInt32 {
        let statusField: UInt32 = 31 << 16
        return (store | isLoad | statusField) & ~31 | UInt32(register)
    }
}
