extension EncodingTable {
    static let floatingPoint: [Encoding] = []
}
