// Loads and stores that the software TLB does not answer at once.
//
// Responsible for: filling the TLB, unaligned accesses, devices, pages that hold code, and the syndromes of what fails.
// Not responsible for the fast path, which is part of the interpreter. A method that fails says so in its result and
// leaves the exception to take in `pendingSyndrome` and `pendingFaultAddress`.

import Arm64
import Hypervisor

/// Where the bytes of an access are.
enum Location {
    /// In RAM, or for a read in ROM, at this host address.
    case memory(UnsafeMutableRawPointer)
    /// At a guest physical address that is a device's, or nobody's.
    case device(PhysicalAddress)
}

extension EmulatedCPU {
    /// What ordinary accesses are checked as now.
    var accessPrivilege: AccessPrivilege {
        let pstate = state.system.pointee.pstate
        guard pstate & PSTATE.modeMask != PSTATE.Mode.el0t.rawValue else { return .el0 }
        return pstate & PSTATE.pan != 0 ? .el1 : .el1WithoutPAN
    }

    /// What LDTR and STTR are checked as now: EL0's accesses, unless PSTATE.UAO is set.
    var unprivilegedPrivilege: AccessPrivilege {
        state.system.pointee.pstate & PSTATE.uao == 0 ? .el0 : accessPrivilege
    }

    var isEL0: Bool { state.system.pointee.pstate & PSTATE.modeMask == PSTATE.Mode.el0t.rawValue }

    /// Records a data abort and returns nil, for the caller to return.
    func fail<T>(_ status: FaultStatus, at address: UInt64, isWrite: Bool, isCacheMaintenance: Bool = false) -> T? {
        pendingSyndrome = .dataAbort(
            status, fromEL0: isEL0, isWrite: isWrite, isCacheMaintenance: isCacheMaintenance)
        pendingFaultAddress = address
        return nil
    }

    /// Records a data abort and returns false, for the caller to return.
    func refuse(_ status: FaultStatus, at address: UInt64, isWrite: Bool) -> Bool {
        fail(status, at: address, isWrite: isWrite) ?? false
    }

    /// `address` without its tag, where tags are ignored.
    func withoutTag(_ address: UInt64) -> UInt64 {
        guard regime.half(of: address).ignoresTopByte else { return address }
        return UInt64(bitPattern: Int64(bitPattern: address << 8) >> 8)
    }

    // MARK: Locating

    /// Finds the byte at `address`, which the caller knows not to cross a page with its access; nil if it faults.
    func locate(_ tagged: UInt64, isWrite: Bool, privilege: AccessPrivilege) -> Location? {
        let address = withoutTag(tagged)
        let page = address & TLBGeometry.pageMask
        let context = context
        let entry = context.entry(privilege, address)
        if (isWrite ? entry.writeTag : entry.readTag) == page {
            // Safe: an entry that is there was made for a page of memory.
            if let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address &+ entry.addend)) {
                return .memory(pointer)
            }
        }
        if context.restoreVictim(entry, privilege, page: page, isWrite: isWrite),
            let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address &+ entry.addend))
        {
            return .memory(pointer)
        }
        let access = TranslationAccess(isWrite ? .write : .read, privileged: privilege != .el0)
        var walkMemory = WalkMemory(memory: memory)
        switch regime.translate(address, for: access, pan: privilege == .el1, memory: &walkMemory) {
        case .failure(let fault):
            return fail(fault.status, at: tagged, isWrite: isWrite)
        case .success(let translation):
            let physical = translation.physicalAddress
            guard let pointer = memory.pointer(at: physical & TLBGeometry.pageMask, count: 1 << 12) else {
                guard !isWrite, let pointer = fillFromROM(entry, page: page, translation, privilege: privilege) else {
                    return .device(physical)
                }
                return .memory(pointer + Int(address & ~TLBGeometry.pageMask))
            }
            fill(entry, in: context, page: page, translation, host: pointer, isWrite: isWrite, privilege: privilege)
            return .memory(pointer + Int(address & ~TLBGeometry.pageMask))
        }
    }

    /// Fills an entry that answers for reads of ROM, if that is memory now; where the page is in the host.
    @inline(never)
    private func fillFromROM(
        _ entry: TLBEntry, page: UInt64, _ translation: Translation, privilege: AccessPrivilege
    ) -> UnsafeMutableRawPointer? {
        let physicalPage = translation.physicalAddress & TLBGeometry.pageMask
        guard let contents = memory.contents(at: physicalPage, count: 1 << 12) else { return nil }
        // Safe: the entry has no tag for writes.
        let pointer = UnsafeMutableRawPointer(mutating: contents)
        fill(
            entry, in: context, page: page, translation, host: pointer, isWrite: false, isROM: true,
            privilege: privilege)
        context.holdsROM = true
        return pointer
    }

    private func fill(
        _ entry: TLBEntry, in context: TranslationContext, page: UInt64, _ translation: Translation,
        host: UnsafeMutableRawPointer, isWrite: Bool, isROM: Bool = false, privilege: AccessPrivilege
    ) {
        let physicalPage = translation.physicalAddress & TLBGeometry.pageMask
        let isEL1 = privilege != .el0
        let pan = privilege == .el1
        let mayRead = translation.permissions.allows(TranslationAccess(.read, privileged: isEL1), pan: pan)
        var mayWrite =
            !isROM && !translation.isClean
            && translation.permissions.allows(TranslationAccess(.write, privileged: isEL1), pan: pan)
        if mayWrite {
            let watch = codeCache.watch[physicalPage]
            if isWrite {
                // From here on writes are not noticed, so blocks of this page must go first. Setting the bit before
                // looking is what a CPU that makes blocks meanwhile relies on.
                while watch.bitwiseOr(WatchByte.mayBeWritten) & WatchByte.hasBlocks != 0 {
                    vm.invalidateCode(at: physicalPage)
                }
            } else if watch.value & WatchByte.hasBlocks != 0 {
                mayWrite = false
            } else if watch.bitwiseOr(WatchByte.mayBeWritten) & WatchByte.hasBlocks != 0 {
                mayWrite = false
            }
        }
        let isDevice = translation.memoryType.isDevice
        let checksAlignment = regime.sctlr & SCTLR.a != 0
        let allowsUnaligned = !isDevice && !checksAlignment
        if entry.isValid && entry.virtualPage != page { context.keepVictim(entry, privilege) }
        entry.addend = UInt64(UInt(bitPattern: host)) &- page
        entry.info =
            physicalPage | UInt64(translation.sizeShift)
            | (allowsUnaligned ? TLBEntry.Info.allowsUnaligned : 0) | (isDevice ? TLBEntry.Info.isDevice : 0)
        // An entry that hits allows unaligned accesses inside its page, which saves translated code a test.
        let isWatched = debugger.hasWatchpoints && debugger.watches(page: page)
        entry.readTag = mayRead && allowsUnaligned && !isWatched ? page : TLBEntry.invalidTag
        entry.writeTag = mayWrite && allowsUnaligned && !isWatched ? page : TLBEntry.invalidTag
        // The contiguous hint is not taken: each page of such a range has entries of its own, as the architecture
        // allows.
        context.noteFilled(privilege, page)
        context.noteSize(translation.sizeShift, at: page)
    }

    // MARK: Whole accesses

    /// Whether an access that is not naturally aligned is allowed at `address`, whose entry was just filled.
    private func allowsUnaligned(_ address: UInt64, privilege: AccessPrivilege) -> Bool {
        context.entry(privilege, withoutTag(address)).info & TLBEntry.Info.allowsUnaligned != 0
    }

    /// The host address of `size` bytes at `address`, aligned or not, if the software TLB holds a page of normal memory
    /// that allows it: what the interpreter's test for aligned accesses leaves over most often.
    @inline(__always)
    private func unalignedHit(
        _ address: UInt64, size: Int, tag: Int, privilege: AccessPrivilege
    ) -> UnsafeMutableRawPointer? {
        let entry = context.entry(privilege, address)
        let page = (address &+ UInt64(size - 1)) & TLBGeometry.pageMask
        guard entry.base.load(fromByteOffset: tag, as: UInt64.self) == page,
            entry.info & TLBEntry.Info.allowsUnaligned != 0
        else { return nil }
        // Safe: the entry is for a page of memory, and the whole access is on it.
        return UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: address &+ entry.addend))
    }

    /// Loads `size` bytes (1, 2, 4, 8), zero-extended; nil if that faults.
    @inline(never)
    func loadSlow(_ address: UInt64, size: Int, privilege: AccessPrivilege) -> UInt64? {
        if let host = unalignedHit(address, size: size, tag: TLBEntry.Offset.readTag, privilege: privilege) {
            switch size {
            case 1: return UInt64(host.load(as: UInt8.self))
            case 2: return UInt64(host.loadUnaligned(as: UInt16.self))
            case 4: return UInt64(host.loadUnaligned(as: UInt32.self))
            default: return host.loadUnaligned(as: UInt64.self)
            }
        }
        var value: UInt64 = 0
        let succeeded = withUnsafeMutableBytes(of: &value) {
            transfer(
                address, UnsafeMutableRawBufferPointer(rebasing: $0[..<size]), isWrite: false, alignment: size,
                privilege: privilege)
        }
        return succeeded ? UInt64(littleEndian: value) : nil
    }

    /// Stores the low `size` bytes (1, 2, 4, 8) of `value`; false if that faults.
    @inline(never)
    func storeSlow(_ address: UInt64, size: Int, value: UInt64, privilege: AccessPrivilege) -> Bool {
        if let host = unalignedHit(address, size: size, tag: TLBEntry.Offset.writeTag, privilege: privilege) {
            switch size {
            case 1: host.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
            case 2: host.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
            case 4: host.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
            default: host.storeBytes(of: value, as: UInt64.self)
            }
            return true
        }
        var value = value.littleEndian
        return withUnsafeMutableBytes(of: &value) {
            transfer(
                address, UnsafeMutableRawBufferPointer(rebasing: $0[..<size]), isWrite: true, alignment: size,
                privilege: privilege)
        }
    }

    /// Loads 16 bytes; nil if that faults. `alignment` is what device memory requires.
    @inline(never)
    func loadSlow16(_ address: UInt64, alignment: Int, privilege: AccessPrivilege) -> SIMD2<UInt64>? {
        if let host = unalignedHit(address, size: 16, tag: TLBEntry.Offset.readTag, privilege: privilege) {
            return host.loadUnaligned(as: SIMD2<UInt64>.self)
        }
        var value = SIMD2<UInt64>(0, 0)
        let succeeded = withUnsafeMutableBytes(of: &value) {
            transfer(address, $0, isWrite: false, alignment: alignment, privilege: privilege)
        }
        return succeeded ? value : nil
    }

    /// Stores 16 bytes; false if that faults.
    @inline(never)
    func storeSlow16(_ address: UInt64, alignment: Int, value: SIMD2<UInt64>, privilege: AccessPrivilege) -> Bool {
        if let host = unalignedHit(address, size: 16, tag: TLBEntry.Offset.writeTag, privilege: privilege) {
            host.storeBytes(of: value, as: SIMD2<UInt64>.self)
            return true
        }
        var value = value
        return withUnsafeMutableBytes(of: &value) {
            transfer(address, $0, isWrite: true, alignment: alignment, privilege: privilege)
        }
    }

    /// Moves all of `buffer` to or from `address`; false if that faults, with nothing stored.
    func transfer(
        _ address: UInt64, _ buffer: UnsafeMutableRawBufferPointer, isWrite: Bool, alignment: Int,
        privilege: AccessPrivilege
    ) -> Bool {
        let count = buffer.count
        let isAligned = address & UInt64(alignment - 1) == 0
        if !isAligned && regime.sctlr & SCTLR.a != 0 {
            return refuse(.alignment, at: address, isWrite: isWrite)
        }
        let inPage = Int(0x1000 - (address & 0xFFF))
        guard let first = locate(address, isWrite: isWrite, privilege: privilege) else { return false }
        if count > inPage {
            return transferAcrossPages(
                address, buffer, firstCount: inPage, first, isWrite: isWrite, isAligned: isAligned,
                privilege: privilege)
        }
        switch first {
        case .memory(let pointer):
            if !isAligned && !allowsUnaligned(address, privilege: privilege) {
                return refuse(.alignment, at: address, isWrite: isWrite)
            }
            if stopsForAccess(address, size: count, isRead: !isWrite, isWrite: isWrite) { return false }
            copy(pointer, buffer, isWrite: isWrite)
            return true
        case .device(let physical):
            if !isAligned {
                return refuse(.alignment, at: address, isWrite: isWrite)
            }
            if stopsForAccess(address, size: count, isRead: !isWrite, isWrite: isWrite) { return false }
            return transferDevice(physical, address, buffer, isWrite: isWrite)
        }
    }

    /// Copies so that an access that has a size of the host's is one access of the host's.
    private func copy(_ pointer: UnsafeMutableRawPointer, _ buffer: UnsafeMutableRawBufferPointer, isWrite: Bool) {
        guard let base = buffer.baseAddress else { return }
        let source = isWrite ? base : pointer
        let destination = isWrite ? pointer : base
        switch buffer.count {
        case 1: destination.storeBytes(of: source.load(as: UInt8.self), as: UInt8.self)
        case 2: destination.storeBytes(of: source.loadUnaligned(as: UInt16.self), as: UInt16.self)
        case 4: destination.storeBytes(of: source.loadUnaligned(as: UInt32.self), as: UInt32.self)
        case 8: destination.storeBytes(of: source.loadUnaligned(as: UInt64.self), as: UInt64.self)
        default: destination.copyMemory(from: source, byteCount: buffer.count)
        }
    }

    private func transferAcrossPages(
        _ address: UInt64, _ buffer: UnsafeMutableRawBufferPointer, firstCount: Int, _ first: Location, isWrite: Bool,
        isAligned: Bool, privilege: AccessPrivilege
    ) -> Bool {
        let secondAddress = address &+ UInt64(firstCount)
        guard let second = locate(secondAddress, isWrite: isWrite, privilege: privilege) else { return false }
        /// Whether a part may be unaligned; it must be normal memory.
        func allowsUnaligned(_ location: Location, _ address: UInt64) -> Bool {
            guard case .memory = location else { return false }
            return self.allowsUnaligned(address, privilege: privilege)
        }
        func move(_ location: Location, _ address: UInt64, _ part: UnsafeMutableRawBufferPointer) -> Bool {
            switch location {
            case .memory(let pointer):
                copy(pointer, part, isWrite: isWrite)
                return true
            case .device(let physical):
                // A pair whose halves are on different pages.
                return transferDevice(physical, address, part, isWrite: isWrite)
            }
        }
        if !isAligned {
            guard allowsUnaligned(first, address) else { return refuse(.alignment, at: address, isWrite: isWrite) }
            guard allowsUnaligned(second, secondAddress) else {
                return refuse(.alignment, at: secondAddress, isWrite: isWrite)
            }
        }
        if stopsForAccess(address, size: buffer.count, isRead: !isWrite, isWrite: isWrite) { return false }
        return move(first, address, UnsafeMutableRawBufferPointer(rebasing: buffer[..<firstCount]))
            && move(second, secondAddress, UnsafeMutableRawBufferPointer(rebasing: buffer[firstCount...]))
    }

    /// An access to something that is not memory: in pieces of 8 bytes at most, each of which a device answers.
    private func transferDevice(
        _ physical: PhysicalAddress, _ address: UInt64, _ buffer: UnsafeMutableRawBufferPointer, isWrite: Bool
    ) -> Bool {
        var offset = 0
        while offset < buffer.count {
            let size = min(8, buffer.count - offset)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<offset + size])
            let location = physical &+ UInt64(offset)
            guard let region = bus.region(at: location, size: size) else {
                return refuse(.externalAbort, at: address, isWrite: isWrite)
            }
            let deviceOffset = location - region.range.lowerBound
            if isWrite {
                var value: UInt64 = 0
                withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: part) }
                region.device.write(offset: deviceOffset, size: size, value: UInt64(littleEndian: value), cpu: index)
            } else {
                let value = region.device.read(offset: deviceOffset, size: size, cpu: index).littleEndian
                withUnsafeBytes(of: value) { part.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<size])) }
            }
            offset += size
            completeROMChanges()
        }
        return true
    }
}
