extension EncodingTable {
    static let vectorLoadsAndStores: [Encoding] = []
}
