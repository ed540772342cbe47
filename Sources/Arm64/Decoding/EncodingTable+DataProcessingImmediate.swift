extension EncodingTable {
    static let dataProcessingImmediate: [Encoding] = []
}
