// From a decoded instruction to operations: the dispatch. What each group comes to is in the group's own file.

import Arm64

/// Lowers instruction words.
public enum Lowering {
    /// Appends the operations of `word` to `context`; false if the instruction is undefined.
    public static func lower(_ word: UInt32, as instruction: Instruction, into context: inout LoweringContext) -> Bool {
        switch instruction {
        case .unallocated: false
        default:
            lowerAdvancedSIMD(word, as: instruction, into: &context)
                || lowerCryptography(word, as: instruction, into: &context)
        }
    }
}
