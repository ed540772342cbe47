// The rows of the cryptographic instructions: DDI 0487, C4.1, "Cryptographic AES", "Cryptographic two-register SHA",
// "Cryptographic three-register SHA", and PMULL on doublewords.

extension EncodingTable {
    static let cryptography: [Encoding] = [
        Encoding(.aese, .cryptography, "01001110 00 10100 00100 10 nnnnn ddddd", needs: .aes),
        Encoding(.aesd, .cryptography, "01001110 00 10100 00101 10 nnnnn ddddd", needs: .aes),
        Encoding(.aesmc, .cryptography, "01001110 00 10100 00110 10 nnnnn ddddd", needs: .aes),
        Encoding(.aesimc, .cryptography, "01001110 00 10100 00111 10 nnnnn ddddd", needs: .aes),
        Encoding(.sha1c, .cryptography, "01011110 00 0 mmmmm 0 000 00 nnnnn ddddd", needs: .sha1),
        Encoding(.sha1p, .cryptography, "01011110 00 0 mmmmm 0 001 00 nnnnn ddddd", needs: .sha1),
        Encoding(.sha1m, .cryptography, "01011110 00 0 mmmmm 0 010 00 nnnnn ddddd", needs: .sha1),
        Encoding(.sha1su0, .cryptography, "01011110 00 0 mmmmm 0 011 00 nnnnn ddddd", needs: .sha1),
        Encoding(.sha256h, .cryptography, "01011110 00 0 mmmmm 0 100 00 nnnnn ddddd", needs: .sha256),
        Encoding(.sha256h2, .cryptography, "01011110 00 0 mmmmm 0 101 00 nnnnn ddddd", needs: .sha256),
        Encoding(.sha256su1, .cryptography, "01011110 00 0 mmmmm 0 110 00 nnnnn ddddd", needs: .sha256),
        Encoding(.sha1h, .cryptography, "01011110 00 10100 00000 10 nnnnn ddddd", needs: .sha1),
        Encoding(.sha1su1, .cryptography, "01011110 00 10100 00001 10 nnnnn ddddd", needs: .sha1),
        Encoding(.sha256su0, .cryptography, "01011110 00 10100 00010 10 nnnnn ddddd", needs: .sha256),
        Encoding(.pmullDoubleword, .cryptography, "0 Q 0 01110 11 1 mmmmm 1110 00 nnnnn ddddd", needs: .pmull),
    ]
}
