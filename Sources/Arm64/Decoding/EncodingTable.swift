// The whole instruction table; its rows are in one file for each group.

/// All A64 encodings that Dormouse implements, each with the feature that a CPU model needs to have it.
public enum EncodingTable {
    /// Every row. The decoders of CPU models, the disassembler and the tests' random generator are driven by it.
    public static let all: [Encoding] =
        dataProcessingImmediate + dataProcessingRegister + branchesAndSystem + loadsAndStores + exclusivesAndAtomics
        + vectorLoadsAndStores + floatingPoint + halfPrecision + advancedSIMD + cryptography
}
