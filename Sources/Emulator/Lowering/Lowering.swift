// From a decoded instruction to operations: the dispatch. What each group comes to is in the group's own file.

import Arm64

/// Lowers instruction words: the one place that says what an instruction does.
public enum Lowering {
    /// The encoding group of each instruction, by its raw value.
    private static let groups: [EncodingGroup] = {
        var groups = [EncodingGroup](repeating: .system, count: Instruction.allCases.count)
        for row in EncodingTable.all { groups[Int(row.instruction.rawValue)] = row.group }
        return groups
    }()

    /// Appends the operations of `word` to `context`; false if the instruction is undefined.
    public static func lower(_ word: UInt32, as instruction: Instruction, into context: inout LoweringContext) -> Bool {
        switch groups[Int(instruction.rawValue)] {
        case .dataProcessingImmediate:
            return lowerDataProcessingImmediate(word, as: instruction, into: &context)
        case .dataProcessingRegister:
            return lowerDataProcessingRegister(word, as: instruction, into: &context)
        case .branches:
            return lowerBranch(word, as: instruction, into: &context)
        case .exceptionGeneration, .system:
            return lowerSystem(word, as: instruction, into: &context)
        case .loadsAndStores:
            return lowerLoadOrStore(word, as: instruction, into: &context)
        case .exclusives, .atomics:
            return lowerExclusiveOrAtomic(word, as: instruction, into: &context)
        case .vectorLoadsAndStores:
            context.checkFloatingPoint()
            return lowerVectorLoadOrStore(word, as: instruction, into: &context)
        case .floatingPoint:
            context.checkFloatingPoint()
            return lowerFloatingPoint(word, as: instruction, into: &context)
        case .advancedSIMD:
            context.checkFloatingPoint()
            return lowerAdvancedSIMD(word, as: instruction, into: &context)
        case .cryptography:
            context.checkFloatingPoint()
            return lowerCryptography(word, as: instruction, into: &context)
        }
    }
}
