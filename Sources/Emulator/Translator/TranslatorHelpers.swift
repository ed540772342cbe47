// What translated code calls: operations that have no translation, and the slow path of the software TLB.
//
// A helper that returns false has changed nothing, and the interpreter does the operation again: it takes the
// exception, talks to the device, or whatever else the operation comes to.

#if arch(x86_64)

import Arm64
import Hypervisor

/// C functions, by address.
enum TranslatorHelpers {
    private typealias Execute = @convention(c) (UnsafeRawPointer, UnsafeRawPointer) -> Bool
    private typealias Fill = @convention(c) (UnsafeRawPointer, UInt64, UInt64) -> Bool

    /// (EmulatedCPU, operation) -> whether it is done.
    static var execute: UInt {
        let function: Execute = { cpu, operation in
            // Safe: the state block holds its CPU, which outlives the run; the code holds addresses of operations.
            Unmanaged<EmulatedCPU>.fromOpaque(cpu)._withUnsafeGuaranteedRef {
                $0.help(operation.assumingMemoryBound(to: Operation.self).pointee)
            }
        }
        return UInt(bitPattern: unsafeBitCast(function, to: Int.self))
    }

    /// (EmulatedCPU, virtual address, `TranslatorFill`) -> whether the entry is there now.
    static var fill: UInt {
        let function: Fill = { cpu, address, kind in
            // Safe: as above.
            Unmanaged<EmulatedCPU>.fromOpaque(cpu)._withUnsafeGuaranteedRef { $0.fillForTranslator(address, kind) }
        }
        return UInt(bitPattern: unsafeBitCast(function, to: Int.self))
    }
}

extension EmulatedCPU {
    /// Makes the software TLB answer for an access, if it is of a kind that it can answer for.
    func fillForTranslator(_ address: UInt64, _ kind: UInt64) -> Bool {
        let size = kind & TranslatorFill.sizeMask
        let isWrite = kind & TranslatorFill.isWrite != 0
        let page = address & TLBGeometry.pageMask
        guard (address &+ size &- 1) & TLBGeometry.pageMask == page else { return false }
        guard kind & TranslatorFill.isAligned == 0 || address & (size - 1) == 0 else { return false }
        let privilege = kind & TranslatorFill.isUnprivileged != 0 ? unprivilegedPrivilege : privilege
        guard locate(address, isWrite: isWrite, privilege: privilege) != nil else { return false }
        let entry = context.entry(privilege, address)
        return (isWrite ? entry.writeTag : entry.readTag) == page
    }

    /// Does an operation on the state in memory.
    func help(_ op: Operation) -> Bool {
        let x = state.x
        switch op.code {
        case .vector:
            VectorExecutor.execute(op, state)
        case .float:
            state.storeHostFlags()
            FloatExecutor.execute(op, state)
            state.loadHostFlags()
        case .half:
            state.storeHostFlags()
            HalfExecutor.execute(op, state)
            state.loadHostFlags()
        case .crypto:
            CryptoExecutor.execute(op, state)
        case .atomic:
            return atomic(op)
        case .loadElement:
            return loadElement(op, x[Int(op.n)] &+ op.immediate, privilege: privilege)
        case .storeElement:
            return storeElement(op, x[Int(op.n)] &+ op.immediate, privilege: privilege)
        case .zeroCacheLine:
            return zeroCacheLine(x[Int(op.n)], rt: op.a) == nil
        case .barrier:
            // A DSB that has something to wait for must not be inside a block.
            return !mustCompleteBarrier
        case .sendEvent:
            sendEvent(toAll: op.sub != 0)
        case .systemInstruction:
            let instruction = SystemInstruction(rawValue: UInt16(truncatingIfNeeded: op.immediate))
            return systemInstruction(instruction, operand: x[Int(op.n)], rt: op.a) == nil
        case .readSystemRegister:
            let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.immediate))
            guard case .done(let value) = readSystemRegister(register, rt: op.a) else { return false }
            x[Int(op.d)] = value
        case .writeSystemRegister:
            let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.immediate))
            state.storeHostFlags()
            guard case .done = writeSystemRegister(register, x[Int(op.n)], rt: op.a) else { return false }
            state.loadHostFlags()
        case .readState32:
            state.storeHostFlags()
            x[Int(op.d)] = UInt64(state.base.load(fromByteOffset: Int(op.immediate), as: UInt32.self))
        default:
            guard let result = integer(op) else { return false }
            x[Int(op.d)] = result
        }
        return true
    }

    /// Integer operations that the host has no short form for; nil for what is none of them.
    private func integer(_ op: Operation) -> UInt64? {
        let n = state.x[Int(op.n)]
        let word = UInt32(truncatingIfNeeded: n)
        let m = state.x[Int(op.m)]
        switch op.code {
        case .clz64: return UInt64(n.leadingZeroBitCount)
        case .clz32: return UInt64(word.leadingZeroBitCount)
        case .cls64: return UInt64((n ^ n &<< 1 | 1).leadingZeroBitCount)
        case .cls32: return UInt64((word ^ word &<< 1 | 1).leadingZeroBitCount)
        case .rbit64: return Self.reverseBits(n)
        case .rbit32: return Self.reverseBits(n) &>> 32
        case .reverseBytesInHalfwords64: return Self.swapBytesOfHalfwords(n)
        case .reverseBytesInHalfwords32: return Self.swapBytesOfHalfwords(n) & 0xFFFF_FFFF
        case .crc32: return CRC32.update(n, m, byteCount: 1 &<< Int(op.sub), .ieee)
        case .crc32c: return CRC32.update(n, m, byteCount: 1 &<< Int(op.sub), .castagnoli)
        default: return nil
        }
    }
}

#endif
