// Exclusives, ordered accesses and read-modify-write: DDI 0487, B2.3 and B2.12.
//
// The host's atomics do the work, sequentially consistent. The local monitor holds the address and the value that was
// loaded; the global monitor is the memory itself: a store-exclusive succeeds if the value is still the one that was
// loaded, by compare and exchange. What this cannot see is a location that was changed and changed back in between.

import Arm64
import Hypervisor
import Synchronization

extension EmulatedCPU {
    /// Executes an `Opcode.atomic`; false if it faults.
    @inline(never)
    func atomic(_ operation: Operation) -> Bool {
        guard let opcode = AtomicOpcode(rawValue: operation.sub) else { return false }
        switch operation.shape.size {
        case 0: return atomic(opcode, operation, as: UInt8.self)
        case 1: return atomic(opcode, operation, as: UInt16.self)
        case 2: return atomic(opcode, operation, as: UInt32.self)
        default: return atomic(opcode, operation, as: UInt64.self)
        }
    }

    /// The host address of an atomic access; nil if it faults.
    ///
    /// - Parameters:
    ///   - isWrite: the access is checked and reported as a write.
    ///   - alsoReads: it reads the same place: a fault that a read would take too is then reported as one of a read.
    private func atomicLocation(
        _ address: UInt64, size: Int, isWrite: Bool, alsoReads: Bool = false
    ) -> UnsafeMutableRawPointer? {
        let privilege = privilege
        guard address & UInt64(size - 1) == 0 else {
            return fail(.alignment, at: address, isWrite: isWrite && !alsoReads)
        }
        guard let location = locate(address, isWrite: isWrite, privilege: privilege) else {
            // Records the fault of a read over that of the write, if there is one.
            if alsoReads { _ = locate(address, isWrite: false, privilege: privilege) }
            return nil
        }
        guard case .memory(let pointer) = location else {
            return fail(.unsupportedExclusive, at: address, isWrite: isWrite)
        }
        if stopsForAccess(address, size: size, isRead: !isWrite || alsoReads, isWrite: isWrite) { return nil }
        return pointer
    }

    private func atomic<T: HostAtomicInteger>(
        _ opcode: AtomicOpcode, _ operation: Operation, as type: T.Type
    ) -> Bool {
        let x = state.x
        let address = x[Int(operation.n)]
        let size = MemoryLayout<T>.size
        let d = Int(operation.d)
        let m = Int(operation.m)
        switch opcode {
        case .loadAcquire:
            return loadAcquire(address, d: d, as: type)
        case .storeRelease:
            return storeRelease(address, value: x[d], as: type)
        case .loadExclusive:
            guard let pointer = atomicLocation(address, size: size, isWrite: false) else { return false }
            let value = UInt64(T.load(pointer))
            reserve(pointer, size: size, low: value, high: 0)
            x[d] = value
            return true
        case .loadExclusivePair:
            return loadExclusivePair(operation, address, is64: size == 8)
        case .storeExclusive:
            guard let pointer = atomicLocation(address, size: size, isWrite: true) else { return false }
            let old = T(truncatingIfNeeded: state.system.pointee.exclusiveLow)
            let held =
                holds(pointer, size: size)
                && T.compareExchange(pointer, old, T(truncatingIfNeeded: x[d])) == old
            state.system.pointee.exclusiveAddress = 0
            x[m] = held ? 0 : 1
            return true
        case .storeExclusivePair:
            return storeExclusivePair(operation, address, is64: size == 8)
        case .compareAndSwapPair:
            return compareAndSwapPair(operation, address, is64: size == 8)
        default:
            guard let pointer = atomicLocation(address, size: size, isWrite: true, alsoReads: true) else {
                return false
            }
            let operand = T(truncatingIfNeeded: x[m])
            if opcode == .compareAndSwap {
                x[Int(operation.a)] = UInt64(T.compareExchange(pointer, operand, T(truncatingIfNeeded: x[d])))
            } else {
                x[d] = UInt64(readModifyWrite(opcode, pointer, operand))
            }
            return true
        }
    }

    private func readModifyWrite<T: HostAtomicInteger>(
        _ opcode: AtomicOpcode, _ pointer: UnsafeMutableRawPointer, _ operand: T
    ) -> T {
        switch opcode {
        case .add: return T.add(pointer, operand)
        case .clear: return T.and(pointer, ~operand)
        case .exclusiveOr: return T.xor(pointer, operand)
        case .set: return T.or(pointer, operand)
        case .signedMaximum: return update(pointer) { signed($0) < signed(operand) ? operand : $0 }
        case .signedMinimum: return update(pointer) { signed(operand) < signed($0) ? operand : $0 }
        case .unsignedMaximum: return update(pointer) { max($0, operand) }
        case .unsignedMinimum: return update(pointer) { min($0, operand) }
        default: return T.exchange(pointer, operand)
        }
    }

    private func signed<T: HostAtomicInteger>(_ value: T) -> T.SignedForm {
        T.SignedForm(truncatingIfNeeded: value)
    }

    /// Replaces the value by a function of it; returns the value before.
    private func update<T: HostAtomicInteger>(_ pointer: UnsafeMutableRawPointer, _ new: (T) -> T) -> T {
        var old = T.load(pointer)
        while true {
            let found = T.compareExchange(pointer, old, new(old))
            if found == old { return old }
            old = found
        }
    }

    // MARK: Ordered accesses

    private func loadAcquire<T: HostAtomicInteger>(_ address: UInt64, d: Int, as type: T.Type) -> Bool {
        let size = MemoryLayout<T>.size
        guard address & UInt64(size - 1) == 0 else {
            return refuse(.alignment, at: address, isWrite: false)
        }
        switch locate(address, isWrite: false, privilege: privilege) {
        case nil:
            return false
        case .memory(let pointer):
            if stopsForAccess(address, size: size, isRead: true, isWrite: false) { return false }
            state.x[d] = UInt64(T.load(pointer))
            return true
        case .device:
            guard let value = loadSlow(address, size: size, privilege: privilege) else { return false }
            state.x[d] = value
            return true
        }
    }

    private func storeRelease<T: HostAtomicInteger>(_ address: UInt64, value: UInt64, as type: T.Type) -> Bool {
        let size = MemoryLayout<T>.size
        guard address & UInt64(size - 1) == 0 else {
            return refuse(.alignment, at: address, isWrite: true)
        }
        switch locate(address, isWrite: true, privilege: privilege) {
        case nil:
            return false
        case .memory(let pointer):
            if stopsForAccess(address, size: size, isRead: false, isWrite: true) { return false }
            T.store(T(truncatingIfNeeded: value), pointer)
            return true
        case .device:
            return storeSlow(address, size: size, value: value, privilege: privilege)
        }
    }

    // MARK: The local monitor

    private func reserve(_ pointer: UnsafeMutableRawPointer, size: Int, low: UInt64, high: UInt64) {
        state.system.pointee.exclusiveAddress = UInt64(UInt(bitPattern: pointer))
        state.system.pointee.exclusiveSize = UInt64(size)
        state.system.pointee.exclusiveLow = low
        state.system.pointee.exclusiveHigh = high
    }

    private func holds(_ pointer: UnsafeMutableRawPointer, size: Int) -> Bool {
        state.system.pointee.exclusiveAddress == UInt64(UInt(bitPattern: pointer))
            && state.system.pointee.exclusiveSize == UInt64(size)
    }

    // MARK: Pairs

    private func loadExclusivePair(_ operation: Operation, _ address: UInt64, is64: Bool) -> Bool {
        let x = state.x
        let size = is64 ? 16 : 8
        guard let pointer = atomicLocation(address, size: size, isWrite: false) else { return false }
        if is64 {
            let (low, high) = HostAtomics.loadPair(pointer)
            reserve(pointer, size: size, low: low, high: high)
            x[Int(operation.d)] = low
            x[Int(operation.a)] = high
        } else {
            let value = UInt64.load(pointer)
            reserve(pointer, size: size, low: value, high: 0)
            x[Int(operation.d)] = value & 0xFFFF_FFFF
            x[Int(operation.a)] = value >> 32
        }
        return true
    }

    private func storeExclusivePair(_ operation: Operation, _ address: UInt64, is64: Bool) -> Bool {
        let x = state.x
        let size = is64 ? 16 : 8
        guard let pointer = atomicLocation(address, size: size, isWrite: true) else { return false }
        let low = x[Int(operation.d)]
        let high = x[Int(operation.a)]
        let system = state.system
        var held = holds(pointer, size: size)
        if held && is64 {
            let expected = (system.pointee.exclusiveLow, system.pointee.exclusiveHigh)
            held = HostAtomics.compareExchangePair(pointer, expected: expected, desired: (low, high)) == expected
        } else if held {
            let expected = system.pointee.exclusiveLow
            held = UInt64.compareExchange(pointer, expected, low & 0xFFFF_FFFF | high << 32) == expected
        }
        system.pointee.exclusiveAddress = 0
        x[Int(operation.m)] = held ? 0 : 1
        return true
    }

    /// CASP: Rs and the register after it are compared, Rt and the one after it stored.
    private func compareAndSwapPair(_ operation: Operation, _ address: UInt64, is64: Bool) -> Bool {
        let x = state.x
        let size = is64 ? 16 : 8
        guard let pointer = atomicLocation(address, size: size, isWrite: true, alsoReads: true) else { return false }
        // The pair that begins at 30 ends in XZR.
        let s = Int(operation.m)
        let sHigh = s == 30 ? Int(CPUState.Register.zero) : s + 1
        let t = Int(operation.d)
        let tHigh = t == 30 ? Int(CPUState.Register.zero) : t + 1
        let old: (UInt64, UInt64)
        if is64 {
            old = HostAtomics.compareExchangePair(pointer, expected: (x[s], x[sHigh]), desired: (x[t], x[tHigh]))
        } else {
            let mask: UInt64 = 0xFFFF_FFFF
            let found = UInt64.compareExchange(
                pointer, x[s] & mask | x[sHigh] << 32, x[t] & mask | x[tHigh] << 32)
            old = (found & mask, found >> 32)
        }
        x[s] = old.0
        if s != 30 { x[sHigh] = old.1 }
        return true
    }
}
