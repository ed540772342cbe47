// Loads and stores of general registers: DDI 0487, C4.1.96. `size` and `opc` of the register forms are told apart by
// lowering.

extension EncodingTable {
    static let loadsAndStores: [Encoding] = [
        Encoding(.ldrLiteral32, .loadsAndStores, "00011000 iiiiiiii iiiiiiii iiittttt"),
        Encoding(.ldrLiteral64, .loadsAndStores, "01011000 iiiiiiii iiiiiiii iiittttt"),
        Encoding(.ldrswLiteral, .loadsAndStores, "10011000 iiiiiiii iiiiiiii iiittttt"),
        Encoding(.prfmLiteral, .loadsAndStores, "11011000 iiiiiiii iiiiiiii iiittttt"),
        Encoding(.stnp, .loadsAndStores, "x0101000 00iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldnp, .loadsAndStores, "x0101000 01iiiiii iuuuuunn nnnttttt"),
        Encoding(.stpPostIndex, .loadsAndStores, "x0101000 10iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpPostIndex, .loadsAndStores, "x0101000 11iiiiii iuuuuunn nnnttttt"),
        Encoding(.stpOffset, .loadsAndStores, "x0101001 00iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpOffset, .loadsAndStores, "x0101001 01iiiiii iuuuuunn nnnttttt"),
        Encoding(.stpPreIndex, .loadsAndStores, "x0101001 10iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpPreIndex, .loadsAndStores, "x0101001 11iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpswPostIndex, .loadsAndStores, "01101000 11iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpswOffset, .loadsAndStores, "01101001 01iiiiii iuuuuunn nnnttttt"),
        Encoding(.ldpswPreIndex, .loadsAndStores, "01101001 11iiiiii iuuuuunn nnnttttt"),
        Encoding(.loadStoreUnscaled, .loadsAndStores, "zz111000 oo0iiiii iiii00nn nnnttttt"),
        Encoding(.loadStorePostIndex, .loadsAndStores, "zz111000 oo0iiiii iiii01nn nnnttttt"),
        Encoding(.loadStoreUnprivileged, .loadsAndStores, "zz111000 oo0iiiii iiii10nn nnnttttt"),
        Encoding(.loadStorePreIndex, .loadsAndStores, "zz111000 oo0iiiii iiii11nn nnnttttt"),
        Encoding(.loadStoreRegisterOffset, .loadsAndStores, "zz111000 oo1mmmmm xxxS10nn nnnttttt"),
        Encoding(.loadStoreUnsignedImmediate, .loadsAndStores, "zz111001 ooiiiiii iiiiiinn nnnttttt"),
    ]
}
