// Loads and stores of the interpreter: what it asks the software TLB on its hot path, and those that are rarer.

import Arm64
import Hypervisor

extension EmulatedCPU {
    // MARK: The hot path: an entry of the software TLB that answers

    /// Host address of an aligned access of T at `address` if the software TLB allows it, else nil.
    @inline(__always)
    static func hit<T>(
        _ state: CPUState, _ address: UInt64, tag: Int, as type: T.Type
    ) -> UnsafeMutableRawPointer? {
        let entry = state.dataEntry(of: address)
        let wanted = address & (TLBGeometry.pageMask | UInt64(MemoryLayout<T>.size - 1))
        guard _fastPath(entry.load(fromByteOffset: tag, as: UInt64.self) == wanted) else { return nil }
        return UnsafeMutableRawPointer(
            bitPattern: UInt(truncatingIfNeeded: address &+ entry.load(fromByteOffset: 16, as: UInt64.self)))
    }

    /// The same for two adjacent T, which must be aligned each and on one page.
    @inline(__always)
    static func hitPair<T>(
        _ state: CPUState, _ address: UInt64, tag: Int, as type: T.Type
    ) -> UnsafeMutableRawPointer? {
        let size = UInt64(MemoryLayout<T>.size)
        let entry = state.dataEntry(of: address)
        let wanted = (address &+ size) & (TLBGeometry.pageMask | (size - 1))
        guard _fastPath(entry.load(fromByteOffset: tag, as: UInt64.self) == wanted) else { return nil }
        return UnsafeMutableRawPointer(
            bitPattern: UInt(truncatingIfNeeded: address &+ entry.load(fromByteOffset: 16, as: UInt64.self)))
    }

    // MARK: The rest

    func loadPairSlow32(_ address: UInt64, privilege: AccessPrivilege) -> (UInt32, UInt32)? {
        var value: UInt64 = 0
        let succeeded = withUnsafeMutableBytes(of: &value) {
            transfer(address, $0, isWrite: false, alignment: 4, privilege: privilege)
        }
        return succeeded ? (UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32)) : nil
    }

    func storePairSlow32(_ address: UInt64, _ first: UInt32, _ second: UInt32, privilege: AccessPrivilege) -> Bool {
        var value = UInt64(first) | UInt64(second) << 32
        return withUnsafeMutableBytes(of: &value) {
            transfer(address, $0, isWrite: true, alignment: 4, privilege: privilege)
        }
    }

    /// LDR of B, H, S or D.
    func loadVectorPart(_ op: Operation, _ address: UInt64, privilege: AccessPrivilege) -> Bool {
        guard let value = loadSlow(address, size: 1 << Int(op.sub), privilege: privilege) else { return false }
        state.setD(op.d, value)
        return true
    }

    /// LDP and LDNP of S, D or Q. Nothing is written unless both accesses succeed.
    func loadVectorPair(_ op: Operation, _ address: UInt64, privilege: AccessPrivilege) -> Bool {
        if op.sub == 4 {
            guard let first = loadSlow16(address, alignment: 16, privilege: privilege),
                let second = loadSlow16(address &+ 16, alignment: 16, privilege: privilege)
            else { return false }
            state.setQ(op.d, first)
            state.setQ(op.m, second)
            return true
        }
        let size = 1 << Int(op.sub)
        guard let first = loadSlow(address, size: size, privilege: privilege),
            let second = loadSlow(address &+ UInt64(size), size: size, privilege: privilege)
        else { return false }
        state.setD(op.d, first)
        state.setD(op.m, second)
        return true
    }

    func storeVectorPair(_ op: Operation, _ address: UInt64, privilege: AccessPrivilege) -> Bool {
        if op.sub == 4 {
            return storeSlow16(address, alignment: 16, value: state.q(op.d), privilege: privilege)
                && storeSlow16(address &+ 16, alignment: 16, value: state.q(op.m), privilege: privilege)
        }
        let size = 1 << Int(op.sub)
        return storeSlow(address, size: size, value: state.d(op.d), privilege: privilege)
            && storeSlow(address &+ UInt64(size), size: size, value: state.d(op.m), privilege: privilege)
    }

    func loadElement(_ op: Operation, _ address: UInt64, privilege: AccessPrivilege) -> Bool {
        guard let value = loadSlow(address, size: 1 << Int(op.sub), privilege: privilege) else { return false }
        // Safe: lowering makes element numbers that are inside the 16 bytes.
        let element = state.v(op.d) + Int(op.a) << Int(op.sub)
        switch op.sub {
        case 0: element.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
        case 1: element.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
        case 2: element.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
        default: element.storeBytes(of: value, as: UInt64.self)
        }
        return true
    }

    func storeElement(_ op: Operation, _ address: UInt64, privilege: AccessPrivilege) -> Bool {
        // Safe: as above.
        let element = state.v(op.d) + Int(op.a) << Int(op.sub)
        let value: UInt64 =
            switch op.sub {
            case 0: UInt64(element.load(as: UInt8.self))
            case 1: UInt64(element.load(as: UInt16.self))
            case 2: UInt64(element.load(as: UInt32.self))
            default: element.load(as: UInt64.self)
            }
        return storeSlow(address, size: 1 << Int(op.sub), value: value, privilege: privilege)
    }

    /// LD1R and the like.
    func loadReplicate(_ op: Operation, _ address: UInt64, privilege: AccessPrivilege) -> Bool {
        guard var value = loadSlow(address, size: 1 << Int(op.sub), privilege: privilege) else { return false }
        if op.sub == 0 { value |= value << 8 }
        if op.sub <= 1 { value |= value << 16 }
        if op.sub <= 2 { value |= value << 32 }
        state.setQ(op.d, SIMD2(value, op.shape.isQ ? value : 0))
        return true
    }

    /// LDTR and STTR at EL1: `sub` is size | opc << 2 of the encoding.
    func unprivileged(_ op: Operation, _ address: UInt64) -> Bool {
        let sizeLog2 = op.sub & 3
        let size = 1 << Int(sizeLog2)
        let opc = op.sub >> 2
        if opc == 0 {
            return storeSlow(address, size: size, value: state.x[Int(op.d)], privilege: unprivilegedPrivilege)
        }
        guard let value = loadSlow(address, size: size, privilege: unprivilegedPrivilege) else { return false }
        let extended: UInt64
        if opc == 1 {
            extended = value
        } else {
            let unused = Int64(64 - size * 8)
            let signed = UInt64(bitPattern: Int64(bitPattern: value << UInt64(unused)) >> unused)
            extended = opc == 2 ? signed : signed & 0xFFFF_FFFF
        }
        state.x[Int(op.d)] = extended
        return true
    }

    /// Whether a DSB has something to wait for.
    @inline(__always)
    var mustCompleteBarrier: Bool { hasUncompletedInvalidation || postedRequests != completedRequests }

    /// DSB: what other CPUs asked for is done here, and what was asked of them there. Between blocks only.
    func completeBarrier() {
        if postedRequests != completedRequests {
            serviceRequests()
        }
        if hasUncompletedInvalidation {
            hasUncompletedInvalidation = false
            if !isAlone { vm.waitForRequests(from: self) }
        }
        // Servicing took the flag down, which may stand for more than the mailbox.
        raiseRequest()
    }

    func writeDAIF(_ op: Operation) {
        let system = state.system
        // MSR (immediate) has D, A, I and F in the low bits; PSTATE has them from bit 6.
        let bits = UInt64(op.sub) << 6
        switch op.code {
        case .setDAIF: system.pointee.pstate |= bits
        case .clearDAIF: system.pointee.pstate &= ~bits
        default:
            system.pointee.pstate = system.pointee.pstate & ~PSTATE.daif | state.x[Int(op.n)] & PSTATE.daif
        }
    }
}
