// One row of the instruction table: a bit pattern, and what matches it.
//
// Responsible for: turning a written pattern into mask and value. The table itself is `EncodingTable`, the search in
// it `Decoder`. What an instruction does is said once, in the emulator's lowering.

/// The groups of the Arm ARM's A64 encoding index (DDI 0487, C4.1) that the table is divided into.
public enum EncodingGroup: String, Sendable, CaseIterable {
    case dataProcessingImmediate
    case dataProcessingRegister
    case branches
    case exceptionGeneration
    case system
    case loadsAndStores
    case exclusives
    case atomics
    case vectorLoadsAndStores
    case floatingPoint
    case advancedSIMD
    case cryptography

    /// The feature that all of the group needs, where a row names no other.
    public var feature: CPUFeature? {
        switch self {
        // Vectors of floating point too: a CPU has FEAT_FP and FEAT_AdvSIMD, or neither.
        case .floatingPoint, .vectorLoadsAndStores: .fp
        case .advancedSIMD, .cryptography: .advSIMD
        default: nil
        }
    }
}

/// One instruction encoding of A64.
public struct Encoding: Sendable {
    /// Which instruction this is: the case is named after the Arm ARM's section.
    public let instruction: Instruction
    public let group: EncodingGroup
    /// The feature that a CPU decodes it with; nil if every A64 CPU does.
    public let feature: CPUFeature?
    /// The 32 bits from bit 31 down: `0` and `1` are fixed, every other character is a field; spaces are ignored.
    public let pattern: StaticString
    /// Ones where the pattern fixes a bit.
    public let mask: UInt32
    /// The fixed bits.
    public let value: UInt32

    /// - Precondition: `pattern` has 32 significant characters (a mistake in the table, found by its test).
    public init(
        _ instruction: Instruction, _ group: EncodingGroup, _ pattern: StaticString, needs feature: CPUFeature? = nil
    ) {
        self.instruction = instruction
        self.feature = feature ?? group.feature
        self.group = group
        self.pattern = pattern
        var mask: UInt32 = 0
        var value: UInt32 = 0
        var count = 0
        for character in pattern.description.utf8 where character != UInt8(ascii: " ") {
            let fixed = character == UInt8(ascii: "0") || character == UInt8(ascii: "1")
            mask = mask << 1 | (fixed ? 1 : 0)
            value = value << 1 | (character == UInt8(ascii: "1") ? 1 : 0)
            count += 1
        }
        precondition(count == 32, "pattern of \(instruction) has \(count) bits")
        self.mask = mask
        self.value = value
    }

    /// Whether `word` is one of this encoding.
    @inlinable
    public func matches(_ word: UInt32) -> Bool {
        word & mask == value
    }
}
