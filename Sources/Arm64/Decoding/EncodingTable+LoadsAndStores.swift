extension EncodingTable {
    static let loadsAndStores: [Encoding] = []
}
