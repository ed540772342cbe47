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
    /// Executes guest code until there is an exit.
    ///
    /// Only what every operation needs is held in local variables (the registers' base, the operation, the block's
    /// PC), so that they stay in host registers; the rest is in the state block.
    func interpret(budget: Int?) -> Exit {
        let state = self.state
        let x = state.x
        var budgetLeft = budget
        var sliceStart = min(Self.sliceLength, budget ?? Self.sliceLength)
        state.slice = sliceStart

        /// Counts what the slice executed and begins another.
        func endSlice() {
            let executed = sliceStart - state.slice
            retired &+= UInt64(executed)
            if let left = budgetLeft { budgetLeft = left - executed }
            sliceStart = max(1, min(Self.sliceLength, budgetLeft ?? Self.sliceLength))
            state.slice = sliceStart
        }

        forgetLinks()
        dispatch: while true {
            if state.slice <= 0 || isRequested {
                endSlice()
                forgetLinks()
                if let exit = attend(remaining: budgetLeft) { return exit }
            }
            guard var operation = nextBlock() else {
                // An exception counts, so that a guest without usable vectors still uses up its slices.
                state.slice &-= 1
                continue dispatch
            }
            #if arch(x86_64)
            if let after = runTranslated() {
                guard case .resume(let resumed) = after else { continue dispatch }
                operation = resumed
            }
            #endif
            var pc = state.pc

            /// Leaves the block for `target` after `count` of its instructions: true if `operation` is the first of
            /// the linked block, else the dispatcher has to look it up.
            @inline(__always)
            func branch(
                to target: UInt64, count: UInt8, _ operation: inout UnsafeMutablePointer<Operation>,
                _ pc: inout UInt64
            ) -> Bool {
                let left = state.slice &- Int(count)
                state.slice = left
                let linked = operation[1].immediate
                if _fastPath(linked != 0 && left > 0 && !isRequested),
                    let base = UnsafeMutableRawPointer(bitPattern: UInt(linked))
                {
                    state.block = base
                    pc = target
                    operation = Block(base: base).operations
                    return true
                }
                state.link = (pc ^ target) >> 12 == 0 ? operation + 1 : nil
                state.pc = target
                return false
            }

            execute: while true {
                let op = operation
                var n: Int { Int(operation.pointee.n) }
                var m: Int { Int(operation.pointee.m) }
                var d: Int { Int(operation.pointee.d) }
                switch op.pointee.code {
                // MARK: Second level
                case .vector:
                    VectorExecutor.execute(op.pointee, state)
                case .float:
                    FloatExecutor.execute(op.pointee, state)
                case .half:
                    HalfExecutor.execute(op.pointee, state)
                case .crypto:
                    CryptoExecutor.execute(op.pointee, state)

                // MARK: Moves
                case .moveImmediate: x[d] = op.pointee.immediate
                case .move64: x[d] = x[n]
                case .move32: x[d] = x[n] & 0xFFFF_FFFF
                case .insertImmediate64: x[d] = x[d] & ~(0xFFFF &<< UInt64(op.pointee.sub)) | op.pointee.immediate
                case .insertImmediate32:
                    x[d] = (x[d] & ~(0xFFFF &<< UInt64(op.pointee.sub)) | op.pointee.immediate) & 0xFFFF_FFFF
                case .addToPC: x[d] = pc &+ op.pointee.immediate
                case .addToPageOfPC: x[d] = (pc & TLBGeometry.pageMask) &+ op.pointee.immediate

                // MARK: Add and subtract
                case .addImmediate64: x[d] = x[n] &+ op.pointee.immediate
                case .addImmediate32: x[d] = (x[n] &+ op.pointee.immediate) & 0xFFFF_FFFF
                case .add64: x[d] = x[n] &+ x[m]
                case .add32: x[d] = (x[n] &+ x[m]) & 0xFFFF_FFFF
                case .sub64: x[d] = x[n] &- x[m]
                case .sub32: x[d] = (x[n] &- x[m]) & 0xFFFF_FFFF
                case .addShifted64: x[d] = x[n] &+ (x[m] &<< UInt64(op.pointee.a))
                case .subShifted64: x[d] = x[n] &- (x[m] &<< UInt64(op.pointee.a))
                case .addsImmediate64: adds64(d, x[n], op.pointee.immediate)
                case .addsImmediate32: adds32(d, w(n), UInt32(truncatingIfNeeded: op.pointee.immediate))
                case .subsImmediate64: subs64(d, x[n], op.pointee.immediate)
                case .subsImmediate32: subs32(d, w(n), UInt32(truncatingIfNeeded: op.pointee.immediate))
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
                case .extend: x[d] = Self.extend(x[m], option: op.pointee.sub) &<< UInt64(op.pointee.a)

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
                case .andImmediate: x[d] = x[n] & op.pointee.immediate
                case .orrImmediate64: x[d] = x[n] | op.pointee.immediate
                case .orrImmediate32: x[d] = (x[n] | op.pointee.immediate) & 0xFFFF_FFFF
                case .eorImmediate64: x[d] = x[n] ^ op.pointee.immediate
                case .eorImmediate32: x[d] = (x[n] ^ op.pointee.immediate) & 0xFFFF_FFFF
                case .andsImmediate64: logicFlags64(d, x[n] & op.pointee.immediate)
                case .andsImmediate32: logicFlags32(d, w(n) & UInt32(truncatingIfNeeded: op.pointee.immediate))

                // MARK: Shifts and fields
                case .lslImmediate64: x[d] = x[n] &<< UInt64(op.pointee.a)
                case .lsrImmediate64: x[d] = x[n] &>> UInt64(op.pointee.a)
                case .extractUnsigned: x[d] = (x[n] &<< UInt64(op.pointee.a)) &>> UInt64(op.pointee.sub)
                case .extractSigned64: x[d] = Self.extractSigned(x[n], op.pointee)
                case .extractSigned32: x[d] = Self.extractSigned(x[n], op.pointee) & 0xFFFF_FFFF
                case .signExtendWord: x[d] = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: x[n])))
                case .insertField64: x[d] = Self.insertField(x[d], x[n], op.pointee)
                case .insertField32: x[d] = Self.insertField(x[d], x[n], op.pointee) & 0xFFFF_FFFF
                case .extractPair64:
                    x[d] =
                        op.pointee.a == 0 ? x[m] : x[m] &>> UInt64(op.pointee.a) | x[n] &<< UInt64(64 &- op.pointee.a)
                case .extractPair32:
                    x[d] = ((x[n] &<< 32 | UInt64(w(m))) &>> UInt64(op.pointee.a)) & 0xFFFF_FFFF
                case .lsrImmediate32: x[d] = UInt64(w(n) &>> UInt32(op.pointee.a))
                case .asrImmediate32:
                    x[d] = UInt64(UInt32(bitPattern: Int32(truncatingIfNeeded: x[n]) &>> Int32(op.pointee.a)))
                case .rorImmediate64: x[d] = Self.rotateRight(x[n], UInt64(op.pointee.a))
                case .rorImmediate32: x[d] = UInt64(Self.rotateRight(w(n), UInt32(op.pointee.a)))
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
                case .madd64: x[d] = x[Int(op.pointee.a)] &+ x[n] &* x[m]
                case .madd32: x[d] = UInt64(w(Int(op.pointee.a)) &+ w(n) &* w(m))
                case .msub64: x[d] = x[Int(op.pointee.a)] &- x[n] &* x[m]
                case .msub32: x[d] = UInt64(w(Int(op.pointee.a)) &- w(n) &* w(m))
                case .smaddl: x[d] = x[Int(op.pointee.a)] &+ sw(n) &* sw(m)
                case .smsubl: x[d] = x[Int(op.pointee.a)] &- sw(n) &* sw(m)
                case .umaddl: x[d] = x[Int(op.pointee.a)] &+ UInt64(w(n)) &* UInt64(w(m))
                case .umsubl: x[d] = x[Int(op.pointee.a)] &- UInt64(w(n)) &* UInt64(w(m))
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
                case .crc32: x[d] = CRC32.update(x[n], x[m], byteCount: 1 &<< Int(op.pointee.sub), .ieee)
                case .crc32c: x[d] = CRC32.update(x[n], x[m], byteCount: 1 &<< Int(op.pointee.sub), .castagnoli)

                // MARK: Conditions
                case .csel64: x[d] = Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : x[m]
                case .csel32: x[d] = (Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : x[m]) & 0xFFFF_FFFF
                case .csinc64: x[d] = Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : x[m] &+ 1
                case .csinc32: x[d] = (Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : x[m] &+ 1) & 0xFFFF_FFFF
                case .csinv64: x[d] = Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : ~x[m]
                case .csinv32: x[d] = (Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : ~x[m]) & 0xFFFF_FFFF
                case .csneg64: x[d] = Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : 0 &- x[m]
                case .csneg32: x[d] = (Flags.holds(op.pointee.sub, state.nzcv) ? x[n] : 0 &- x[m]) & 0xFFFF_FFFF
                case .ccmp64: Flags.conditionalSubtract(op.pointee, state, x[n], x[m])
                case .ccmp32: Flags.conditionalSubtract(op.pointee, state, w(n), w(m))
                case .ccmn64: Flags.conditionalAdd(op.pointee, state, x[n], x[m])
                case .ccmn32: Flags.conditionalAdd(op.pointee, state, w(n), w(m))
                case .ccmpImmediate64: Flags.conditionalSubtract(op.pointee, state, x[n], op.pointee.immediate)
                case .ccmpImmediate32:
                    Flags.conditionalSubtract(op.pointee, state, w(n), UInt32(truncatingIfNeeded: op.pointee.immediate))
                case .ccmnImmediate64: Flags.conditionalAdd(op.pointee, state, x[n], op.pointee.immediate)
                case .ccmnImmediate32:
                    Flags.conditionalAdd(op.pointee, state, w(n), UInt32(truncatingIfNeeded: op.pointee.immediate))

                // MARK: Loads and stores
                case .load8:
                    guard load(UInt8.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                case .load16:
                    guard load(UInt16.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                case .load32:
                    guard load(UInt32.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                case .load64:
                    guard load(UInt64.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                case .loadSigned8To64:
                    guard load(UInt8.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                    x[d] = UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: x[d])))
                case .loadSigned8To32:
                    guard load(UInt8.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                    x[d] = UInt64(UInt32(bitPattern: Int32(Int8(truncatingIfNeeded: x[d]))))
                case .loadSigned16To64:
                    guard load(UInt16.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                    x[d] = UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: x[d])))
                case .loadSigned16To32:
                    guard load(UInt16.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                    x[d] = UInt64(UInt32(bitPattern: Int32(Int16(truncatingIfNeeded: x[d]))))
                case .loadSigned32To64:
                    guard load(UInt32.self, d, x[n] &+ op.pointee.immediate) else { break execute }
                    x[d] = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: x[d])))
                case .loadIndexed8:
                    guard load(UInt8.self, d, x[n] &+ (x[m] &<< UInt64(op.pointee.a))) else { break execute }
                case .loadIndexed32:
                    guard load(UInt32.self, d, x[n] &+ (x[m] &<< UInt64(op.pointee.a))) else { break execute }
                case .loadIndexed64:
                    guard load(UInt64.self, d, x[n] &+ (x[m] &<< UInt64(op.pointee.a))) else { break execute }
                case .store8:
                    guard store(UInt8(truncatingIfNeeded: x[d]), x[n] &+ op.pointee.immediate) else { break execute }
                case .store16:
                    guard store(UInt16(truncatingIfNeeded: x[d]), x[n] &+ op.pointee.immediate) else { break execute }
                case .store32:
                    guard store(UInt32(truncatingIfNeeded: x[d]), x[n] &+ op.pointee.immediate) else { break execute }
                case .store64:
                    guard store(x[d], x[n] &+ op.pointee.immediate) else { break execute }
                case .loadPair64:
                    let address = x[n] &+ op.pointee.immediate
                    if let host = Self.hitPair(state, address, tag: TLBEntry.Offset.readTag, as: UInt64.self) {
                        let first = host.load(as: UInt64.self)
                        x[m] = host.load(fromByteOffset: 8, as: UInt64.self)
                        x[d] = first
                    } else {
                        guard let pair = loadSlow16(address, alignment: 8, privilege: privilege) else {
                            break execute
                        }
                        x[d] = pair[0]
                        x[m] = pair[1]
                    }
                case .loadPair32, .loadPairSigned32:
                    let address = x[n] &+ op.pointee.immediate
                    let first: UInt32
                    let second: UInt32
                    if let host = Self.hitPair(state, address, tag: TLBEntry.Offset.readTag, as: UInt32.self) {
                        first = host.load(as: UInt32.self)
                        second = host.load(fromByteOffset: 4, as: UInt32.self)
                    } else {
                        guard let pair = loadPairSlow32(address, privilege: privilege) else { break execute }
                        (first, second) = pair
                    }
                    if op.pointee.code == .loadPair32 {
                        x[d] = UInt64(first)
                        x[m] = UInt64(second)
                    } else {
                        x[d] = UInt64(bitPattern: Int64(Int32(bitPattern: first)))
                        x[m] = UInt64(bitPattern: Int64(Int32(bitPattern: second)))
                    }
                case .storePair64:
                    let address = x[n] &+ op.pointee.immediate
                    if let host = Self.hitPair(state, address, tag: TLBEntry.Offset.writeTag, as: UInt64.self) {
                        host.storeBytes(of: x[d], as: UInt64.self)
                        host.storeBytes(of: x[m], toByteOffset: 8, as: UInt64.self)
                    } else {
                        guard
                            storeSlow16(
                                address, alignment: 8, value: SIMD2(x[d], x[m]), privilege: privilege)
                        else { break execute }
                    }
                case .storePair32:
                    let address = x[n] &+ op.pointee.immediate
                    if let host = Self.hitPair(state, address, tag: TLBEntry.Offset.writeTag, as: UInt32.self) {
                        host.storeBytes(of: w(d), as: UInt32.self)
                        host.storeBytes(of: w(m), toByteOffset: 4, as: UInt32.self)
                    } else {
                        guard storePairSlow32(address, w(d), w(m), privilege: privilege) else { break execute }
                    }
                case .loadVector:
                    let address = x[n] &+ op.pointee.immediate
                    if op.pointee.sub == 4 {
                        if let host = Self.hit(
                            state, address, tag: TLBEntry.Offset.readTag, as: SIMD2<UInt64>.self)
                        {
                            state.setQ(op.pointee.d, host.load(as: SIMD2<UInt64>.self))
                        } else {
                            guard let value = loadSlow16(address, alignment: 16, privilege: privilege) else {
                                break execute
                            }
                            state.setQ(op.pointee.d, value)
                        }
                    } else {
                        guard loadVectorPart(op.pointee, address, privilege: privilege) else { break execute }
                    }
                case .storeVector:
                    let address = x[n] &+ op.pointee.immediate
                    if op.pointee.sub == 4 {
                        if let host = Self.hit(
                            state, address, tag: TLBEntry.Offset.writeTag, as: SIMD2<UInt64>.self)
                        {
                            host.storeBytes(of: state.q(op.pointee.d), as: SIMD2<UInt64>.self)
                        } else {
                            guard
                                storeSlow16(address, alignment: 16, value: state.q(op.pointee.d), privilege: privilege)
                            else { break execute }
                        }
                    } else {
                        guard
                            storeSlow(
                                address, size: 1 << Int(op.pointee.sub), value: state.d(op.pointee.d),
                                privilege: privilege)
                        else { break execute }
                    }
                case .loadVectorPair:
                    guard loadVectorPair(op.pointee, x[n] &+ op.pointee.immediate, privilege: privilege) else {
                        break execute
                    }
                case .storeVectorPair:
                    guard storeVectorPair(op.pointee, x[n] &+ op.pointee.immediate, privilege: privilege) else {
                        break execute
                    }
                case .loadElement:
                    guard loadElement(op.pointee, x[n] &+ op.pointee.immediate, privilege: privilege) else {
                        break execute
                    }
                case .storeElement:
                    guard storeElement(op.pointee, x[n] &+ op.pointee.immediate, privilege: privilege) else {
                        break execute
                    }
                case .loadReplicate:
                    guard loadReplicate(op.pointee, x[n] &+ op.pointee.immediate, privilege: privilege) else {
                        break execute
                    }
                case .clearUpperHalf:
                    state.setD(op.pointee.d, state.d(op.pointee.d))
                case .unprivileged:
                    guard unprivileged(op.pointee, x[n] &+ op.pointee.immediate) else { break execute }
                case .atomic:
                    guard atomic(op.pointee) else { break execute }
                case .zeroCacheLine:
                    if let (syndrome, address) = zeroCacheLine(x[n], rt: op.pointee.a) {
                        record(syndrome, address)
                        break execute
                    }

                // MARK: System
                case .barrier:
                    atomicMemoryFence(ordering: .sequentiallyConsistent)
                    if op.pointee.sub != 0 && mustCompleteBarrier {
                        // Not from inside the block: what is serviced may be to let go of it.
                        state.slice &-= Int(op.pointee.a)
                        state.pc = pc &+ op.pointee.immediate
                        completeBarrier()
                        continue dispatch
                    }
                case .sendEvent:
                    sendEvent(toAll: op.pointee.sub != 0)
                case .clearExclusive:
                    state.system.pointee.exclusiveAddress = 0
                case .readState64:
                    x[d] = state.base.load(fromByteOffset: Int(op.pointee.immediate), as: UInt64.self)
                case .readState32:
                    x[d] = UInt64(state.base.load(fromByteOffset: Int(op.pointee.immediate), as: UInt32.self))
                case .writeState64:
                    state.base.storeBytes(of: x[n], toByteOffset: Int(op.pointee.immediate), as: UInt64.self)
                case .readSystemRegister:
                    let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.pointee.immediate))
                    switch readSystemRegister(register, rt: op.pointee.a) {
                    case .done(let value):
                        x[d] = value
                    case .exception(let syndrome):
                        record(syndrome)
                        break execute
                    }
                case .writeSystemRegister:
                    let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.pointee.immediate))
                    if case .exception(let syndrome) = writeSystemRegister(register, x[n], rt: op.pointee.a) {
                        record(syndrome)
                        break execute
                    }
                case .readDAIF:
                    if let syndrome = daifReadTrap(rt: op.pointee.a) {
                        record(syndrome)
                        break execute
                    }
                    x[d] = state.system.pointee.pstate & PSTATE.daif
                case .setDAIF, .clearDAIF, .writeDAIF:
                    if let syndrome = daifWriteTrap(op.pointee) {
                        record(syndrome)
                        break execute
                    }
                    writeDAIF(op.pointee)
                    // Masked or not, as in translated code, so that both are in the same block afterwards. If a step
                    // becomes active, it is the next instruction's.
                    if op.pointee.code != .setDAIF && (hasPendingInterrupt || isStepping) {
                        state.slice &-= Int(op.pointee.a)
                        state.pc = pc &+ op.pointee.immediate
                        continue dispatch
                    }
                case .writePAN: writePAN(op.pointee.sub != 0)
                case .writeSPSel: writeSPSel(op.pointee.sub != 0)
                case .systemInstruction:
                    let instruction = SystemInstruction(rawValue: UInt16(truncatingIfNeeded: op.pointee.immediate))
                    if let (syndrome, address) = systemInstruction(instruction, operand: x[n], rt: op.pointee.a) {
                        record(syndrome, address)
                        break execute
                    }
                case .checkFloatingPoint:
                    let enabled = state.system.pointee.cpacrEL1 & CPACR.fpen
                    if enabled != CPACR.fpen && !(enabled == CPACR.fpenEL1 && privilege != .el0) {
                        record(.floatingPointAccess)
                        break execute
                    }
                case .checkStackPointer:
                    let check = privilege == .el0 ? SCTLR.sa0 : SCTLR.sa
                    if state.system.pointee.sctlrEL1 & check != 0 {
                        record(.spAlignment)
                        break execute
                    }
                case .stackPointerWritten:
                    if blockMode != currentMode {
                        state.slice &-= Int(op.pointee.a)
                        state.pc = pc &+ op.pointee.immediate
                        continue dispatch
                    }

                // MARK: Ends of a block
                case .branch, .fallThrough:
                    if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) { continue execute }
                    continue dispatch
                case .branchLink:
                    x[30] = pc &+ UInt64(op.pointee.a) &* 4
                    if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) { continue execute }
                    continue dispatch
                case .branchConditional:
                    if Flags.holds(mask: UInt32(op.pointee.n) | UInt32(op.pointee.m) << 8, state.nzcv) {
                        if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) {
                            continue execute
                        }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfZero64:
                    if x[n] == 0 {
                        if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) {
                            continue execute
                        }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfZero32:
                    if w(n) == 0 {
                        if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) {
                            continue execute
                        }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfNotZero64:
                    if x[n] != 0 {
                        if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) {
                            continue execute
                        }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfNotZero32:
                    if w(n) != 0 {
                        if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) {
                            continue execute
                        }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfBitClear:
                    if x[n] &>> UInt64(op.pointee.sub) & 1 == 0 {
                        if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) {
                            continue execute
                        }
                        continue dispatch
                    }
                    operation += 1
                case .branchIfBitSet:
                    if x[n] &>> UInt64(op.pointee.sub) & 1 != 0 {
                        if branch(to: pc &+ op.pointee.immediate, count: op.pointee.a, &operation, &pc) {
                            continue execute
                        }
                        continue dispatch
                    }
                    operation += 1
                case .branchRegister:
                    state.slice &-= Int(op.pointee.a)
                    state.pc = x[n]
                    continue dispatch
                case .branchLinkRegister:
                    state.slice &-= Int(op.pointee.a)
                    state.pc = x[n]
                    x[30] = pc &+ UInt64(op.pointee.a) &* 4
                    continue dispatch
                case .synchronize:
                    state.slice &-= Int(op.pointee.a)
                    state.pc = pc &+ op.pointee.immediate
                    continue dispatch
                case .exceptionReturn:
                    state.slice &-= Int(op.pointee.a)
                    returnFromException()
                    continue dispatch
                case .generateException:
                    state.slice &-= Int(op.pointee.a)
                    if let which = ExceptionOpcode(rawValue: op.pointee.sub),
                        let exit = generateException(
                            which, immediate: UInt16(truncatingIfNeeded: op.pointee.immediate),
                            next: pc &+ UInt64(op.pointee.a) &* 4)
                    {
                        endSlice()
                        return exit
                    }
                    continue dispatch
                case .wait:
                    state.slice &-= Int(op.pointee.a)
                    state.pc = pc &+ op.pointee.immediate
                    endSlice()
                    if let which = WaitOpcode(rawValue: op.pointee.sub),
                        let exit = wait(which, isBudgeted: budget != nil)
                    {
                        return exit
                    }
                    // The slice was ended early. A loop around this would put the look at the timers off for ever.
                    if let exit = attend(remaining: budgetLeft) { return exit }
                    continue dispatch
                case .undefined:
                    record(.undefined)
                    break execute
                }
                operation += 1
            }
            // An operation could not be completed, and has recorded why.
            // The exception counts: a vector whose first instruction takes one again would use up no budget otherwise.
            state.slice &-= takeRecordedException(at: operation, pc: pc) &+ 1

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
            func load<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type, _ d: Int, _ address: UInt64) -> Bool {
                if let host = Self.hit(state, address, tag: TLBEntry.Offset.readTag, as: type) {
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
                if let host = Self.hit(state, address, tag: TLBEntry.Offset.writeTag, as: T.self) {
                    host.storeBytes(of: value, as: T.self)
                    return true
                }
                return storeSlow(
                    address, size: MemoryLayout<T>.size, value: UInt64(value), privilege: privilege)
            }
        }
    }
}
