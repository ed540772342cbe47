// The table of facts against the interpreter: an operation changes nothing and depends on nothing that the table does
// not name, and all that it names.

import Arm64
import Testing

@testable import Emulator

@Suite("Facts of operations", .serialized) struct OperationFactsTests {
    private typealias State = OperationMachine.State
    private typealias Register = CPUState.Register

    private static let perRow = 24

    /// Facts are of an opcode and, where there is one, of the opcode of the second level.
    private struct Key: Hashable, CustomStringConvertible {
        let code: Opcode
        let sub: UInt8

        init(_ operation: Operation) {
            code = operation.code
            switch operation.code {
            case .vector, .float, .half, .crypto, .atomic: sub = operation.sub
            default: sub = 0
            }
        }

        init(_ code: Opcode, _ sub: UInt8 = 0) {
            self.code = code
            self.sub = sub
        }

        var description: String {
            switch code {
            case .vector: "vector \(VectorOpcode(rawValue: sub).map { "\($0)" } ?? "?")"
            case .float: "float \(FloatOpcode(rawValue: sub).map { "\($0)" } ?? "?")"
            case .half: "half \(FloatOpcode(rawValue: sub).map { "\($0)" } ?? "?")"
            case .crypto: "crypto \(CryptoOpcode(rawValue: sub).map { "\($0)" } ?? "?")"
            case .atomic: "atomic \(AtomicOpcode(rawValue: sub).map { "\($0)" } ?? "?")"
            default: "\(code)"
            }
        }
    }

    /// One thing that an operation's facts name.
    private enum Item: Hashable {
        case read(UInt8)
        case written(UInt8)
        case readVector(UInt8)
        case writtenVector(UInt8)
        case readFlags, writtenFlags, readFPCR, readSystem, loaded, stored
    }

    private static let operands: [OperationFacts.Operands] = [.d, .n, .m, .a, .afterD, .afterM, .sp, .link]
    private static let vectorOperands: [OperationFacts.Operands] = [.d, .n, .m, .a, .table]

    // MARK: States

    private static func randomState(_ random: inout SeededGenerator, _ machine: OperationMachine) -> State {
        var state = State()
        for index in state.x.indices { state.x[index] = RandomValues.general(&random) }
        for index in state.v.indices {
            state.v[index] = SIMD2(RandomValues.lane(&random), RandomValues.lane(&random))
        }
        state.x[Int(Register.zero)] = 0
        // The block is for a stack pointer that is aligned.
        state.x[Int(Register.sp)] &= ~15
        state.nzcv = UInt32(truncatingIfNeeded: random.next()) & 0xF000_0000
        state.fpcr = UInt32(truncatingIfNeeded: random.next() & CPUModel.dormouse2.fpcr.writable)
        state.fpsr = UInt32(truncatingIfNeeded: random.next() & FloatingPointRegister.fpsrWritable)
        state.system = machine.initialSystem
        for word in harmless { state.system[word] = random.next() }
        state.memory = (0..<OperationMachine.windowByteCount / 8).flatMap { _ in
            withUnsafeBytes(of: random.next(), Array.init)
        }
        return state
    }

    /// System registers that change nothing but what they say.
    private static let harmless: [Int] = {
        let fields: [KeyPath<SystemState, UInt64>] = [
            \.spEL0, \.elrEL1, \.farEL1, \.contextidrEL1, \.tpidrEL0, \.tpidrroEL0, \.tpidrEL1, \.parEL1,
            \.exclusiveLow, \.exclusiveHigh,
        ]
        return fields.map(OperationMachine.systemIndex)
    }()

    /// Makes an access of `operation` hit the window. False if its address does not come from a register alone.
    private static func aim(
        _ operation: Operation, _ state: inout State, _ machine: OperationMachine, _ random: inout SeededGenerator
    ) -> Bool {
        let facts = OperationFacts(of: operation)
        // So that both ways are gone.
        if facts.flow == .sideExit, facts.reads.contains(.n), random.oneIn(2) { state.x[Int(operation.n)] = 0 }
        guard !facts.effects.isDisjoint(with: [.loads, .stores]) else { return true }
        guard operation.n != Register.zero else { return false }
        let isAtomic = operation.code == .atomic
        var target = OperationMachine.window + 0x800 + 64 * UInt64(random.below(4))
        if !isAtomic, operation.n != Register.sp, random.oneIn(3) { target += UInt64(random.below(64)) }
        switch operation.code {
        case .loadIndexed8, .loadIndexed32, .loadIndexed64:
            guard operation.n != operation.m, operation.m != Register.zero else { return false }
            state.x[Int(operation.m)] = random.next() & 0x1F
            state.x[Int(operation.n)] = target &- state.x[Int(operation.m)] << UInt64(operation.a)
        case .atomic:
            state.x[Int(operation.n)] = target
            aimAtomic(operation, target, &state, machine, &random)
        default:
            state.x[Int(operation.n)] = target &- operation.immediate
        }
        return operation.n != Register.sp || state.x[Int(Register.sp)] & 15 == 0
    }

    /// Lets comparisons and stores-exclusive succeed now and then.
    private static func aimAtomic(
        _ operation: Operation, _ target: UInt64, _ state: inout State, _ machine: OperationMachine,
        _ random: inout SeededGenerator
    ) {
        let offset = Int(target - OperationMachine.window)
        func memory(_ offset: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(state.memory[offset + $1]) << UInt64(8 * $1) }
        }
        let size = 1 << Int(operation.shape.size)
        guard !random.oneIn(3) else { return }
        switch AtomicOpcode(rawValue: operation.sub) {
        case .compareAndSwap where operation.m != operation.n && operation.m != Register.zero:
            state.x[Int(operation.m)] = memory(offset, size)
        case .compareAndSwapPair where operation.m != operation.n && operation.m < 30 && operation.m + 1 != operation.n:
            state.x[Int(operation.m)] = memory(offset, size)
            state.x[Int(operation.m) + 1] = memory(offset + size, size)
        case .storeExclusive, .storeExclusivePair:
            let isPair = AtomicOpcode(rawValue: operation.sub) == .storeExclusivePair
            let total = isPair ? 2 * size : size
            state.system[OperationMachine.systemIndex(\.exclusiveAddress)] = machine.hostAddress(target)
            state.system[OperationMachine.systemIndex(\.exclusiveSize)] = UInt64(total)
            state.system[OperationMachine.systemIndex(\.exclusiveLow)] = memory(offset, min(total, 8))
            state.system[OperationMachine.systemIndex(\.exclusiveHigh)] = total == 16 ? memory(offset + 8, 8) : 0
        default: break
        }
    }

    // MARK: The comparison

    private struct Observation {
        var mistakes: [String] = []
        var seen: Set<Item> = []
    }

    private static func registers(_ set: RegisterSet) -> [Int] {
        (0..<40).filter { set.contains(UInt8($0)) }
    }

    private static func didTrap(_ after: State) -> Bool {
        // The monitor's vectors.
        after.pc & ~0x7FF == OperationMachine.Layout.monitor
    }

    /// What differs between two outcomes, among the things that the operation may have changed.
    private static func outcomesDiffer(
        _ operation: Operation, _ before: (State, State), _ after: (State, State)
    ) -> String? {
        let facts = OperationFacts(of: operation)
        let (a, b) = after
        if didTrap(a) && didTrap(b) { return nil }
        if a.pc != b.pc { return "where it goes on" }
        for register in registers(facts.writes.registers(of: operation)) where register != Int(Register.sink) {
            if a.x[register] != b.x[register] { return "x\(register)" }
        }
        let vectors = facts.vectorWrites.vectors(of: operation)
        for register in 0..<36 where vectors >> UInt64(register) & 1 != 0 {
            if a.v[register] != b.v[register] { return "v\(register)" }
        }
        // Some system registers hold them, and others do not.
        let flagsChanged = a.nzcv != before.0.nzcv || b.nzcv != before.1.nzcv
        if flagsChanged, a.nzcv != b.nzcv { return "NZCV" }
        // Bits of FPSR are set, not cleared.
        if a.fpsr | before.1.fpsr != b.fpsr | before.0.fpsr { return "FPSR" }
        if facts.effects.contains(.writesSystem) {
            for word in a.system.indices {
                let isChanged = a.system[word] != before.0.system[word] || b.system[word] != before.1.system[word]
                if isChanged, a.system[word] != b.system[word] { return "system word \(word)" }
            }
        }
        for byte in a.memory.indices {
            let isChanged = a.memory[byte] != before.0.memory[byte] || b.memory[byte] != before.1.memory[byte]
            if isChanged, a.memory[byte] != b.memory[byte] { return "memory" }
        }
        return nil
    }

    /// What `operation` changed that its facts do not name.
    private static func undeclaredChanges(
        _ operation: Operation, _ before: State, _ after: State, block: UInt64, _ observation: inout Observation
    ) {
        let facts = OperationFacts(of: operation)
        let trapped = didTrap(after) && facts.flow != .indirect
        func mistake(_ text: String) { observation.mistakes.append(text) }
        if trapped, !facts.effects.contains(.mayTrap) { mistake("takes an exception") }
        // An exception is all that comes of an operation that takes one.
        let writes = trapped ? .none : facts.writes.registers(of: operation)
        let vectorWrites = trapped ? 0 : facts.vectorWrites.vectors(of: operation)
        for register in 0..<40 where register != Int(Register.sink) && !writes.contains(UInt8(register)) {
            if facts.flow == .leaves && register == Int(Register.sp) { continue }
            if after.x[register] != before.x[register] { mistake("changes x\(register)") }
        }
        for register in 0..<36 where vectorWrites >> UInt64(register) & 1 == 0 {
            if after.v[register] != before.v[register] { mistake("changes v\(register)") }
        }
        if after.nzcv != before.nzcv, trapped || !facts.effects.contains(.writesFlags) { mistake("changes NZCV") }
        if after.fpcr != before.fpcr, !facts.effects.contains(.writesSystem) { mistake("changes FPCR") }
        if after.fpsr != before.fpsr, !facts.effects.contains(.writesFPSR) { mistake("changes FPSR") }
        if after.system != before.system, !trapped, facts.flow != .leaves, !facts.effects.contains(.writesSystem) {
            mistake("changes system state")
        }
        if after.memory != before.memory, trapped || !facts.effects.contains(.stores) { mistake("changes memory") }
        guard !trapped else { return }
        let (next, target) = (block &+ 4, block &+ operation.immediate)
        switch facts.flow {
        case .next: if after.pc != next { mistake("does not go on with the next operation") }
        case .sideExit: if after.pc != next && after.pc != target { mistake("goes elsewhere") }
        case .jump: if after.pc != target { mistake("does not go to its target") }
        case .indirect: if after.pc != before.x[Int(operation.n)] { mistake("does not go to x[n]") }
        case .leaves: break
        }
        // What was seen to change.
        for (index, operand) in operands.enumerated() where facts.writes.contains(operand) {
            let changed = registers(operand.registers(of: operation)).contains { before.x[$0] != after.x[$0] }
            if changed { observation.seen.insert(.written(UInt8(index))) }
        }
        for (index, operand) in vectorOperands.enumerated() where facts.vectorWrites.contains(operand) {
            let set = operand.vectors(of: operation)
            if (0..<36).contains(where: { set >> UInt64($0) & 1 != 0 && before.v[$0] != after.v[$0] }) {
                observation.seen.insert(.writtenVector(UInt8(index)))
            }
        }
        if after.nzcv != before.nzcv { observation.seen.insert(.writtenFlags) }
        if after.memory != before.memory { observation.seen.insert(.stored) }
    }

    /// `state` with another value in everything that the facts of `operation` do not name as read.
    private static func scrambled(
        _ state: State, for operation: Operation, _ machine: OperationMachine, _ random: inout SeededGenerator
    ) -> State {
        let facts = OperationFacts(of: operation)
        let other = randomState(&random, machine)
        var result = other
        for register in registers(facts.reads.registers(of: operation)) { result.x[register] = state.x[register] }
        let vectors = facts.vectorReads.vectors(of: operation)
        for register in 0..<36 where vectors >> UInt64(register) & 1 != 0 { result.v[register] = state.v[register] }
        if facts.effects.contains(.readsFlags) { result.nzcv = state.nzcv }
        if facts.effects.contains(.readsFPCR) { result.fpcr = state.fpcr }
        if !facts.effects.isDisjoint(with: [.readsSystem, .writesSystem]) {
            result.system = state.system
            result.fpsr = state.fpsr
        }
        if facts.effects.contains(.loads) { result.memory = state.memory }
        return result
    }

    /// Things that `operation` reads, each with a way to change it and nothing else that it reads: a register that two
    /// operands name says nothing of either.
    private static func readItems(of operation: Operation) -> [(Item, (inout State, State) -> Void)] {
        let facts = OperationFacts(of: operation)
        var items: [(Item, (inout State, State) -> Void)] = []
        for (index, operand) in operands.enumerated() where facts.reads.contains(operand) {
            let others = facts.reads.subtracting(operand).registers(of: operation) | RegisterSet(Register.zero)
            let set = registers(operand.registers(of: operation).subtracting(others))
            if !set.isEmpty {
                items.append(
                    (
                        .read(UInt8(index)),
                        { state, other in for register in set { state.x[register] = other.x[register] } }
                    ))
            }
        }
        for (index, operand) in vectorOperands.enumerated() where facts.vectorReads.contains(operand) {
            let set =
                operand.vectors(of: operation) & ~facts.vectorReads.subtracting(operand).vectors(of: operation)
            if set != 0 {
                items.append(
                    (
                        .readVector(UInt8(index)),
                        { state, other in
                            for register in 0..<36 where set >> UInt64(register) & 1 != 0 {
                                state.v[register] = other.v[register]
                            }
                        }
                    ))
            }
        }
        if facts.effects.contains(.readsFlags) { items.append((.readFlags, { $0.nzcv = $1.nzcv })) }
        if facts.effects.contains(.readsFPCR) { items.append((.readFPCR, { $0.fpcr = $1.fpcr })) }
        if facts.effects.contains(.readsSystem) {
            items.append(
                (
                    .readSystem,
                    {
                        ($0.system, $0.fpsr) = ($1.system, $1.fpsr)
                        // Floating point is trapped, and other exceptions are masked.
                        $0.system[OperationMachine.systemIndex(\.cpacrEL1)] = 0
                        $0.system[OperationMachine.systemIndex(\.pstate)] ^= $1.x[0] & PSTATEBit.daif
                    }
                ))
        }
        if facts.effects.contains(.loads) { items.append((.loaded, { $0.memory = $1.memory })) }
        return items
    }

    // MARK: What is named and not seen

    /// Names that no trial can show, with the reason why.
    private struct Exception {
        var codes: [Opcode]
        /// Nil: whatever they name.
        var items: Set<Item>?
        var reason: String
    }

    private static let exceptions: [Exception] = [
        Exception(codes: [.readSystemRegister], items: nil, reason: "time goes on between two executions"),
        Exception(
            codes: [
                .stackPointerWritten, .exceptionReturn, .generateException, .undefined, .wait, .writeSystemRegister,
                .systemInstruction,
            ], items: nil, reason: "shows at another exception level, or with a misaligned stack pointer"),
        Exception(codes: [.checkStackPointer], items: [.readSystem], reason: "shows with a misaligned stack pointer"),
        Exception(codes: [.zeroCacheLine, .writeDAIF], items: [.readSystem], reason: "is trapped at EL0 only"),
        Exception(codes: [.barrier], items: [.readSystem], reason: "looks for requests of other threads"),
    ]

    private static func isException(_ key: Key, _ item: Item) -> Bool {
        exceptions.contains { $0.codes.contains(key.code) && $0.items?.contains(item) ?? true }
    }

    /// What is done to show one name, at most: random states show what is rare in one of some hundred.
    private static let trials = 4000

    /// Tries to see `missing` with operations of one key; returns what was not seen.
    private static func missing(
        _ missing: Set<Item>, with operations: [Operation], _ machine: OperationMachine,
        _ random: inout SeededGenerator
    ) throws -> Set<Item> {
        var missing = missing
        for _ in 0..<trials where !missing.isEmpty {
            let operation = operations[random.below(operations.count)]
            var before = randomState(&random, machine)
            guard aim(operation, &before, machine, &random) else { continue }
            let block = try machine.block(of: operation)
            let after = machine.run(block, on: before)
            var observation = Observation()
            undeclaredChanges(operation, before, after, block: block, &observation)
            missing.subtract(observation.seen)
            for (item, change) in readItems(of: operation) where missing.contains(item) {
                var changed = before
                change(&changed, randomState(&random, machine))
                let changedAfter = machine.run(block, on: changed)
                if outcomesDiffer(operation, (before, changed), (after, changedAfter)) != nil { missing.remove(item) }
            }
        }
        return missing
    }

    // MARK: Tests

    @Test("The interpreter changes and reads what the facts of an operation name, and nothing else")
    func factsAreTheInterpreters() throws {
        let machine = try OperationMachine()
        var random = SeededGenerator(seed: 0xFAC7)
        var seen: [Key: Set<Item>] = [:]
        var named: [Key: Set<Item>] = [:]
        var samples: [Key: [Operation]] = [:]
        var mistakes: Set<String> = []
        for operation in OperationSamples.all(perRow: Self.perRow, &random) {
            let key = Key(operation)
            var observation = Observation()
            var before = Self.randomState(&random, machine)
            guard Self.aim(operation, &before, machine, &random) else { continue }
            samples[key, default: []].append(operation)
            let block = try machine.block(of: operation)
            let after = machine.run(block, on: before)
            Self.undeclaredChanges(operation, before, after, block: block, &observation)
            if !Self.dependsOnTime(operation) {
                let other = Self.scrambled(before, for: operation, machine, &random)
                let otherAfter = machine.run(block, on: other)
                if let difference = Self.outcomesDiffer(operation, (before, other), (after, otherAfter)) {
                    observation.mistakes.append("\(difference) depends on what is not named")
                }
                let items = Self.readItems(of: operation)
                named[key, default: []].formUnion(items.map(\.0))
                for (item, change) in items {
                    var changed = before
                    change(&changed, Self.randomState(&random, machine))
                    let changedAfter = machine.run(block, on: changed)
                    if Self.outcomesDiffer(operation, (before, changed), (after, changedAfter)) != nil {
                        observation.seen.insert(item)
                    }
                }
            }
            named[key, default: []].formUnion(Self.writtenItems(of: operation))
            seen[key, default: []].formUnion(observation.seen)
            mistakes.formUnion(observation.mistakes.map { "\(key) \($0)" })
        }
        for mistake in mistakes.sorted() { Issue.record("\(mistake)") }
        for key in Self.everyKey() { #expect(named[key] != nil, "\(key) was never executed") }
        for (key, items) in named.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let unseen = items.subtracting(seen[key, default: []])
            let excused = unseen.filter { Self.isException(key, $0) }
            let missing = try Self.missing(
                unseen.subtracting(excused), with: samples[key, default: []], machine, &random)
            #expect(missing.isEmpty, "\(key): named, but never seen: \(missing)")
        }
    }

    private static func writtenItems(of operation: Operation) -> Set<Item> {
        let facts = OperationFacts(of: operation)
        var items: Set<Item> = []
        for (index, operand) in operands.enumerated() where facts.writes.contains(operand) {
            if operand.registers(of: operation).subtracting(RegisterSet(Register.sink)) != .none {
                items.insert(.written(UInt8(index)))
            }
        }
        for (index, operand) in vectorOperands.enumerated() where facts.vectorWrites.contains(operand) {
            items.insert(.writtenVector(UInt8(index)))
        }
        if facts.effects.contains(.writesFlags) { items.insert(.writtenFlags) }
        if facts.effects.contains(.stores) { items.insert(.stored) }
        return items
    }

    /// Opcodes that have no meaning in half precision, besides those of double precision.
    private static let notHalf: Set<FloatOpcode> = [
        // The operation of single precision does.
        .fmovImmediate, .fmovGeneralToTop, .fmovTopToGeneral,
        // There are no such instructions.
        .urecpe, .ursqrte,
        // Between precisions.
        .fcvtHalfToSingle, .fcvtSingleToHalf, .fcvtl, .fcvtn, .fcvtxn,
        .fcvtzsDW, .fcvtzsDX, .fcvtzuDW, .fcvtzuDX, .scvtfWD, .scvtfXD, .ucvtfWD, .ucvtfXD,
    ]

    /// Every opcode, of both levels.
    private static func everyKey() -> [Key] {
        var keys = Opcode.allCases.filter { ![.vector, .float, .half, .crypto, .atomic].contains($0) }.map { Key($0) }
        keys += VectorOpcode.allCases.map { Key(.vector, $0.rawValue) }
        keys += FloatOpcode.allCases.map { Key(.float, $0.rawValue) }
        keys += FloatOpcode.allCases.filter { !notHalf.contains($0) && !"\($0)".contains("Double") }
            .map { Key(.half, $0.rawValue) }
        keys += CryptoOpcode.allCases.map { Key(.crypto, $0.rawValue) }
        keys += AtomicOpcode.allCases.map { Key(.atomic, $0.rawValue) }
        return keys
    }

    /// Whether two executions may differ because time went on.
    private static func dependsOnTime(_ operation: Operation) -> Bool { operation.code == .readSystemRegister }

    #if arch(x86_64)
    @Test("The translator treats an operation as its facts allow", arguments: [false, true])
    func treatment(isEL0: Bool) throws {
        var random = SeededGenerator(seed: 0x7EA7)
        var features = HostFeatures()
        for operation in OperationSamples.all(perRow: 4, &random) {
            // Hosts with all that the translator knows to use, and with nothing of it.
            let hasAll = random.oneIn(2)
            features.hasFMA = hasAll
            features.hasLZCNT = hasAll
            features.hasCarrylessProduct = hasAll
            features.hasBMI = hasAll
            features.hasAES = hasAll
            features.hasSHA = hasAll
            let facts = OperationFacts(of: operation)
            let treatment = Treatment(of: operation, isEL0: isEL0, features: features)
            let comment = "\(Key(operation))"
            #expect((treatment == .jump) == (facts.flow == .jump), "\(comment)")
            #expect((treatment == .branch) == (facts.flow == .sideExit), "\(comment)")
            #expect((treatment == .indirect) == (facts.flow == .indirect), "\(comment)")
            if facts.flow == .leaves { #expect(treatment == .resume, "\(comment)") }
            // DAIF is trapped at EL0 only.
            let isDAIF = operation.code == .readDAIF || operation.code == .setDAIF
            if treatment == .native, isEL0 || !isDAIF {
                #expect(facts.effects.isDisjoint(with: [.mayTrap, .loads, .stores]), "\(comment)")
            }
        }
    }
    #endif
}
