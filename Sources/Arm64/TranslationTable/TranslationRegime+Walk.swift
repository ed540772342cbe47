// The stage 1 translation table walk of the EL1&0 regime.
//
// Responsible for: finding the descriptor of an address, all faults on the way, permissions, and the hardware update of
// access flag and dirty state. Not responsible for: caching translations, alignment (but the memory type is told), and
// deciding when PSTATE.PAN applies. Follows DDI 0487, sections D8.2 (process), D8.4 (permissions), D8.5 (hardware
// updates) and the pseudocode AArch64.S1Translate. It runs at every miss of the back end's TLB: generic over the
// memory, so that the caller's copy is specialised, and without allocation.

extension TranslationRegime {
    /// Translates `address` for `access`.
    ///
    /// Where the architecture leaves a choice: TxSZ beyond 16 to 39 generates a Translation fault at level 0; the
    /// hint bits change nothing; a walk that ends in a Permission fault updates nothing.
    ///
    /// - Parameters:
    ///   - address: The virtual address, tag included.
    ///   - access: What it is translated for.
    ///   - pan: PSTATE.PAN. Pass false for what PAN does not affect: AT S1E1R and AT S1E1W, and cache maintenance
    ///     other than DC ZVA. Instruction fetches and unprivileged accesses are known not to be affected.
    ///   - memory: Where the tables are. Updates are made by compare and exchange; when the descriptor changed
    ///     meanwhile, the whole walk starts again.
    @inlinable
    public func translate<Memory: DescriptorMemory>(
        _ address: UInt64, for access: TranslationAccess, pan: Bool, memory: inout Memory
    ) -> Result<Translation, TranslationFault> {
        let half = half(of: address)
        guard isEnabled else { return identity(address, ignoresTopByte: half.ignoresTopByte) }

        guard !half.isDisabled, !half.isDisabledForEL0 || access.isPrivileged,
            half.inputSize >= Self.minimumInputSize, half.inputSize <= Self.maximumInputSize,
            Self.isCanonical(address, inputSize: half.inputSize, ignoresTopByte: half.ignoresTopByte)
        else { return .failure(TranslationFault(.translation, level: 0)) }

        let outputSize = outputSize
        let start = half.start
        guard start.table &>> outputSize == 0 else { return .failure(TranslationFault(.addressSize, level: 0)) }

        // Each round is one walk; only a descriptor that another observer changed makes another round.
        while true {
            let leaf: Leaf
            switch walk(address, half: half, start: start, outputSize: outputSize, memory: &memory) {
            case .success(let found): leaf = found
            case .failure(let fault): return .failure(fault)
            }
            let level = UInt8(truncatingIfNeeded: leaf.level)

            let hardwareSetsAccessFlag = tcr & TCR.ha != 0
            let accessFlagClear = leaf.descriptor.rawValue & Descriptor.af == 0
            if accessFlagClear, !hardwareSetsAccessFlag {
                return .failure(TranslationFault(.accessFlag, level: level))
            }

            // With dirty state in hardware, DBM makes a read-only descriptor a writable one that is clean.
            let isReadOnly = leaf.descriptor.rawValue & Descriptor.ap2 != 0
            let hardwareManagesDirtyState = tcr & (TCR.ha | TCR.hd) == TCR.ha | TCR.hd
            var isClean = isReadOnly && hardwareManagesDirtyState && leaf.descriptor.rawValue & Descriptor.dbm != 0
            let permissions = permissions(of: leaf, isWritable: !isReadOnly || isClean)
            guard permissions.allows(access, pan: pan) else {
                return .failure(TranslationFault(.permission, level: level))
            }

            var updated = leaf.descriptor.rawValue
            if accessFlagClear { updated |= Descriptor.af }
            if isClean, access.kind == .write, access.setsDirtyState {
                updated &= ~Descriptor.ap2
                isClean = false
            }
            if updated != leaf.descriptor.rawValue {
                let exchanged = memory.compareExchangeDescriptor(
                    at: leaf.descriptorAddress, expected: leaf.descriptor.rawValue, desired: updated)
                guard let exchanged else { return .failure(TranslationFault(.externalAbortOnWalk, level: level)) }
                if !exchanged { continue }
            }

            let offset = address & ((1 &<< leaf.sizeShift) &- 1)
            let isWritable = !permissions.isDisjoint(with: [.unprivilegedWrite, .privilegedWrite])
            return .success(
                Translation(
                    physicalAddress: leaf.descriptor.address(shift: leaf.sizeShift) | offset,
                    sizeShift: UInt8(truncatingIfNeeded: leaf.sizeShift),
                    contiguousShift: UInt8(truncatingIfNeeded: leaf.contiguousShift(half: half)),
                    level: level,
                    isGlobal: !leaf.descriptor.nG,
                    permissions: permissions,
                    isClean: isClean && isWritable,
                    shareability: leaf.descriptor.shareability,
                    attributes: UInt8(truncatingIfNeeded: mair &>> (leaf.descriptor.attributeIndex &* 8))))
        }
    }

    /// TxSZ of 39 and of 16, the limits without FEAT_TTST and FEAT_LVA.
    @inlinable static var minimumInputSize: UInt64 { 25 }
    @inlinable static var maximumInputSize: UInt64 { 48 }

    /// Whether all bits above `inputSize`, but for an ignored top byte, equal bit 55.
    @inlinable
    static func isCanonical(_ address: UInt64, inputSize: UInt64, ignoresTopByte: Bool) -> Bool {
        let signed = Int64(bitPattern: ignoresTopByte ? address << 8 : address) &>> (ignoresTopByte ? 8 : 0)
        return signed &>> Int64(bitPattern: inputSize) == (address >> 55 & 1 == 0 ? 0 : -1)
    }

    /// Stage 1 off: every address is its own translation.
    ///
    /// Data is Device-nGnRnE. Fetches are of Normal memory, which shows nowhere but in how they are made, so that
    /// one translation serves both.
    @inlinable
    func identity(_ address: UInt64, ignoresTopByte: Bool) -> Result<Translation, TranslationFault> {
        let output = ignoresTopByte ? address & ((1 << 56) &- 1) : address
        guard output &>> physicalAddressBits == 0 else { return .failure(TranslationFault(.addressSize, level: 0)) }
        return .success(
            Translation(
                physicalAddress: output, sizeShift: 12, contiguousShift: 12, level: 0, isGlobal: true,
                permissions: .all, isClean: false, shareability: 2, attributes: 0))
    }

    /// The end of a walk: a valid block or page descriptor.
    @usableFromInline
    struct Leaf {
        @usableFromInline var descriptor: Descriptor
        @usableFromInline var descriptorAddress: UInt64
        /// All table descriptors of the walk that restrict it, ORed.
        @usableFromInline var tables: UInt64
        @usableFromInline var level: UInt64
        /// Log2 of the bytes covered.
        @usableFromInline var sizeShift: UInt64

        @inlinable
        init(descriptor: Descriptor, descriptorAddress: UInt64, tables: UInt64, level: UInt64, sizeShift: UInt64) {
            self.descriptor = descriptor
            self.descriptorAddress = descriptorAddress
            self.tables = tables
            self.level = level
            self.sizeShift = sizeShift
        }

        /// Log2 of the range that the contiguous hint speaks of (DDI 0487, D8.7.1): 16 entries with a 4 KiB granule,
        /// 32 blocks or 128 pages with 16 KiB, 32 entries with 64 KiB; no more than there are addresses.
        @inlinable
        func contiguousShift(half: Half) -> UInt64 {
            guard descriptor.isContiguous else { return sizeShift }
            let entriesShift: UInt64 =
                switch half.granuleShift {
                case 12: 4
                case 14: level == 3 ? 7 : 5
                default: 5
                }
            return min(sizeShift &+ entriesShift, half.inputSize)
        }
    }

    /// Follows the tables from `start` to the block or page of `address`.
    @inlinable @inline(__always)
    func walk<Memory: DescriptorMemory>(
        _ address: UInt64, half: Half, start: Half.Start, outputSize: UInt64, memory: inout Memory
    ) -> Result<Leaf, TranslationFault> {
        let input = address & ((1 &<< half.inputSize) &- 1)
        let indexMask: UInt64 = (1 &<< half.stride) &- 1
        var table = start.table
        var tables: UInt64 = 0
        var level = start.level
        var shift = start.shift
        while true {
            let descriptorAddress = table &+ (input &>> shift & indexMask) &* 8
            guard let rawValue = memory.loadDescriptor(at: descriptorAddress) else {
                return .failure(Self.fault(.externalAbortOnWalk, level))
            }
            let descriptor = Descriptor(rawValue)
            let isTable = level < 3 && descriptor.isTableOrPage
            let isLeaf = level == 3 ? descriptor.isTableOrPage : half.allowsBlocks(level: level)
            guard descriptor.isValid, isTable || isLeaf else { return .failure(Self.fault(.translation, level)) }

            let output = descriptor.address(shift: isTable ? half.granuleShift : shift)
            guard output &>> outputSize == 0 else { return .failure(Self.fault(.addressSize, level)) }
            guard isTable else {
                return .success(
                    Leaf(
                        descriptor: descriptor, descriptorAddress: descriptorAddress,
                        tables: half.ignoresTableAttributes ? 0 : tables, level: level, sizeShift: shift))
            }
            table = output
            tables |= rawValue
            level &+= 1
            shift &-= half.stride
        }
    }

    @inlinable
    static func fault(_ kind: TranslationFault.Kind, _ level: UInt64) -> TranslationFault {
        TranslationFault(kind, level: UInt8(truncatingIfNeeded: level))
    }

    /// What `leaf` permits (DDI 0487, D8.4): its own fields, the limits of the tables above, and WXN.
    @inlinable
    func permissions(of leaf: Leaf, isWritable: Bool) -> TranslationPermissions {
        let isWritable = isWritable && leaf.tables & Descriptor.apTable1 == 0
        let isUnprivileged = leaf.descriptor.ap1 && leaf.tables & Descriptor.apTable0 == 0
        let wxn = sctlr & SCTLR.wxn != 0
        let unprivilegedWrite = isUnprivileged && isWritable
        let uxn = leaf.descriptor.uxn || leaf.tables & Descriptor.uxnTable != 0
        let pxn = leaf.descriptor.pxn || leaf.tables & Descriptor.pxnTable != 0

        var permissions: TranslationPermissions = .privilegedRead
        if isWritable { permissions.formUnion(.privilegedWrite) }
        if isUnprivileged { permissions.formUnion(.unprivilegedRead) }
        if unprivilegedWrite { permissions.formUnion(.unprivilegedWrite) }
        // Execution at EL0 does not need AP[1]: memory can be execute-only there.
        if !uxn, !(wxn && unprivilegedWrite) { permissions.formUnion(.unprivilegedExecute) }
        // What EL0 can write, EL1 never executes.
        if !pxn, !(wxn && isWritable), !unprivilegedWrite { permissions.formUnion(.privilegedExecute) }
        return permissions
    }
}

extension TranslationRegime.Half {
    /// Where a walk starts.
    @usableFromInline
    struct Start {
        /// The address of the first table.
        @usableFromInline let table: UInt64
        @usableFromInline let level: UInt64
        /// The lowest address bit that the first table resolves.
        @usableFromInline let shift: UInt64

        @inlinable
        init(table: UInt64, level: UInt64, shift: UInt64) {
            self.table = table
            self.level = level
            self.shift = shift
        }
    }

    /// The lowest level whose table, with all below, resolves `inputSize` bits.
    ///
    /// The first table is smaller than a granule when it resolves fewer bits than a level could; TTBR bits below its
    /// size, CnP among them, are not part of the address.
    @inlinable @inline(__always)
    var start: Start {
        var level: UInt64 = 3
        var shift = granuleShift
        while shift &+ stride < inputSize {
            shift &+= stride
            level &-= 1
        }
        let tableShift = inputSize &- shift &+ 3
        return Start(table: ttbr & Descriptor.addressMask & (UInt64.max &<< tableShift), level: level, shift: shift)
    }

    /// Whether a descriptor at `level`, below 3, may be a block (DDI 0487, D8.3.1.2).
    @inlinable
    func allowsBlocks(level: UInt64) -> Bool {
        level == 2 || granuleShift == 12 && level == 1
    }
}
