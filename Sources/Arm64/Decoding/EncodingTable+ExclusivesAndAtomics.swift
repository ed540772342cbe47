extension EncodingTable {
    static let exclusivesAndAtomics: [Encoding] = []
}
