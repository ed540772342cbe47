// Data processing (immediate): DDI 0487, C4.1.93.

extension EncodingTable {
    static let dataProcessingImmediate: [Encoding] = [
        Encoding(.adr, .dataProcessingImmediate, "0ii10000 iiiiiiii iiiiiiii iiiddddd"),
        Encoding(.adrp, .dataProcessingImmediate, "1ii10000 iiiiiiii iiiiiiii iiiddddd"),
        Encoding(.addImmediate, .dataProcessingImmediate, "s0010001 0hiiiiii iiiiiinn nnnddddd"),
        Encoding(.addsImmediate, .dataProcessingImmediate, "s0110001 0hiiiiii iiiiiinn nnnddddd"),
        Encoding(.subImmediate, .dataProcessingImmediate, "s1010001 0hiiiiii iiiiiinn nnnddddd"),
        Encoding(.subsImmediate, .dataProcessingImmediate, "s1110001 0hiiiiii iiiiiinn nnnddddd"),
        Encoding(.andImmediate, .dataProcessingImmediate, "s0010010 0Nrrrrrr ssssssnn nnnddddd"),
        Encoding(.orrImmediate, .dataProcessingImmediate, "s0110010 0Nrrrrrr ssssssnn nnnddddd"),
        Encoding(.eorImmediate, .dataProcessingImmediate, "s1010010 0Nrrrrrr ssssssnn nnnddddd"),
        Encoding(.andsImmediate, .dataProcessingImmediate, "s1110010 0Nrrrrrr ssssssnn nnnddddd"),
        Encoding(.movn, .dataProcessingImmediate, "s0010010 1wwiiiii iiiiiiii iiiddddd"),
        Encoding(.movz, .dataProcessingImmediate, "s1010010 1wwiiiii iiiiiiii iiiddddd"),
        Encoding(.movk, .dataProcessingImmediate, "s1110010 1wwiiiii iiiiiiii iiiddddd"),
        Encoding(.sbfm, .dataProcessingImmediate, "s0010011 0Nrrrrrr ssssssnn nnnddddd"),
        Encoding(.bfm, .dataProcessingImmediate, "s0110011 0Nrrrrrr ssssssnn nnnddddd"),
        Encoding(.ubfm, .dataProcessingImmediate, "s1010011 0Nrrrrrr ssssssnn nnnddddd"),
        Encoding(.extr, .dataProcessingImmediate, "s0010011 1N0mmmmm ssssssnn nnnddddd"),
    ]
}
