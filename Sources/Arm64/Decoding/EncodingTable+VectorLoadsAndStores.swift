// Loads and stores of Advanced SIMD and floating-point registers: DDI 0487, C4.1.96.

extension EncodingTable {
    static let vectorLoadsAndStores: [Encoding] = [
        Encoding(.ldrLiteralSIMD, .vectorLoadsAndStores, "zz011100 iiiiiiii iiiiiiii iiittttt"),
        Encoding(.stnpSIMD, .vectorLoadsAndStores, "zz101100 00iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldnpSIMD, .vectorLoadsAndStores, "zz101100 01iiiiii iuuuuunn nnnttttt"),
        Encoding(.stpPostIndexSIMD, .vectorLoadsAndStores, "zz101100 10iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpPostIndexSIMD, .vectorLoadsAndStores, "zz101100 11iiiiii iuuuuunn nnnttttt"),
        Encoding(.stpOffsetSIMD, .vectorLoadsAndStores, "zz101101 00iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpOffsetSIMD, .vectorLoadsAndStores, "zz101101 01iiiiii iuuuuunn nnnttttt"),
        Encoding(.stpPreIndexSIMD, .vectorLoadsAndStores, "zz101101 10iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpPreIndexSIMD, .vectorLoadsAndStores, "zz101101 11iiiiii iuuuuunn nnnttttt"),
        Encoding(.loadStoreUnscaledSIMD, .vectorLoadsAndStores, "zz111100 ol0iiiii iiii00nn nnnttttt"),
        Encoding(.loadStorePostIndexSIMD, .vectorLoadsAndStores, "zz111100 ol0iiiii iiii01nn nnnttttt"),
        Encoding(.loadStorePreIndexSIMD, .vectorLoadsAndStores, "zz111100 ol0iiiii iiii11nn nnnttttt"),
        Encoding(.loadStoreRegisterOffsetSIMD, .vectorLoadsAndStores, "zz111100 ol1mmmmm xxxS10nn nnnttttt"),
        Encoding(.loadStoreUnsignedImmediateSIMD, .vectorLoadsAndStores, "zz111101 oliiiiii iiiiiinn nnnttttt"),
        Encoding(.loadStoreMultipleStructures, .vectorLoadsAndStores, "0Q001100 0L000000 oooozznn nnnttttt"),
        Encoding(.loadStoreMultipleStructuresPostIndex, .vectorLoadsAndStores, "0Q001100 1L0mmmmm oooozznn nnnttttt"),
        Encoding(.loadStoreSingleStructure, .vectorLoadsAndStores, "0Q001101 0LR00000 oooSzznn nnnttttt"),
        Encoding(.loadStoreSingleStructurePostIndex, .vectorLoadsAndStores, "0Q001101 1LRmmmmm oooSzznn nnnttttt"),
    ]
}
