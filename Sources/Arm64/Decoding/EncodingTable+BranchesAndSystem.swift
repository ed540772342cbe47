// Branches, exception generation and system instructions: DDI 0487, C4.1.94.

extension EncodingTable {
    static let branchesAndSystem: [Encoding] = [
        Encoding(.b, .branches, "000101ii iiiiiiii iiiiiiii iiiiiiii"),
        Encoding(.bl, .branches, "100101ii iiiiiiii iiiiiiii iiiiiiii"),
        Encoding(.bCondition, .branches, "01010100 iiiiiiii iiiiiiii iii0cccc"),
        Encoding(.cbz, .branches, "s0110100 iiiiiiii iiiiiiii iiittttt"),
        Encoding(.cbnz, .branches, "s0110101 iiiiiiii iiiiiiii iiittttt"),
        Encoding(.tbz, .branches, "b0110110 bbbbbiii iiiiiiii iiittttt"),
        Encoding(.tbnz, .branches, "b0110111 bbbbbiii iiiiiiii iiittttt"),
        Encoding(.br, .branches, "11010110 00011111 000000nn nnn00000"),
        Encoding(.blr, .branches, "11010110 00111111 000000nn nnn00000"),
        Encoding(.ret, .branches, "11010110 01011111 000000nn nnn00000"),
        Encoding(.svc, .exceptionGeneration, "11010100 000iiiii iiiiiiii iii00001"),
        Encoding(.hvc, .exceptionGeneration, "11010100 000iiiii iiiiiiii iii00010"),
        Encoding(.smc, .exceptionGeneration, "11010100 000iiiii iiiiiiii iii00011"),
        Encoding(.brk, .exceptionGeneration, "11010100 001iiiii iiiiiiii iii00000"),
        Encoding(.hlt, .exceptionGeneration, "11010100 010iiiii iiiiiiii iii00000"),
        Encoding(.eret, .exceptionGeneration, "11010110 10011111 00000011 11100000"),
        Encoding(.hint, .system, "11010101 00000011 0010mmmm ooo11111"),
        Encoding(.clrex, .system, "11010101 00000011 0011mmmm 01011111"),
        Encoding(.dsb, .system, "11010101 00000011 0011mmmm 10011111"),
        Encoding(.dmb, .system, "11010101 00000011 0011mmmm 10111111"),
        Encoding(.isb, .system, "11010101 00000011 0011mmmm 11011111"),
        Encoding(.sb, .system, "11010101 00000011 00110000 11111111", needs: .sb),
        Encoding(.cfinv, .system, "11010101 00000000 01000000 00011111", needs: .flagM),
        Encoding(.msrImmediate, .system, "11010101 00000ooo 0100mmmm ooo11111"),
        Encoding(.sys, .system, "11010101 00001ooo nnnnmmmm ooottttt"),
        Encoding(.sysl, .system, "11010101 00101ooo nnnnmmmm ooottttt"),
        Encoding(.msrRegister, .system, "11010101 0001pooo nnnnmmmm ooottttt"),
        Encoding(.mrs, .system, "11010101 0011pooo nnnnmmmm ooottttt"),
    ]
}
