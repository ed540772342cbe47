extension EncodingTable {
    static let branchesAndSystem: [Encoding] = []
}
