extension EncodingTable {
    static let dataProcessingRegister: [Encoding] = []
}
