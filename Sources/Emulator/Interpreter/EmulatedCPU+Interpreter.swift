// The interpreter: executes operations one by one.
//
// The hot path is one switch over opcodes, with registers behind one pointer, and a software-TLB lookup for each load
// and store. A block is left by a branch: directly into the block that the branch is linked to, or through the jump
// cache, or through `findBlock`. Requests and the end of a slice are noticed whenever a block is left; no block is
// longer than `BlockBuilder.instructionLimit`.
//
// Safe: operations come from lowering only, so register numbers are below 40 (vectors: 36); blocks outlive their use
// (`CodeCache`); a software-TLB hit is in guest RAM.

import Arm64
import Hypervisor
import Synchronization

extension EmulatedCPU {
    /// Host address of an aligned access of T at `address` if the table allows it, else nil.
    @inline(__always)
    private static func hit<T>(
        _ table: UnsafeMutableRawPointer, _ address: UInt64, tag: Int, as type: T.Type
    ) -> UnsafeMutableRawPointer? {
        let entry = table + Int(truncatingIfNeeded: address >> TLBGeometry.indexShift & TLBGeometry.indexMask)
        let wanted = address & (TLBGeometry.pageMask | UInt64(MemoryLayout<T>.size - 1))
        guard entry.load(fromByteOffset: tag, as: UInt64.self) == wanted else { return nil }
        return UnsafeMutableRawPointer(
            bitPattern: UInt(truncatingIfNeeded: address &+ entry.load(fromByteOffset: 16, as: UInt64.self)))
    }

    /// The same for two adjacent T, which must be aligned each and on one page.
    @inline(__always)
    private static func hitPair<T>(
        _ table: UnsafeMutableRawPointer, _ address: UInt64, tag: Int, as type: T.Type
    ) -> UnsafeMutableRawPointer? {
        let size = UInt64(MemoryLayout<T>.size)
        let entry = table + Int(truncatingIfNeeded: address >> TLBGeometry.indexShift & TLBGeometry.indexMask)
        let wanted = (address &+ size) & (TLBGeometry.pageMask | (size - 1))
        guard entry.load(fromByteOffset: tag, as: UInt64.self) == wanted else { return nil }
        return UnsafeMutableRawPointer(
            bitPattern: UInt(truncatingIfNeeded: address &+ entry.load(fromByteOffset: 16, as: UInt64.self)))
    }

    /// Executes guest code until there is an exit.
    func interpret(budget: Int?) -> Exit {
        let state = self.state
        let x = state.x
        // Safe: the offsets are aligned, and Atomic<UInt32> has the layout of a UInt32.
        let request = (state.base + CPUState.Offset.request).assumingMemoryBound(to: Atomic<UInt32>.self)
        var budgetLeft = budget
        var sliceStart = min(Self.sliceLength, budget ?? Self.sliceLength)
        var slice = sliceStart
        /// The link slot of the branch that was just taken, if its target is on the same page.
        var link: UnsafeMutablePointer<Operation>?

        /// Counts what the slice executed and begins another.
        func endSlice() {
            let executed = sliceStart - slice
            retired &+= UInt64(executed)
            if let left = budgetLeft { budgetLeft = left - executed }
            sliceStart = max(1, min(Self.sliceLength, budgetLeft ?? Self.sliceLength))
            slice = sliceStart
        }

        dispatch: while true {
            if slice <= 0 || request.pointee.load(ordering: .relaxed) != 0 {
                endSlice()
                link = nil
                if let exit = attend(remaining: budgetLeft) { return exit }
            }
            if hasPendingInterrupt && state.system.pointee.pstate & PSTATE.i == 0 {
                link = nil
                takeInterrupt()
            }
            let mode = blockMode
            var pc = state.pc
            let cached = JumpCache.entry(pc, in: context.jumpCache)
            var block: Block
            if cached[0] == pc | mode.rawValue, let base = UnsafeMutableRawPointer(bitPattern: UInt(cached[1])),
                Block(base: base).isValid, state.system.pointee.pstate & PSTATE.il == 0
            {
                block = Block(base: base)
            } else {
                guard let found = findBlock(mode: mode) else {
                    link = nil
                    continue dispatch
                }
                block = found
                pc = state.pc
            }
            if let slot = link {
                slot.pointee.immediate = UInt64(UInt(bitPattern: block.base))
                link = nil
            }
            let privilege = self.privilege
            let table = context.table(privilege)
            var operation = block.operations

            /// Leaves the block for `target` after `count` of its instructions: true if `operation` is the first of
            /// the linked block, else the dispatcher has to look it up.
            @inline(__always)
            func branch(
                to target: UInt64, count: UInt8, _ operation: inout UnsafeMutablePointer<Operation>
            ) -> Bool {
                slice &-= Int(count)
                let linked = operation[1].immediate
                if linked != 0 && slice > 0 && request.pointee.load(ordering: .relaxed) == 0,
                    let base = UnsafeMutableRawPointer(bitPattern: UInt(linked))
                {
                    block = Block(base: base)
                    pc = target
                    operation = block.operations
                    return true
                }
                link = (pc ^ target) >> 12 == 0 ? operation + 1 : nil
                state.pc = target
                return false
            }

            execute: while true {
                let op = operation.pointee
                let n = Int(op.n)
                let m = Int(op.m)
                let d = Int(op.d)
                switch op.code {
                // MARK: Second level
                case .vector:
                    VectorExecutor.execute(op, state)
                case .float:
                    FloatExecutor.execute(op, state)
                case .crypto:
                    CryptoExecutor.execute(op, state)

                // MARK: Moves
                case .moveImmediate: x[d] = op.immediate
                case .move64: x[d] = x[n]
                case .move32: x[d] = x[n] & 0xFFFF_FFFF
                case .insertImmediate64: x[d] = x[d] & ~(0xFFFF &<< UInt64(op.sub)) | op.immediate
                case .insertImmediate32:
                    x[d] = (x[d] & ~(0xFFFF &<< UInt64(op.sub)) | op.immediate) & 0xFFFF_FFFF
                case .addToPC: x[d] = pc &+ op.immediate
                case .addToPageOfPC: x[d] = (pc & TLBGeometry.pageMask) &+ op.immediate

                // MARK: Add and subtract
                case .addImmediate64: x[d] = x[n] &+ op.immediate
                case .addImmediate32: x[d] = (x[n] &+ op.immediate) & 0xFFFF_FFFF
                case .add64: x[d] = x[n] &+ x[m]
                case .add32: x[d] = (x[n] &+ x[m]) & 0xFFFF_FFFF
                case .sub64: x[d] = x[n] &- x[m]
                case .sub32: x[d] = (x[n] &- x[m]) & 0xFFFF_FFFF
                case .addShifted64: x[d] = x[n] &+ (x[m] &<< UInt64(op.a))
                case .subShifted64: x[d] = x[n] &- (x[m] &<< UInt64(op.a))
                case .addsImmediate64: adds64(d, x[n], op.immediate)
                case .addsImmediate32: adds32(d, w(n), UInt32(truncatingIfNeeded: op.immediate))
                case .subsImmediate64: subs64(d, x[n], op.immediate)
                case .subsImmediate32: subs32(d, w(n), UInt32(truncatingIfNeeded: op.immediate))
                case .adds64: adds64(d, x[n], x[m])
                case .adds32: adds32(d, w(n), w(m))
                case .subs64: subs64(d, x[n], x[m])
                case .subs32: subs32(d, w(n), w(m))
                case .adc64: x[d] = Flags.addWithCarry(x[n], x[m], state.nzcv).0
                case .adc32: x[d] = UInt64(Flags.addWithCarry(w(n), w(m), state.nzcv).0)
                case .sbc64: x[d] = Flags.addWithCarry(x[n], ~x[m], state.nzcv).0
                case .sbc32: x[d] = UInt64(Flags.addWithCarry(w(n), ~w(m), state.nzcv).0)
                case .adcs64: adcs64(d, x[n], x[m])
                case .adcs32: adcs32(d, w(n), w(m))
                case .sbcs64: adcs64(d, x[n], ~x[m])
                case .sbcs32: adcs32(d, w(n), ~w(m))
                case .extend: x[d] = Self.extend(x[m], option: op.sub) &<< UInt64(op.a)

                // MARK: Logic
                case .and64: x[d] = x[n] & x[m]
                case .and32: x[d] = x[n] & x[m] & 0xFFFF_FFFF
                case .orr64: x[d] = x[n] | x[m]
                case .orr32: x[d] = (x[n] | x[m]) & 0xFFFF_FFFF
                case .eor64: x[d] = x[n] ^ x[m]
                case .eor32: x[d] = (x[n] ^ x[m]) & 0xFFFF_FFFF
                case .bic64: x[d] = x[n] & ~x[m]
                case .bic32: x[d] = x[n] & ~x[m] & 0xFFFF_FFFF
                case .orn64: x[d] = x[n] | ~x[m]
                case .orn32: x[d] = (x[n] | ~x[m]) & 0xFFFF_FFFF
                case .eon64: x[d] = x[n] ^ ~x[m]
                case .eon32: x[d] = (x[n] ^ ~x[m]) & 0xFFFF_FFFF
                case .ands64: logicFlags64(d, x[n] & x[m])
                case .ands32: logicFlags32(d, w(n) & w(m))
                case .bics64: logicFlags64(d, x[n] & ~x[m])
                case .bics32: logicFlags32(d, w(n) & ~w(m))
                case .andImmediate: x[d] = x[n] & op.immediate
                case .orrImmediate64: x[d] = x[n] | op.immediate
                case .orrImmediate32: x[d] = (x[n] | op.immediate) & 0xFFFF_FFFF
                case .eorImmediate64: x[d] = x[n] ^ op.immediate
                case .eorImmediate32: x[d] = (x[n] ^ op.immediate) & 0xFFFF_FFFF
                case .andsImmediate64: logicFlags64(d, x[n] & op.immediate)
                case .andsImmediate32: logicFlags32(d, w(n) & UInt32(truncatingIfNeeded: op.immediate))

                // MARK: Shifts and fields
                case .lslImmediate64: x[d] = x[n] &<< UInt64(op.a)
                case .lsrImmediate64: x[d] = x[n] &>> UInt64(op.a)
                case .extractUnsigned: x[d] = (x[n] &<< UInt64(op.a)) &>> UInt64(op.sub)
                case .extractSigned64: x[d] = Self.extractSigned(x[n], op)
                case .extractSigned32: x[d] = Self.extractSigned(x[n], op) & 0xFFFF_FFFF
                case .signExtendWord: x[d] = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: x[n])))
                case .insertField64: x[d] = Self.insertField(x[d], x[n], op)
                case .insertField32: x[d] = Self.insertField(x[d], x[n], op) & 0xFFFF_FFFF
                case .extractPair64: x[d] = op.a == 0 ? x[m] : x[m] &>> UInt64(op.a) | x[n] &<< UInt64(64 &- op.a)
                case .extractPair32:
                    x[d] = ((x[n] &<< 32 | UInt64(w(m))) &>> UInt64(op.a)) & 0xFFFF_FFFF
                case .lsrImmediate32: x[d] = UInt64(w(n) &>> UInt32(op.a))
                case .asrImmediate32:
                    x[d] = UInt64(UInt32(bitPattern: Int32(truncatingIfNeeded: x[n]) &>> Int32(op.a)))
                case .rorImmediate64: x[d] = Self.rotateRight(x[n], UInt64(op.a))
                case .rorImmediate32: x[d] = UInt64(Self.rotateRight(w(n), UInt32(op.a)))
                case .lslv64: x[d] = x[n] &<< x[m]
                case .lslv32: x[d] = UInt64(w(n) &<< w(m))
                case .lsrv64: x[d] = x[n] &>> x[m]
                case .lsrv32: x[d] = UInt64(w(n) &>> w(m))
                case .asrv64: x[d] = UInt64(bitPattern: Int64(bitPattern: x[n]) &>> Int64(bitPattern: x[m]))
                case .asrv32:
                    x[d] = UInt64(
                        UInt32(bitPattern: Int32(truncatingIfNeeded: x[n]) &>> Int32(truncatingIfNeeded: x[m])))
                case .rorv64: x[d] = Self.rotateRight(x[n], x[m])
                case .rorv32: x[d] = UInt64(Self.rotateRight(w(n), w(m)))

                // MARK: Multiply, divide, count
                case .mul64: x[d] = x[n] &* x[m]
                case .mul32: x[d] = UInt64(w(n) &* w(m))
                case .madd64: x[d] = x[Int(op.a)] &+ x[n] &* x[m]
                case .madd32: x[d] = UInt64(w(Int(op.a)) &+ w(n) &* w(m))
                case .msub64: x[d] = x[Int(op.a)] &- x[n] &* x[m]
                case .msub32: x[d] = UInt64(w(Int(op.a)) &- w(n) &* w(m))
                case .smaddl: x[d] = x[Int(op.a)] &+ sw(n) &* sw(m)
                case .smsubl: x[d] = x[Int(op.a)] &- sw(n) &* sw(m)
                case .umaddl: x[d] = x[Int(op.a)] &+ UInt64(w(n)) &* UInt64(w(m))
                case .umsubl: x[d] = x[Int(op.a)] &- UInt64(w(n)) &* UInt64(w(m))
                case .smulh:
                    x[d] = UInt64(
                        bitPattern: Int64(bitPattern: x[n]).multipliedFullWidth(by: Int64(bitPattern: x[m])).high)
                case .umulh: x[d] = x[n].multipliedFullWidth(by: x[m]).high
                case .udiv64: x[d] = x[m] == 0 ? 0 : x[n] / x[m]
                case .udiv32: x[d] = w(m) == 0 ? 0 : UInt64(w(n) / w(m))
                case .sdiv64: x[d] = Self.divide(Int64(bitPattern: x[n]), Int64(bitPattern: x[m]))
                case .sdiv32:
                    x[d] = Self.divide(Int32(truncatingIfNeeded: x[n]), Int32(truncatingIfNeeded: x[m]))
                case .clz64: x[d] = UInt64(x[n].leadingZeroBitCount)
                case .clz32: x[d] = UInt64(w(n).leadingZeroBitCount)
                case .cls64: x[d] = UInt64((x[n] ^ x[n] &<< 1 | 1).leadingZeroBitCount)
                case .cls32: x[d] = UInt64((w(n) ^ w(n) &<< 1 | 1).leadingZeroBitCount)
                case .rbit64: x[d] = Self.reverseBits(x[n])
                case .rbit32: x[d] = Self.reverseBits(x[n]) &>> 32
                case .rev64: x[d] = x[n].byteSwapped
                case .rev32: x[d] = UInt64(w(n).byteSwapped)
                case .reverseBytesInHalfwords64: x[d] = Self.swapBytesOfHalfwords(x[n])
                case .reverseBytesInHalfwords32: x[d] = Self.swapBytesOfHalfwords(x[n]) & 0xFFFF_FFFF
                case .reverseBytesInWords: x[d] = Self.rotateRight(x[n].byteSwapped, 32)
                case .crc32: x[d] = CRC32.update(x[n], x[m], byteCount: 1 &<< Int(op.sub), .ieee)
                case .crc32c: x[d] = CRC32.update(x[n], x[m], byteCount: 1 &<< Int(op.sub), .castagnoli)

                // MARK: Conditions
                case .csel64: x[d] = Flags.holds(op.sub, state.nzcv) ? x[n] : x[m]
                case .csel32: x[d] = (Flags.holds(op.sub, state.nzcv) ? x[n] : x[m]) & 0xFFFF_FFFF
                case .csinc64: x[d] = Flags.holds(op.sub, state.nzcv) ? x[n] : x[m] &+ 1
                case .csinc32: x[d] = (Flags.holds(op.sub, state.nzcv) ? x[n] : x[m] &+ 1) & 0xFFFF_FFFF
                case .csinv64: x[d] = Flags.holds(op.sub, state.nzcv) ? x[n] : ~x[m]
                case .csinv32: x[d] = (Flags.holds(op.sub, state.nzcv) ? x[n] : ~x[m]) & 0xFFFF_FFFF
                case .csneg64: x[d] = Flags.holds(op.sub, state.nzcv) ? x[n] : 0 &- x[m]
                case .csneg32: x[d] = (Flags.holds(op.sub, state.nzcv) ? x[n] : 0 &- x[m]) & 0xFFFF_FFFF
                case .ccmp64: conditionalSubtract(op, x[n], x[m])
                case .ccmp32: conditionalSubtract(op, w(n), w(m))
                case .ccmn64: conditionalAdd(op, x[n], x[m])
                case .ccmn32: conditionalAdd(op, w(n), w(m))
                case .ccmpImmediate64: conditionalSubtract(op, x[n], op.immediate)
                case .ccmpImmediate32: conditionalSubtract(op, w(n), UInt32(truncatingIfNeeded: op.immediate))
                case .ccmnImmediate64: conditionalAdd(op, x[n], op.immediate)
                case .ccmnImmediate32: conditionalAdd(op, w(n), UInt32(truncatingIfNeeded: op.immediate))

                // MARK: Loads and stores
                case .load8:
                    guard load(UInt8.self, d, x[n] &+ op.immediate) else { break execute }
                case .load16:
                    guard load(UInt16.self, d, x[n] &+ op.immediate) else { break execute }
                case .load32:
                    guard load(UInt32.self, d, x[n] &+ op.immediate) else { break execute }
                case .load64:
                    guard load(UInt64.self, d, x[n] &+ op.immediate) else { break execute }
                case .loadSigned8To64:
                    guard load(UInt8.self, d, x[n] &+ op.immediate) else { break execute }
                    x[d] = UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: x[d])))
                case .loadSigned8To32:
                    guard load(UInt8.self, d, x[n] &+ op.immediate) else { break execute }
                    x[d] = UInt64(UInt32(bitPattern: Int32(Int8(truncatingIfNeeded: x[d]))))
                case .loadSigned16To64:
                    guard load(UInt16.self, d, x[n] &+ op.immediate) else { break execute }
                    x[d] = UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: x[d])))
                case .loadSigned16To32:
                    guard load(UInt16.self, d, x[n] &+ op.immediate) else { break execute }
                    x[d] = UInt64(UInt32(bitPattern: Int32(Int16(truncatingIfNeeded: x[d]))))
                case .loadSigned32To64:
                    guard load(UInt32.self, d, x[n] &+ op.immediate) else { break execute }
                    x[d] = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: x[d])))
                case .loadIndexed8:
                    guard load(UInt8.self, d, x[n] &+ (x[m] &<< UInt64(op.a))) else { break execute }
                case .loadIndexed32:
                    guard load(UInt32.self, d, x[n] &+ (x[m] &<< UInt64(op.a))) else { break execute }
                case .loadIndexed64:
                    guard load(UInt64.self, d, x[n] &+ (x[m] &<< UInt64(op.a))) else { break execute }
                case .store8:
                    guard store(UInt8(truncatingIfNeeded: x[d]), x[n] &+ op.immediate) else { break execute }
                case .store16:
                    guard store(UInt16(truncatingIfNeeded: x[d]), x[n] &+ op.immediate) else { break execute }
                case .store32:
                    guard store(UInt32(truncatingIfNeeded: x[d]), x[n] &+ op.immediate) else { break execute }
                case .store64:
                    guard store(x[d], x[n] &+ op.immediate) else { break execute }
                case .loadPair64:
                    let address = x[n] &+ op.immediate
                    if let host = Self.hitPair(table, address, tag: TLBEntry.Offset.readTag, as: UInt64.self) {
                        let first = host.load(as: UInt64.self)
                        x[m] = host.load(fromByteOffset: 8, as: UInt64.self)
                        x[d] = first
                    } else {
                        guard let pair = loadSlow16(address, alignment: 8, privilege: privilege) else { break execute }
                        x[d] = pair[0]
                        x[m] = pair[1]
                    }
                case .loadPair32, .loadPairSigned32:
                    let address = x[n] &+ op.immediate
                    let first: UInt32
                    let second: UInt32
                    if let host = Self.hitPair(table, address, tag: TLBEntry.Offset.readTag, as: UInt32.self) {
                        first = host.load(as: UInt32.self)
                        second = host.load(fromByteOffset: 4, as: UInt32.self)
                    } else {
                        guard let pair = loadPairSlow32(address, privilege: privilege) else { break execute }
                        (first, second) = pair
                    }
                    if op.code == .loadPair32 {
                        x[d] = UInt64(first)
                        x[m] = UInt64(second)
                    } else {
                        x[d] = UInt64(bitPattern: Int64(Int32(bitPattern: first)))
                        x[m] = UInt64(bitPattern: Int64(Int32(bitPattern: second)))
                    }
                case .storePair64:
                    let address = x[n] &+ op.immediate
                    if let host = Self.hitPair(table, address, tag: TLBEntry.Offset.writeTag, as: UInt64.self) {
                        host.storeBytes(of: x[d], as: UInt64.self)
                        host.storeBytes(of: x[m], toByteOffset: 8, as: UInt64.self)
                    } else {
                        guard
                            storeSlow16(
                                address, alignment: 8, value: SIMD2(x[d], x[m]), privilege: privilege)
                        else { break execute }
                    }
                case .storePair32:
                    let address = x[n] &+ op.immediate
                    if let host = Self.hitPair(table, address, tag: TLBEntry.Offset.writeTag, as: UInt32.self) {
                        host.storeBytes(of: w(d), as: UInt32.self)
                        host.storeBytes(of: w(m), toByteOffset: 4, as: UInt32.self)
                    } else {
                        guard storePairSlow32(address, w(d), w(m), privilege: privilege) else { break execute }
                    }
                case .loadVector:
                    let address = x[n] &+ op.immediate
                    if op.sub == 4 {
                        if let host = Self.hit(
                            table, address, tag: TLBEntry.Offset.readTag, as: SIMD2<UInt64>.self)
                        {
                            state.setQ(op.d, host.load(as: SIMD2<UInt64>.self))
                        } else {
                            guard let value = loadSlow16(address, alignment: 16, privilege: privilege) else {
                                break execute
                            }
                            state.setQ(op.d, value)
                        }
                    } else {
                        guard loadVectorPart(op, address, privilege: privilege) else { break execute }
                    }
                case .storeVector:
                    let address = x[n] &+ op.immediate
                    if op.sub == 4 {
                        if let host = Self.hit(
                            table, address, tag: TLBEntry.Offset.writeTag, as: SIMD2<UInt64>.self)
                        {
                            host.storeBytes(of: state.q(op.d), as: SIMD2<UInt64>.self)
                        } else {
                            guard
                                storeSlow16(address, alignment: 16, value: state.q(op.d), privilege: privilege)
                            else { break execute }
                        }
                    } else {
                        guard
                            storeSlow(address, size: 1 << Int(op.sub), value: state.d(op.d), privilege: privilege)
                        else { break execute }
                    }
                case .loadVectorPair:
                    guard loadVectorPair(op, x[n] &+ op.immediate, privilege: privilege) else { break execute }
                case .storeVectorPair:
                    guard storeVectorPair(op, x[n] &+ op.immediate, privilege: privilege) else { break execute }
                case .loadElement:
                    guard loadElement(op, x[n] &+ op.immediate, privilege: privilege) else { break execute }
                case .storeElement:
                    guard storeElement(op, x[n] &+ op.immediate, privilege: privilege) else { break execute }
                case .loadReplicate:
                    guard loadReplicate(op, x[n] &+ op.immediate, privilege: privilege) else { break execute }
                case .clearUpperHalf:
                    state.setD(op.d, state.d(op.d))
                case .unprivileged:
                    guard unprivileged(op, x[n] &+ op.immediate) else { break execute }
                case .atomic:
                    guard atomic(op) else { break execute }
                case .zeroCacheLine:
                    if let (syndrome, address) = zeroCacheLine(x[n], rt: op.a) {
                        pendingSyndrome = syndrome
                        pendingFaultAddress = address
                        break execute
                    }

                // MARK: System
                case .barrier:
                    atomicMemoryFence(ordering: .sequentiallyConsistent)
                    if op.sub != 0 { completeBarrier() }
                case .clearExclusive:
                    state.system.pointee.exclusiveAddress = 0
                case .readState64:
                    x[d] = state.base.load(fromByteOffset: Int(op.immediate), as: UInt64.self)
                case .readState32:
                    x[d] = UInt64(state.base.load(fromByteOffset: Int(op.immediate), as: UInt32.self))
                case .writeState64:
                    state.base.storeBytes(of: x[n], toByteOffset: Int(op.immediate), as: UInt64.self)
                case .writeState32:
                    state.base.storeBytes(of: w(n), toByteOffset: Int(op.immediate), as: UInt32.self)
                case .readSystemRegister:
                    let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.immediate))
                    switch readSystemRegister(register, rt: op.a) {
                    case .done(let value):
                        x[d] = value
                    case .exception(let syndrome):
                        pendingSyndrome = syndrome
                        pendingFaultAddress = nil
                        break execute
                    }
                case .writeSystemRegister:
                    let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.immediate))
                    if case .exception(let syndrome) = writeSystemRegister(register, x[n], rt: op.a) {
                        pendingSyndrome = syndrome
                        pendingFaultAddress = nil
                        break execute
                    }
                case .readDAIF:
                    if let syndrome = daifTrap(rt: op.a, isRead: true) {
                        pendingSyndrome = syndrome
                        pendingFaultAddress = nil
                        break execute
                    }
                    x[d] = state.system.pointee.pstate & PSTATE.daif
                case .setDAIF, .clearDAIF, .writeDAIF:
                    if let syndrome = daifTrap(rt: op.d, isRead: false) {
                        pendingSyndrome = syndrome
                        pendingFaultAddress = nil
                        break execute
                    }
                    writeDAIF(op)
                    if mustTakeInterrupt {
                        slice &-= Int(op.a)
                        state.pc = pc &+ op.immediate
                        continue dispatch
                    }
                case .writePAN: writePAN(op.sub != 0)
                case .writeSPSel: writeSPSel(op.sub != 0)
                case .systemInstruction:
                    let instruction = SystemInstruction(rawValue: UInt16(truncatingIfNeeded: op.immediate))
                    if let (syndrome, address) = systemInstruction(instruction, operand: x[n], rt: op.a) {
                        pendingSyndrome = syndrome
                        pendingFaultAddress = address
                        break execute
                    }
                case .checkFloatingPoint:
                    let enabled = state.system.pointee.cpacrEL1 & CPACR.fpen
                    if enabled != CPACR.fpen && !(enabled == CPACR.fpenEL1 && privilege != .el0) {
                        pendingSyndrome = .floatingPointAccess
                        pendingFaultAddress = nil
                        break execute
                    }
                case .checkStackPointer:
                    let check = privilege == .el0 ? SCTLR.sa0 : SCTLR.sa
                    if state.system.pointee.sctlrEL1 & check != 0 {
                        pendingSyndrome = .spAlignment
                        pendingFaultAddress = nil
                        break execute
                    }
                case .stackPointerWritten:
                    if (x[Int(CPUState.Register.sp)] & 15 != 0) != mode.stackIsMisaligned {
                        slice &-= Int(op.a)
                        state.pc = pc &+ op.immediate
                        continue dispatch
                    }

                // MARK: Ends of a block
                case .branch, .fallThrough:
                    if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                    continue dispatch
                case .branchLink:
                    x[30] = pc &+ UInt64(op.a) &* 4
                    if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                    continue dispatch
                case .branchConditional:
                    if Flags.holds(op.sub, state.nzcv) {
                        if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfZero64:
                    if x[n] == 0 {
                        if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfZero32:
                    if w(n) == 0 {
                        if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfNotZero64:
                    if x[n] != 0 {
                        if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfNotZero32:
                    if w(n) != 0 {
                        if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfBitClear:
                    if x[n] &>> UInt64(op.sub) & 1 == 0 {
                        if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfBitSet:
                    if x[n] &>> UInt64(op.sub) & 1 != 0 {
                        if branch(to: pc &+ op.immediate, count: op.a, &operation) { continue execute }
                        continue dispatch
                    }
                    operation += 1
                case .branchRegister:
                    slice &-= Int(op.a)
                    state.pc = x[n]
                    continue dispatch
                case .branchLinkRegister:
                    slice &-= Int(op.a)
                    state.pc = x[n]
                    x[30] = pc &+ UInt64(op.a) &* 4
                    continue dispatch
                case .synchronize:
                    slice &-= Int(op.a)
                    state.pc = pc &+ op.immediate
                    continue dispatch
                case .exceptionReturn:
                    slice &-= Int(op.a)
                    returnFromException()
                    continue dispatch
                case .generateException:
                    slice &-= Int(op.a)
                    if let which = ExceptionOpcode(rawValue: op.sub),
                        let exit = generateException(
                            which, immediate: UInt16(truncatingIfNeeded: op.immediate), next: pc &+ UInt64(op.a) &* 4)
                    {
                        endSlice()
                        return exit
                    }
                    continue dispatch
                case .wait:
                    slice &-= Int(op.a)
                    state.pc = pc &+ op.immediate
                    endSlice()
                    if let which = WaitOpcode(rawValue: op.sub), let exit = wait(which, isBudgeted: budget != nil) {
                        return exit
                    }
                    continue dispatch
                case .undefined:
                    pendingSyndrome = .undefined
                    pendingFaultAddress = nil
                    break execute
                }
                operation += 1
            }
            // An operation could not be completed, and has recorded why.
            slice &-= takeRecordedException(at: operation, of: block, pc: pc)

            // MARK: Shorthands

            @inline(__always)
            func w(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: x[index]) }

            /// The low word of a register, sign-extended.
            @inline(__always)
            func sw(_ index: Int) -> UInt64 { UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: x[index]))) }

            @inline(__always)
            func adds64(_ d: Int, _ a: UInt64, _ b: UInt64) {
                let result = a &+ b
                state.nzcv = Flags.ofAdd(a, b, result)
                x[d] = result
            }

            @inline(__always)
            func adds32(_ d: Int, _ a: UInt32, _ b: UInt32) {
                let result = a &+ b
                state.nzcv = Flags.ofAdd(a, b, result)
                x[d] = UInt64(result)
            }

            @inline(__always)
            func subs64(_ d: Int, _ a: UInt64, _ b: UInt64) {
                let result = a &- b
                state.nzcv = Flags.ofSubtract(a, b, result)
                x[d] = result
            }

            @inline(__always)
            func subs32(_ d: Int, _ a: UInt32, _ b: UInt32) {
                let result = a &- b
                state.nzcv = Flags.ofSubtract(a, b, result)
                x[d] = UInt64(result)
            }

            @inline(__always)
            func adcs64(_ d: Int, _ a: UInt64, _ b: UInt64) {
                (x[d], state.nzcv) = Flags.addWithCarry(a, b, state.nzcv)
            }

            @inline(__always)
            func adcs32(_ d: Int, _ a: UInt32, _ b: UInt32) {
                let (result, flags) = Flags.addWithCarry(a, b, state.nzcv)
                state.nzcv = flags
                x[d] = UInt64(result)
            }

            @inline(__always)
            func logicFlags64(_ d: Int, _ result: UInt64) {
                state.nzcv = Flags.nz(result)
                x[d] = result
            }

            @inline(__always)
            func logicFlags32(_ d: Int, _ result: UInt32) {
                state.nzcv = Flags.nz(result)
                x[d] = UInt64(result)
            }

            @inline(__always)
            func conditionalSubtract(_ op: Operation, _ a: UInt64, _ b: UInt64) {
                state.nzcv =
                    Flags.holds(op.sub, state.nzcv) ? Flags.ofSubtract(a, b, a &- b) : UInt32(op.a) &<< 28
            }

            @inline(__always)
            func conditionalSubtract(_ op: Operation, _ a: UInt32, _ b: UInt32) {
                state.nzcv =
                    Flags.holds(op.sub, state.nzcv) ? Flags.ofSubtract(a, b, a &- b) : UInt32(op.a) &<< 28
            }

            @inline(__always)
            func conditionalAdd(_ op: Operation, _ a: UInt64, _ b: UInt64) {
                state.nzcv = Flags.holds(op.sub, state.nzcv) ? Flags.ofAdd(a, b, a &+ b) : UInt32(op.a) &<< 28
            }

            @inline(__always)
            func conditionalAdd(_ op: Operation, _ a: UInt32, _ b: UInt32) {
                state.nzcv = Flags.holds(op.sub, state.nzcv) ? Flags.ofAdd(a, b, a &+ b) : UInt32(op.a) &<< 28
            }

            @inline(__always)
            func load<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type, _ d: Int, _ address: UInt64) -> Bool {
                if let host = Self.hit(table, address, tag: TLBEntry.Offset.readTag, as: type) {
                    x[d] = UInt64(host.load(as: type))
                    return true
                }
                guard let value = loadSlow(address, size: MemoryLayout<T>.size, privilege: privilege) else {
                    return false
                }
                x[d] = value
                return true
            }

            @inline(__always)
            func store<T: FixedWidthInteger & UnsignedInteger>(_ value: T, _ address: UInt64) -> Bool {
                if let host = Self.hit(table, address, tag: TLBEntry.Offset.writeTag, as: T.self) {
                    host.storeBytes(of: value, as: T.self)
                    return true
                }
                return storeSlow(
                    address, size: MemoryLayout<T>.size, value: UInt64(value), privilege: privilege)
            }
        }
    }
}
