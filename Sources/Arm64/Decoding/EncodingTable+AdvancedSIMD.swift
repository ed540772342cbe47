extension EncodingTable {
    static let advancedSIMD: [Encoding] = []
}
