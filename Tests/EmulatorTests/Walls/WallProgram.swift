// Random programs about walls: EL0 and EL1 in turn, PCs that are odd, negative and tagged, mappings and code that
// change.
//
// Responsible for: what is in a program. It is blocks in pages of EL0, of EL1 and of both, and a schedule of places, at
// either exception level, where it goes on after each exception. Drawn instructions come from a pool that is made once.
// A program ends, as control only ever goes to blocks of a higher rank, or into an exception. Not responsible for where
// pages lie (`WallLayout`) nor for running it (`WallMachine`).

import Arm64

/// A program, ready to run.
struct WallProgram: Sendable {
    var slot: Int
    /// The pages of its slot.
    var image: [UInt8]
    var tcr: UInt64
    var sctlr: UInt64

    /// TCR_EL1 but for TBI0 and TBI1.
    static let plainTCR: UInt64 =
        WallLayout.sizes | TCRBit.ips40 | TCRBit.asidSize | Granule.kib4.tcr

    /// A word of a page.
    func word(_ frame: Int, _ index: Int) -> UInt32 {
        image.withUnsafeBytes {
            $0.load(fromByteOffset: frame * Int(WallLayout.pageByteCount) + index * 4, as: UInt32.self)
        }
    }

    mutating func setWord(_ frame: Int, _ index: Int, _ word: UInt32) {
        image.withUnsafeMutableBytes {
            $0.storeBytes(
                of: word, toByteOffset: frame * Int(WallLayout.pageByteCount) + index * 4, as: UInt32.self)
        }
    }
}

/// Short runs of drawn instructions, each with what it needs to be aimed at memory.
struct WallPool: Sendable {
    /// For what EL0 executes and for what EL1 does.
    let el0: [[UInt32]]
    let el1: [[UInt32]]
    /// Contents of the data pages and the page after them.
    let data: [[UInt8]]

    private static let itemCount = 6000
    private static let dataCount = 16

    init(seed: UInt64) {
        let generators = ProgramBuilder.Generators()
        var random = SeededGenerator(seed: seed)
        func items(_ generator: InstructionGenerator) -> [[UInt32]] {
            var items: [[UInt32]] = []
            while items.count < Self.itemCount {
                let theme = generator.theme(&random)
                let words = SequenceBuilder.makeItems(1, at: WallLayout.user, from: generator, theme, &random)
                if !words.isEmpty && !words.contains(where: Self.gives) { items.append(words) }
            }
            return items
        }
        el0 = items(generators.el0)
        el1 = items(generators.el1)
        data = (0..<Self.dataCount).map { _ in RandomValues.data(&random) + OracleLayout.readOnlyContents }
    }

    /// YIELD, WFE and WFI: whoever runs the CPU has a say in what they do.
    private static func gives(_ word: UInt32) -> Bool {
        [A64.yield.word, A64.wfe.word, A64.wfi.word].contains(word)
    }
}

/// Builds one program.
struct WallBuilder {
    /// Pages of code that are executed alike.
    private struct Area {
        let frame: Int
        let pageCount: Int
        let base: UInt64
        /// Where the pages can be written too.
        let alias: UInt64
        /// Whether EL1 executes them, and whether EL0 does.
        let isEL1: Bool
        let isEL0: Bool
        var words: [UInt32] = []
        /// Rank and first word of each block.
        var blocks: [(rank: Int, start: Int)] = []
        var wordCount: Int { pageCount * 1024 }
    }

    private enum AreaIndex {
        static let user = 0
        static let shared = 1
        static let kernel = 2
    }

    private let pool: WallPool
    private let slot: Int
    private var random: SeededGenerator
    private var areas: [Area] = [
        Area(
            frame: WallLayout.Frame.user, pageCount: 2, base: WallLayout.user, alias: WallLayout.userAlias,
            isEL1: false,
            isEL0: true),
        Area(
            frame: WallLayout.Frame.shared, pageCount: 1, base: WallLayout.shared, alias: WallLayout.sharedAlias,
            isEL1: true, isEL0: true),
        Area(
            frame: WallLayout.Frame.kernel, pageCount: 2, base: WallLayout.kernel, alias: WallLayout.kernelAlias,
            isEL1: true, isEL0: false),
    ]
    /// The area and number of each block, by rank.
    private var ranks: [(area: Int, block: Int)] = []
    private var current = 0
    private var rank = 0
    /// Four words that are to become an address: of a block, changed by what a wall should hold against.
    private var addresses: [(area: Int, index: Int, register: UInt32, rank: Int, change: Change)] = []
    /// Branches within an area to its next block.
    private var branches: [(area: Int, index: Int, block: Int)] = []
    /// Words that may be changed, with the bit that makes another instruction of them.
    private var slots: [(area: Int, index: Int, bit: UInt32)] = []
    /// What changes one of them: the place of the address, and of the EOR.
    private var patches: [(area: Int, index: Int, choice: Int, isAlias: Bool)] = []

    /// What is done to an address before it is branched to.
    private enum Change {
        case none
        case offset(UInt64)
        case tag(UInt64)
        case window(UInt64)
        case alias
        case fixed(UInt64)
    }

    private static let filler: UInt32 = OracleRecord.end

    static func makeProgram(seed: UInt64, slot: Int, from pool: WallPool) -> WallProgram {
        var builder = WallBuilder(pool: pool, slot: slot, random: SeededGenerator(seed: seed))
        return builder.build()
    }

    private init(pool: WallPool, slot: Int, random: SeededGenerator) {
        self.pool = pool
        self.slot = slot
        self.random = random
    }

    // MARK: The whole

    private mutating func build() -> WallProgram {
        let counts = [1 + random.below(4), random.below(3), 1 + random.below(3)]
        var order = counts.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element) }
        order.shuffle(using: &random)
        var next = [0, 0, 0]
        for area in order {
            ranks.append((area, next[area]))
            next[area] += 1
        }
        for (number, area) in order.enumerated() {
            current = area
            rank = number
            addBlock(isLast: ranks[number].block == counts[area] - 1)
        }
        resolve()
        return assemble()
    }

    private mutating func resolve() {
        for branch in branches {
            let blocks = areas[branch.area].blocks
            let target = branch.block < blocks.count ? blocks[branch.block].start : areas[branch.area].words.count
            areas[branch.area].words[branch.index] = BranchForm.aimed(
                areas[branch.area].words[branch.index], wordsAhead: target - branch.index)
        }
        for address in addresses {
            put(self.address(ofRank: address.rank, address.change), in: address.register, address.area, address.index)
        }
        for patch in patches {
            // Without anything to change, a word of the data changes.
            var place = OracleLayout.data + 0x800
            if !slots.isEmpty {
                let slot = slots[patch.choice % slots.count]
                // Through its own page it fails.
                let pages = patch.isAlias ? areas[slot.area].alias : areas[slot.area].base
                place = pages + UInt64(slot.index * 4)
                areas[patch.area].words[patch.index + 5] |= (32 - slot.bit) << 16
            }
            put(place, in: 16, patch.area, patch.index)
        }
    }

    private func address(ofRank rank: Int, _ change: Change) -> UInt64 {
        let (index, block) = ranks[min(rank, ranks.count - 1)]
        let area = areas[index]
        let offset = UInt64(block < area.blocks.count ? area.blocks[block].start * 4 : 0)
        let plain = area.base &+ offset
        switch change {
        case .none: return plain
        // Not into the middle of what EL1 does: half of it may be a mistake that has more than one outcome.
        case .offset(let offset): return offset & 3 == 0 && !area.isEL0 ? plain : plain &+ offset
        case .tag(let tag): return plain & ~(0xFF << 56) | tag << 56
        case .window(let page): return WallLayout.window + page * WallLayout.pageByteCount + (offset & 0xFFF)
        case .alias: return area.alias + offset
        case .fixed(let address): return address
        }
    }

    /// MOVZ and three MOVK.
    private mutating func put(_ value: UInt64, in register: UInt32, _ area: Int, _ index: Int) {
        for half in 0..<4 {
            let immediate = UInt32(truncatingIfNeeded: value >> (16 * UInt64(half))) & 0xFFFF
            areas[area].words[index + half] =
                (half == 0 ? 0xD280_0000 : 0xF280_0000) | UInt32(half) << 21 | immediate << 5 | register
        }
    }

    private mutating func assemble() -> WallProgram {
        let tbi: [UInt64] = [TCRBit.tbi0, TCRBit.tbi0, TCRBit.tbi0, TCRBit.tbi0 | TCRBit.tbi1, 0]
        var sctlr = SCTLRBit.m | SCTLRBit.span | SCTLRBit.dze | SCTLRBit.uct | SCTLRBit.uci
        if random.oneIn(4) { sctlr |= SCTLRBit.sa | SCTLRBit.sa0 }
        if random.oneIn(4) { sctlr &= ~SCTLRBit.span }
        var program = WallProgram(
            slot: slot, image: [UInt8](repeating: 0, count: WallLayout.imageByteCount),
            tcr: WallProgram.plainTCR | tbi[random.below(tbi.count)], sctlr: sctlr)
        let scheduleCount = 3 + random.below(WallLayout.Parameters.scheduleLimit - 2)
        let schedule = (0..<scheduleCount).map { _ in place() }
        let registers = (0..<31).map { _ in RandomValues.general(&random) }
        let stacks = (0..<2).map { _ in
            OracleLayout.data + UInt64(random.below(0x1E00)) & ~(random.oneIn(3) ? 7 : 15)
        }
        let data = pool.data[random.below(pool.data.count)]
        let control = (RandomValues.fpcr(&random), RandomValues.fpsr(&random))
        let windows = (0..<2).map { _ in (0..<WallLayout.windowCount).map { _ in windowDescriptor() } }
        program.image.withUnsafeMutableBytes { image in
            func store(_ value: UInt64, _ frame: Int, _ offset: Int) {
                image.storeBytes(of: value, toByteOffset: frame * 0x1000 + offset, as: UInt64.self)
            }
            typealias Frame = WallLayout.Frame
            for area in areas {
                let code = UnsafeMutableRawBufferPointer(
                    rebasing: image[area.frame * 0x1000..<(area.frame + area.pageCount) * 0x1000])
                code.bindMemory(to: UInt32.self).update(repeating: Self.filler)
                area.words.withUnsafeBytes { code.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[...])) }
            }
            UnsafeMutableRawBufferPointer(rebasing: image[(Frame.data * 0x1000)...]).copyBytes(from: data)
            for tree in 0..<2 {
                for page in WallLayout.lowerPages(tree: tree) {
                    let descriptor = PageTables.descriptor(
                        WallLayout.frame(page.frame, ofSlot: slot), page.attributes)
                    store(descriptor, Frame.lower[tree], WallLayout.index(page.address) * 8)
                }
                for (page, descriptor) in windows[tree].enumerated() {
                    store(descriptor, Frame.lower[tree], (WallLayout.index(WallLayout.window) + page) * 8)
                }
            }
            for page in WallLayout.upperPages {
                store(
                    PageTables.descriptor(WallLayout.frame(page.frame, ofSlot: slot), page.attributes), Frame.upper,
                    WallLayout.index(page.address) * 8)
            }
            store(
                PageTables.descriptor(WallLayout.monitorFrame, PageAttributes.code.union(.readOnly)), Frame.upper,
                WallLayout.index(WallLayout.monitor) * 8)
            typealias Parameters = WallLayout.Parameters
            for (number, value) in registers.enumerated() { store(value, Frame.parameters, number * 8) }
            store(stacks[0], Frame.parameters, Parameters.spEL0)
            store(stacks[1], Frame.parameters, Parameters.spEL1)
            store(UInt64(control.0), Frame.parameters, Parameters.fpcr)
            store(UInt64(control.1), Frame.parameters, Parameters.fpsr)
            for (number, place) in schedule.enumerated() {
                store(place.pc, Frame.parameters, Parameters.schedule + number * 16)
                store(place.spsr, Frame.parameters, Parameters.schedule + number * 16 + 8)
            }
            typealias Log = WallLayout.Log
            store(WallLayout.log + UInt64(Log.entries), Frame.log, Log.cursor)
            store(UInt64(scheduleCount), Frame.log, Log.remaining)
            store(registers[2], Frame.log, Log.saved)
            store(registers[3], Frame.log, Log.saved + 8)
            store(WallLayout.parameters + UInt64(Parameters.schedule), Frame.log, Log.schedule)
        }
        return program
    }

    private mutating func windowDescriptor() -> UInt64 {
        if random.oneIn(4) { return 0 }
        let attributes = WallLayout.windowAttributes[random.below(WallLayout.windowAttributes.count)]
        let frames = attributes.contains(.readOnly) ? WallLayout.windowFrames : WallLayout.windowData
        let frame = frames[random.below(frames.count)]
        return PageTables.descriptor(WallLayout.frame(frame, ofSlot: slot), attributes)
    }

    // MARK: Places

    /// Where the monitor goes on.
    private mutating func place() -> (pc: UInt64, spsr: UInt64) {
        let rank = random.below(ranks.count)
        return (address(ofRank: rank, change()), spsr(for: areas[ranks[rank].area]))
    }

    /// SPSR_EL1 for code of an area: mostly of a level that may execute it.
    private mutating func spsr(for area: Area) -> UInt64 {
        var mode: UInt64 = area.isEL0 && (!area.isEL1 || random.oneIn(2)) ? 0 : random.oneIn(2) ? 4 : 5
        switch random.below(16) {
        case 0: mode = [0, 4, 5][random.below(3)]
        // EL2, EL3, AArch32 and reserved: illegal.
        case 1: mode = [0x9, 0xD, 0x10, 0x13, 0x1, 0x6][random.below(6)]
        default: break
        }
        var spsr = mode | random.next() & 0xF000_0000 | 0xF << 6
        if random.oneIn(4) { spsr |= PSTATEBit.pan }
        if random.oneIn(16) { spsr |= PSTATEBit.il }
        if random.oneIn(8) { spsr |= PSTATEBit.ss }
        if random.oneIn(4) { spsr &= ~(PSTATEBit.daif & (random.next() & PSTATEBit.daif)) }
        return spsr
    }

    private mutating func change() -> Change {
        switch random.below(16) {
        case 0...7: .none
        case 8...9: .offset(UInt64(1 + random.below(3)))
        case 10: .tag(random.next() & 0xFF)
        case 11: .window(UInt64(random.below(WallLayout.windowCount)))
        case 12: .alias
        case 13: .fixed(oddAddress())
        case 14: .offset(UInt64(random.below(64)) &* 4 &- 128)
        default: .fixed(RandomValues.general(&random))
        }
    }

    /// One that is nobody's, but for the last two words of the kernel's pages.
    private mutating func oddAddress() -> UInt64 {
        let address = WallTests.odd[random.below(WallTests.odd.count)]
        return WallLayout.kernel..<0xFFFF_FFFF_FFFF_FFF0 ~= address ? .max : address
    }

    // MARK: Words

    private mutating func append(_ words: [UInt32]) { areas[current].words += words }
    private mutating func append(_ words: A64...) { append(words.map(\.word)) }

    private var cursor: Int { areas[current].words.count }

    /// Puts an address into x16 or x17 that is known when all blocks are.
    private mutating func appendAddress(_ register: UInt32, rank: Int, _ change: Change) {
        addresses.append((current, cursor, register, rank, change))
        append(.nop, .nop, .nop, .nop)
    }

    private mutating func appendValue(_ register: UInt32, _ value: UInt64) {
        let index = cursor
        append(.nop, .nop, .nop, .nop)
        put(value, in: register, current, index)
    }

    /// A block that comes later, or one of any rank that cannot be reached as it is.
    private mutating func appendTarget(_ register: UInt32) -> Int {
        var change = change()
        var target = min(rank + 1 + random.below(3), ranks.count)
        if case .offset(let offset) = change, offset & 3 != 0 { target = random.below(ranks.count) }
        // Behind the last block there is nothing to go round again.
        if target == ranks.count {
            if case .fixed = change {} else { change = .fixed(oddAddress()) }
        }
        appendAddress(register, rank: target, change)
        return min(target, ranks.count - 1)
    }

    // MARK: Blocks

    private mutating func addBlock(isLast: Bool) {
        leaveGap()
        areas[current].blocks.append((rank, cursor))
        for _ in 0..<1 + random.below(4) { addItem() }
        addFlow()
    }

    /// Sometimes a block begins shortly before the end of a page.
    private mutating func leaveGap() {
        let area = areas[current]
        guard random.oneIn(4), area.pageCount > 1, cursor < 900 else { return }
        let start = 1024 - 1 - random.below(12)
        append([UInt32](repeating: Self.filler, count: start - cursor))
    }

    private var hasRoom: Bool { cursor < areas[current].wordCount - 200 }

    private mutating func addItem() {
        guard hasRoom else { return }
        let area = areas[current]
        let isEL1 = area.isEL1 && (!area.isEL0 || random.oneIn(3))
        switch random.below(16) {
        case 0...5: append((isEL1 ? pool.el1 : pool.el0)[random.below(pool.el0.count)])
        case 6: addLoop()
        case 7: addSlot()
        case 8: addTaggedAccess()
        case 9...10: addPatch()
        case 11:
            // The next block, perhaps.
            branches.append((current, cursor, area.blocks.count))
            append([0x5400_0000 | UInt32(random.below(14))])
        case 12: addStackPointer()
        default:
            if isEL1 { addPrivileged() } else { append([flagWord(), flagWord()]) }
        }
    }

    private mutating func addFlow() {
        switch random.below(10) {
        case 0...2: break
        case 3...6:
            _ = appendTarget(16)
            append([A64.br(.x16), .blr(.x16), A64(0xD65F_0200)][random.below(3)])
        case 7 where areas[current].isEL1:
            let target = appendTarget(16)
            append(.msr(.elrEL1, .x16))
            appendValue(17, spsr(for: areas[ranks[target].area]))
            append(.msr(.spsrEL1, .x17), .eret)
        case 8:
            branches.append((current, cursor, areas[current].blocks.count))
            append(.b(0))
        default:
            append([A64.svc(random.below(0x10000)), .brk(1), .udf(1), .hvc(1 + random.below(16))][random.below(4)])
        }
    }

    /// An instruction on x0 to x14.
    private mutating func flagWord() -> UInt32 {
        let bases: [UInt32] = [
            0xAB00_0000, 0x2B00_0000, 0xEB00_0000, 0x6B00_0000, 0x8B00_0000, 0x4B00_0000, 0xEA00_0000, 0x6A00_0000,
            0xBA00_0000, 0x3A00_0000, 0xFA00_0000, 0x9A80_0000, 0x9A80_0400,
        ]
        let registers = UInt32(random.below(15)) | UInt32(random.below(15)) << 5 | UInt32(random.below(15)) << 16
        return bases[random.below(bases.count)] | registers
    }

    /// Goes round with x18 to count; now and then until hot code is translated.
    private mutating func addLoop() {
        let body = (0..<1 + random.below(4)).map { _ in flagWord() }
        append(.movz(.x18, random.oneIn(6) ? 40 + random.below(60) : 1 + random.below(5)))
        append(body)
        append(.sub(.x18, .x18, 1), .cbnz(.x18, -(body.count + 1)))
    }

    private mutating func addSlot() {
        let (register, other) = (UInt32(random.below(15)), UInt32(random.below(15)))
        if random.oneIn(3) {
            slots.append((current, cursor, 24))
            append([A64.cbz(.x0, 2).word | register, flagWord()])
        } else {
            let arithmetic: [UInt32] = [0x8B00_0000, 0x2B00_0000, 0x8A00_0000, 0x2A00_0000, 0x9280_0000, 0x9A80_0000]
            slots.append((current, cursor, 30))
            append([arithmetic[random.below(arithmetic.count)] | register | other << 5 | other << 16])
        }
    }

    /// Changes an instruction and makes that visible.
    private mutating func addPatch() {
        patches.append((current, cursor, random.below(1 << 16), !random.oneIn(8)))
        append(.nop, .nop, .nop, .nop, .ldrw(.x17, .x16), .word(0x5200_0231), .strw(.x17, .x16), .dsbISH, .isb)
    }

    private mutating func addTaggedAccess() {
        let offsets: [UInt64] = [0, 8, 0xFF8, 0xFFC, 0xFFF, 0x1000, 0x1FF8, 0x1FFF, 0x2000, 0x2FFC, 0x2FFF]
        let base = [OracleLayout.data, WallLayout.window, WallLayout.window + 0x1000][random.below(3)]
        var address = base + offsets[random.below(offsets.count)]
        switch random.below(4) {
        case 0: address |= random.next() & 0xFF << 56
        case 1: address = WallTests.odd[random.below(WallTests.odd.count)]
        default: break
        }
        appendValue(16, address)
        let t = Register(rawValue: UInt32(random.below(15))) ?? .x0
        let accesses: [A64] = [
            .ldr(t, .x16), .ldrb(t, .x16), .ldrw(t, .x16), .ldp(t, .x15, .x16), .str(t, .x16), .strb(t, .x16),
            .strw(t, .x16), .stp(t, .x15, .x16), .ldtr(t, .x16), .sttr(t, .x16), .ldar(t, .x16), .stlr(t, .x16),
            .ldadd(t, .x15, .x16), .ldr(q: 3, .x16), .sys(.dcZVA, .x16), .ldxr(t, .x16), .stxr(.x15, t, .x16),
        ]
        append(accesses[random.below(accesses.count)])
    }

    private mutating func addStackPointer() {
        appendValue(16, OracleLayout.data + UInt64(random.below(0x800)) * (random.oneIn(3) ? 1 : 16))
        append(.movToSP(.x16))
        // LDR Xt, [SP, #8]
        if random.oneIn(2) { append(.ldr(.x3, .sp, 8)) }
    }

    // MARK: What only EL1 may do

    private mutating func addPrivileged() {
        switch random.below(10) {
        case 0...3: addRemapping()
        // The window shows what both levels execute, from anywhere on.
        case 4...5 where areas[current].isEL0: append([flagWord()])
        case 4:
            appendValue(16, WallMachine.ttbr0(slot: slot, tree: random.below(2)))
            append(.msr(.ttbr0EL1, .x16), .isb)
        case 5:
            // SCTLR_EL1: A, SA, SA0, WXN, SPAN, and what EL0 may do.
            let bits: [UInt32] = [1, 3, 4, 9, 14, 15, 16, 18, 19, 23, 26]
            append(.mrs(.x16, .sctlrEL1))
            append([0xD240_0210 | (64 - bits[random.below(bits.count)]) << 16])
            append(.msr(.sctlrEL1, .x16), .isb)
        case 6:
            let x = Register(rawValue: UInt32(random.below(15))) ?? .x0
            let accesses: [A64] = [
                .mrs(x, .currentEL), .mrs(x, .spSel), .mrs(x, .daif), .mrs(x, .elrEL1), .mrs(x, .spsrEL1),
                .mrs(x, .esrEL1), .mrs(x, .farEL1), .mrs(x, .pan), .msr(.tpidrEL0, x), .mrs(x, .tpidrEL1),
                .msr(.nzcv, x), .msr(.farEL1, x), .msr(.elrEL1, x),
            ]
            append(accesses[random.below(accesses.count)])
        case 7:
            let fields: [A64] = [
                .msrSPSel(random.below(2)), .msrPAN(random.below(2)), .msrDAIFSet(random.below(16)),
                .msrDAIFClr(random.below(16)),
            ]
            append(fields[random.below(fields.count)])
        case 8:
            appendTranslation()
        default:
            // Software step, from the next exception return on.
            appendValue(16, 1 | (random.oneIn(4) ? 1 << 13 : 0))
            append(.msr(.mdscrEL1, .x16), .msr(.oslarEL1, .zr), .isb)
        }
    }

    private mutating func appendTranslation() {
        let operations: [SystemOperation] = [.atS1E1R, .atS1E1W, .atS1E0R, .atS1E0W]
        appendValue(16, WallLayout.window + UInt64(random.below(WallLayout.windowCount)) << 12)
        append(.sys(operations[random.below(4)], .x16), .isb, .mrs(.x3, .parEL1))
    }

    /// Maps something else in the window, or the same with other permissions, by break-before-make.
    private mutating func addRemapping() {
        let page = UInt64(random.below(WallLayout.windowCount))
        let address = WallLayout.window + page << 12
        appendValue(16, WallLayout.tablesAlias + UInt64(WallLayout.index(address) * 8))
        append(.str(.zr, .x16), .dsbISH)
        let all = address >> 12
        // One granule of 4 KiB: TG 1, SCALE 0, NUM 0 is two pages.
        let range = 1 << 46 | all
        let operations: [(SystemOperation, UInt64)] = [
            (.tlbiVAAE1, all), (.tlbiVAAE1IS, all), (.tlbiVAALE1, all), (.tlbiVAALE1IS, all), (.tlbiRVAAE1, range),
            (.tlbiVMALLE1, 0), (.tlbiVMALLE1IS, 0), (.tlbiVAAE1IS, all),
        ]
        let (operation, operand) = operations[random.below(operations.count)]
        appendValue(17, operand)
        append(.sys(operation, operand == 0 ? .zr : .x17), .dsbISH, .isb)
        appendValue(17, windowDescriptor())
        append(.str(.x17, .x16), .dsbISH, .isb, .movz(.x16, 0), .movz(.x17, 0))
    }
}
