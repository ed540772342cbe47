// Exclusives, ordered loads and stores, and the atomics of FEAT_LSE, FEAT_LRCPC and FEAT_LRCPC2: DDI 0487,
// C4.1.96.

extension EncodingTable {
    static let exclusivesAndAtomics: [Encoding] = [
        Encoding(.stxr, .exclusives, "zz001000 000sssss 011111nn nnnttttt"),
        Encoding(.stlxr, .exclusives, "zz001000 000sssss 111111nn nnnttttt"),
        Encoding(.ldxr, .exclusives, "zz001000 01011111 011111nn nnnttttt"),
        Encoding(.ldaxr, .exclusives, "zz001000 01011111 111111nn nnnttttt"),
        Encoding(.stxp, .exclusives, "1z001000 001sssss 0uuuuunn nnnttttt"),
        Encoding(.stlxp, .exclusives, "1z001000 001sssss 1uuuuunn nnnttttt"),
        Encoding(.ldxp, .exclusives, "1z001000 01111111 0uuuuunn nnnttttt"),
        Encoding(.ldaxp, .exclusives, "1z001000 01111111 1uuuuunn nnnttttt"),
        Encoding(.stllr, .exclusives, "zz001000 10011111 011111nn nnnttttt", needs: .lor),
        Encoding(.stlr, .exclusives, "zz001000 10011111 111111nn nnnttttt"),
        Encoding(.ldlar, .exclusives, "zz001000 11011111 011111nn nnnttttt", needs: .lor),
        Encoding(.ldar, .exclusives, "zz001000 11011111 111111nn nnnttttt"),
        Encoding(.casp, .atomics, "0z001000 0a1sssss r11111nn nnnttttt", needs: .lse),
        Encoding(.cas, .atomics, "zz001000 1a1sssss r11111nn nnnttttt", needs: .lse),
        Encoding(.ldadd, .atomics, "zz111000 ar1sssss 000000nn nnnttttt", needs: .lse),
        Encoding(.ldclr, .atomics, "zz111000 ar1sssss 000100nn nnnttttt", needs: .lse),
        Encoding(.ldeor, .atomics, "zz111000 ar1sssss 001000nn nnnttttt", needs: .lse),
        Encoding(.ldset, .atomics, "zz111000 ar1sssss 001100nn nnnttttt", needs: .lse),
        Encoding(.ldsmax, .atomics, "zz111000 ar1sssss 010000nn nnnttttt", needs: .lse),
        Encoding(.ldsmin, .atomics, "zz111000 ar1sssss 010100nn nnnttttt", needs: .lse),
        Encoding(.ldumax, .atomics, "zz111000 ar1sssss 011000nn nnnttttt", needs: .lse),
        Encoding(.ldumin, .atomics, "zz111000 ar1sssss 011100nn nnnttttt", needs: .lse),
        Encoding(.swp, .atomics, "zz111000 ar1sssss 100000nn nnnttttt", needs: .lse),
        Encoding(.ldapr, .atomics, "zz111000 10111111 110000nn nnnttttt", needs: .lrcpc),
        Encoding(.ldaprStlrUnscaled, .atomics, "zz011001 oo0iiiii iiii00nn nnnttttt", needs: .lrcpc2),
    ]
}
