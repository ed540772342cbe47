// From a region to host code: the frame. What an operation becomes is in the extensions.
//
// Responsible for: entries, exits, slow paths, and where values are. One pass over the operations, with the slow paths
// collected and put behind the straight code.
//
// Conventions inside translated code: RBX is the state block plus `stateBias`, R14 the guest instructions left in the
// slice, R15 the software-TLB table of ordinary accesses; RAX, RCX, RDX and all vector registers are scratch; the rest
// holds guest registers as the region says. The stack is a multiple of 16 bytes. NZCV is in `CPUState.hostFlags`, as
// `HostFlags` says. The state block's `pageOfPC` is the virtual page of the code.
//
// Safe: the assembler has room for `byteLimit` bytes; operations outlive the compilation (`CodeCache`).

#if arch(x86_64)

import Arm64

struct RegionCompiler {
    /// RBX points this far into the state block, so that the general registers are within a byte's displacement.
    static let stateBias = 128
    /// Host code for one operation, slow path included, takes fewer bytes than this.
    static let bytesPerOperation = 512
    /// The same for what a region takes beyond its operations.
    static let bytesPerBlock = 512

    var assembler: Assembler
    let region: Region
    let stubs: TranslatorStubs
    let features: HostFeatures
    /// Where blocks are.
    let codeBase: UnsafeMutableRawPointer
    let locality: LoopLocality
    /// Tells apart the accesses that remember their pages.
    var site: Int

    /// Slow paths and ways out, to be emitted behind the straight code.
    var deferred: [Deferred] = []
    /// Jumps to the helper of the operation being emitted.
    var helps: [Assembler.Fixup] = []
    /// Jumps to blocks of the region whose code is not emitted yet.
    private var pending: [(fixup: Assembler.Fixup, block: Int)] = []
    /// Where each block's code begins, with its registers in place.
    private var bodies: [UnsafeMutableRawPointer?]
    /// The same, for whoever comes from outside.
    private(set) var entries: [UnsafeMutableRawPointer?]
    private let reload: UnsafeMutableRawPointer
    /// The block whose code has to come next.
    private var continuation: Int?
    /// By block, the vector registers that are held at its beginning.
    private var carried: [HeldVectors]

    // Where the compiler is.
    var blockIndex = 0
    var position = 0
    /// What is newer than the state block here.
    var written = RegisterSet.none
    /// What the host's flags are here, and were before the operation being emitted.
    var held = HeldFlags.nothing
    var heldBefore = HeldFlags.nothing
    /// The last position that wants the host's flags as they are, and whether this operation has to leave them so.
    var flagsAreWanted = 0
    var keepsFlags = false
    var flagOrigin = FlagOrigin.unknown
    /// Whether NZCV can be made again before the operation being emitted.
    private(set) var flagsAreKnownBefore = false
    /// What slow paths and ways out make NZCV from. The last is where it comes from now, if that is known.
    var flagOrigins: [FlagOrigin] = []
    /// Whether NZCV is in the state block; if not, the host's flags hold it, or it can be made again, or it is not
    /// asked for.
    var flagsAreSaved = true
    /// Whether this path through the block has found that the host's floating point applies.
    var hostFloatIsChecked = false
    /// Vector registers in host registers here, and before the operation being emitted.
    var heldVectors = HeldVectors()
    private(set) var heldVectorsBefore = HeldVectors()
    /// Where the state of a hash was kept in the host's order.
    var hostOrder = HostOrder()
    /// Whether the temporary of lowering is in RDX, from one operation to the next.
    var temporaryIsInScratch = false
    /// The address of the access being emitted, if the operations that compute it were left out.
    var indexedAddress: IndexedAddress?

    /// Code that is put behind the straight path.
    enum Deferred {
        /// The software TLB has no entry: fill it and try again, or let the interpreter go on.
        case fill(Assembler.Fixup, GuardedAccess, Place)
        /// The page is not the one that the access remembers: look it up, and go on with the one found.
        case recall(Assembler.Fixup, back: UnsafeMutableRawPointer, slot: Int, GuardedAccess, Place)
        /// A helper executes the operation, and the code after it goes on.
        case help(Assembler.Fixup, back: UnsafeMutableRawPointer, Place, after: HeldVectors)
        /// The interpreter goes on with the operation.
        case resume(Assembler.Fixup, Place)
        /// Leaves the region for an offset in the page.
        case leave(Assembler.Fixup, target: UInt64, Exit)
        /// Leaves the region for anywhere else, by an offset from the page.
        case leavePage(Assembler.Fixup, displacement: UInt64, Exit)
        /// Goes back to the dispatcher with the PC at an offset from the page.
        case stop(Assembler.Fixup, displacement: UInt64, Exit)
    }

    /// What a region needs stored when it is left: not the temporaries of lowering.
    var leaving: RegisterSet { written.subtracting(Region.temporaries) }

    /// A position in the guest's code, and what has to be stored there.
    struct Place {
        let block: UInt32
        let operation: UInt32
        let written: RegisterSet
        let vectors: HeldVectors
        /// Where NZCV comes from, if it has to be saved there: so many of `flagOrigins`, and the last of those; or 0.
        let flags: UInt32
        /// Whether the temporary is not in its place yet: the address in RAX.
        let wantsAddress: Bool
    }

    /// How a region is left.
    struct Exit {
        let written: RegisterSet
        /// Guest instructions of the block until here, if they are still to be counted.
        let count: UInt8
        let isBackward: Bool
        /// Vector registers to be stored.
        var vectors = HeldVectors()
        /// What the host's flags hold, if the way out has to save NZCV; if they hold nothing, where it comes from,
        /// as in a place.
        var unsaved = HeldFlags.nothing
        var flags: UInt32 = 0
    }

    init(
        at start: UnsafeMutableRawPointer, region: Region, stubs: TranslatorStubs, features: HostFeatures,
        codeBase: UnsafeMutableRawPointer
    ) {
        assembler = Assembler(at: start)
        self.region = region
        self.stubs = stubs
        self.features = features
        self.codeBase = codeBase
        locality = LoopLocality(region)
        site = Int(region.blocks[0].offset >> 2)
        bodies = Array(repeating: nil, count: region.blocks.count)
        entries = Array(repeating: nil, count: region.blocks.count)
        carried = Array(repeating: HeldVectors(), count: region.blocks.count)
        reload = start
    }

    // MARK: The whole

    /// Emits everything. `entries` then says where each block is entered.
    mutating func compile() {
        emitReload()
        var next = 0
        while true {
            blockIndex = next
            compileBlock()
            // Where a block ends by a jump to one that is still to come, that one comes next, without the jump.
            guard let following = continuation ?? bodies.firstIndex(where: { $0 == nil }) else { break }
            continuation = nil
            next = following
        }
        // Ways out may come up while slow paths are emitted.
        next = 0
        while next < deferred.count {
            emit(deferred[next])
            next += 1
        }
        for index in region.blocks.indices where entries[index] == nil {
            entries[index] = assembler.cursor
            emitLoads(region.blocks[index].live)
            emitLoads(carried[index])
            if let body = bodies[index] { assembler.jump(to: body) }
        }
        for (fixup, block) in pending {
            if let body = bodies[block] { fixup.resolve(to: body) }
        }
    }

    /// A routine that loads all registers of the region, for what comes back from a helper.
    private mutating func emitReload() {
        emitLoads(region.mapped)
        assembler.returnToCaller()
    }

    private mutating func emitLoads(_ registers: RegisterSet) {
        registers.forEach { register in
            guard let home = home(register) else { return }
            assembler.move(home, state(general: register))
        }
    }

    mutating func emitStores(_ registers: RegisterSet) {
        registers.forEach { register in
            guard let home = home(register) else { return }
            assembler.store(home, state(general: register))
        }
    }

    private mutating func compileBlock() {
        let source = region.blocks[blockIndex]
        if blockIndex == 0 {
            entries[0] = assembler.cursor
            emitLoads(source.live)
        }
        bodies[blockIndex] = assembler.cursor
        written = source.written
        held = .nothing
        flagsAreSaved = true
        flagsAreWanted = 0
        keepsFlags = false
        flagOrigin = .unknown
        hostFloatIsChecked = false
        heldVectors = carried[blockIndex]
        hostOrder = HostOrder()
        if region.looksBetweenBlocks { emitLook(source) }
        let operations = source.block.operations
        let count = source.block.operationCount
        position = 0
        while position < count {
            if let (address, length) = IndexedAddress.find(at: position, in: source.block) {
                indexedAddress = address
                position += length
            }
            let operation = operations[position]
            let use = source.uses[position]
            heldVectorsBefore = heldVectors
            flagsAreKnownBefore = flagOrigin.known != nil
            flagOrigin.note(writes: use.writes)
            switch use.treatment {
            case .native, .guarded:
                let isConsumed = position + 1 < count && Region.passesTemporary(operation, to: operations[position + 1])
                if isConsumed { temporaryIsInScratch = true }
                emit(operation)
                if !isConsumed { temporaryIsInScratch = false }
            case .helper:
                emitHelper()
            case .branch, .jump:
                emitBranch(operation)
                position += 1
            case .indirect:
                emitIndirect(operation)
            case .resume:
                emitStores(written)
                emitStores(heldVectors)
                emitResume(place)
                // What follows is the interpreter's.
                return
            }
            written = region.after(use, written)
            indexedAddress = nil
            position += 1
        }
    }

    /// Goes back to the dispatcher before the first instruction of a block if the slice is over or somebody wants
    /// attention.
    private mutating func emitLook(_ source: RegionBlock) {
        let exit = Exit(written: leaving, count: 0, isBackward: false, vectors: heldVectors)
        assembler.test(.r14, .r14, wide: true)
        deferred.append(.stop(assembler.jump(if: .le), displacement: source.offset, exit))
        assembler.arithmetic(.cmp, state(CPUState.Offset.request), constant: 0, wide: false)
        deferred.append(.stop(assembler.jump(if: .ne), displacement: source.offset, exit))
    }

    // MARK: Slow paths

    mutating func emitHelper() {
        held = .nothing
        flagOrigin = .unknown
        hostFloatIsChecked = false
        emitStores(written)
        emitStores(heldVectors)
        heldVectors = HeldVectors()
        emitPlace(place)
        assembler.call(stubs.help)
        assembler.call(reload)
    }

    /// Puts what identifies a place where the stubs expect it.
    private mutating func emitPlace(_ place: Place) {
        assembler.move(.rsi, constant: UInt64(place.operation))
        assembler.move(.rdx, constant: UInt64(place.block))
    }

    private mutating func emitResume(_ place: Place) {
        emitPlace(place)
        assembler.jump(to: stubs.resume)
    }

    /// Has the software TLB filled for the address in RAX, and tries again.
    private mutating func emitFill(_ access: GuardedAccess, _ place: Place) {
        emitStores(place.written)
        emitStores(place.vectors)
        if place.wantsAddress { assembler.store(.rax, state(general: CPUState.Register.temporary0)) }
        if place.flags != 0 {
            assembler.move(.rdx, .rax)
            saveFlags(from: place.flags)
            assembler.move(.rax, .rdx)
        }
        emitPlace(place)
        // RAX is the address; R8 says what for.
        assembler.move(.r8, constant: access.kind)
        assembler.call(stubs.fill)
        assembler.call(reload)
        emitLoads(place.vectors)
        assembler.jump(to: access.retry)
    }

    private mutating func emit(_ code: Deferred) {
        switch code {
        case .fill(let fixup, let access, let place):
            fixup.resolve(to: assembler.cursor)
            emitFill(access, place)
        case .recall(let fixup, let back, let slot, let access, let place):
            fixup.resolve(to: assembler.cursor)
            emitRecall(slot, access, back: back)
            emitFill(access, place)
        case .help(let fixup, let back, let place, let after):
            fixup.resolve(to: assembler.cursor)
            emitStores(place.written)
            emitStores(place.vectors)
            saveFlags(from: place.flags)
            emitPlace(place)
            assembler.call(stubs.help)
            assembler.call(reload)
            emitLoads(after)
            assembler.jump(to: back)
        case .resume(let fixup, let place):
            fixup.resolve(to: assembler.cursor)
            emitStores(place.written)
            emitStores(place.vectors)
            saveFlags(from: place.flags)
            emitResume(place)
        case .leave(let fixup, let target, let exit):
            fixup.resolve(to: assembler.cursor)
            saveFlags(of: exit)
            emitLeave(to: target, exit)
        case .leavePage(let fixup, let displacement, let exit):
            fixup.resolve(to: assembler.cursor)
            saveFlags(of: exit)
            emitStores(exit.written)
            emitStores(exit.vectors)
            emitLeavePage(displacement, exit)
        case .stop(let fixup, let displacement, let exit):
            fixup.resolve(to: assembler.cursor)
            emitStores(exit.written)
            emitStores(exit.vectors)
            if exit.count > 0 { count(exit.count) }
            emitAddress(displacement)
            emitStop()
        }
    }

    // MARK: Ways out

    /// Saves NZCV on a way out whose straight path does without.
    mutating func saveFlags(of exit: Exit) {
        guard exit.unsaved != .nothing else { return saveFlags(from: exit.flags) }
        let heldOnStraightPath = held
        held = exit.unsaved
        saveFlags()
        held = heldOnStraightPath
    }

    /// Counts guest instructions; the host's flags then say whether the slice goes on (greater).
    mutating func count(_ instructions: UInt8) {
        assembler.arithmetic(.sub, .register(.r14), constant: Int32(instructions))
    }

    /// RAX = an offset from the page of the code.
    mutating func emitAddress(_ displacement: UInt64) {
        assembler.move(.rax, state(CPUState.Offset.pageOfPC))
        guard displacement != 0 else { return }
        if let short = Self.immediate(displacement) {
            assembler.arithmetic(.add, .register(.rax), constant: short)
        } else {
            assembler.move(.rcx, constant: displacement)
            assembler.arithmetic(.add, .rax, .register(.rcx))
        }
    }

    /// Goes back to the dispatcher with the PC in RAX.
    mutating func emitStop() {
        assembler.store(.rax, state(CPUState.Offset.pc))
        assembler.store(constant: 0, state(CPUState.Offset.exitLink), wide: true)
        assembler.jump(to: stubs.lookUp)
    }

    /// Jumps to the block at an offset of the page, of this region or not.
    ///
    /// - Parameter isEnd: whether nothing of this block comes after it.
    mutating func emitLeave(to target: UInt64, _ exit: Exit, isEnd: Bool = false) {
        if isEnd, !exit.isBackward, let block = region.index(ofBlockAt: target), bodies[block] == nil,
            region.blocks[block].branchesHere == 1
        {
            // Nobody else in the region comes there: registers stay where they are.
            count(exit.count)
            heldVectors.dropOwn()
            carried[block] = heldVectors
            continuation = block
            return
        }
        emitStores(exit.vectors)
        if let block = region.index(ofBlockAt: target) {
            count(exit.count)
            let body = bodies[block]
            if exit.isBackward {
                // A loop inside the region looks at its slice only: requests wait no longer than that lasts.
                let stop = Exit(written: exit.written, count: 0, isBackward: false)
                if let body {
                    assembler.jump(if: .g, to: body)
                    deferred.append(.stop(assembler.jump(), displacement: target, stop))
                    return
                }
                deferred.append(.stop(assembler.jump(if: .le), displacement: target, stop))
            }
            if let body {
                assembler.jump(to: body)
            } else if isEnd {
                continuation = block
            } else {
                pending.append((assembler.jump(), block))
            }
            return
        }
        emitStores(exit.written)
        count(exit.count)
        var out: [Assembler.Fixup] = []
        if exit.isBackward {
            out.append(assembler.jump(if: .le))
            assembler.arithmetic(.cmp, state(CPUState.Offset.request), constant: 0, wide: false)
            out.append(assembler.jump(if: .ne))
        }
        // The displacement is written by the dispatcher, while other CPUs execute it: it must be one aligned word.
        assembler.align(before: 1)
        let link = assembler.jump()
        link.resolve(to: assembler.cursor)
        for fixup in out { fixup.resolve(to: assembler.cursor) }
        emitAddress(target)
        assembler.store(.rax, state(CPUState.Offset.pc))
        let site = link.site - stubs.writableBase
        assembler.store(constant: Int32(truncatingIfNeeded: site), state(CPUState.Offset.exitLink), wide: true)
        assembler.jump(to: stubs.lookUp)
    }

    /// Leaves for another page, with everything stored.
    mutating func emitLeavePage(_ displacement: UInt64, _ exit: Exit) {
        emitAddress(displacement)
        emitJumpCacheLookup(exit.count)
    }

    /// Jumps to the code for the address in RAX, whatever that is, if the jump cache knows it, with everything stored.
    mutating func emitJumpCacheLookup(_ instructions: UInt8) {
        assembler.store(.rax, state(CPUState.Offset.pc))
        count(instructions)
        assembler.jump(if: .le).resolve(to: stubs.lookUpUnlinked)
        assembler.arithmetic(.cmp, state(CPUState.Offset.request), constant: 0, wide: false)
        assembler.jump(if: .ne).resolve(to: stubs.lookUpUnlinked)
        assembler.loadAddress(.rcx, .indexed(.rax, .rax), wide: false)
        assembler.arithmetic(.and, .register(.rcx), constant: Int32(JumpCache.indexMask), wide: false)
        assembler.arithmetic(.add, .rcx, state(CPUState.Offset.jumpCache))
        // The region's mode says in which part, for any address: see `JumpCache`.
        let part = Int32(JumpCache.offset(of: region.mode))
        assembler.arithmetic(.cmp, .rax, .memory(.rcx, part))
        assembler.jump(if: .ne).resolve(to: stubs.find(region.mode))
        assembler.move(.rdx, .memory(.rcx, part + 8))
        assembler.arithmetic(.and, .register(.rax), constant: -0x1000)
        assembler.store(.rax, state(CPUState.Offset.pageOfPC))
        assembler.jump(through: .memory(.rdx, Int32(Block.Offset.hostCode)))
    }
}

#endif
