extension EncodingTable {
    static let cryptography: [Encoding] = []
}
