// Floating point, scalar and Advanced SIMD: DDI 0487, C4.1.96 (Data Processing -- Scalar Floating-Point and Advanced
// SIMD).
//
// Half precision appears as source or destination of conversions only; what FEAT_FP16 has is in
// `EncodingTable+HalfPrecision`. Vectors of one double-precision element (sz:Q = 1:0) match the rows of vectors and are
// undefined; lowering refuses them.

extension EncodingTable {
    /// The rows of floating point.
    static let floatingPoint: [Encoding] = [
        // Floating-point data-processing (1 source); t is the type, 0 single, 1 double.
        Encoding(.fmovRegister, .floatingPoint, "00011110 0t1 000000 10000 nnnnn ddddd"),
        Encoding(.fabsScalar, .floatingPoint, "00011110 0t1 000001 10000 nnnnn ddddd"),
        Encoding(.fnegScalar, .floatingPoint, "00011110 0t1 000010 10000 nnnnn ddddd"),
        Encoding(.fsqrtScalar, .floatingPoint, "00011110 0t1 000011 10000 nnnnn ddddd"),
        Encoding(.frintnScalar, .floatingPoint, "00011110 0t1 001000 10000 nnnnn ddddd"),
        Encoding(.frintpScalar, .floatingPoint, "00011110 0t1 001001 10000 nnnnn ddddd"),
        Encoding(.frintmScalar, .floatingPoint, "00011110 0t1 001010 10000 nnnnn ddddd"),
        Encoding(.frintzScalar, .floatingPoint, "00011110 0t1 001011 10000 nnnnn ddddd"),
        Encoding(.frintaScalar, .floatingPoint, "00011110 0t1 001100 10000 nnnnn ddddd"),
        Encoding(.frintxScalar, .floatingPoint, "00011110 0t1 001110 10000 nnnnn ddddd"),
        Encoding(.frintiScalar, .floatingPoint, "00011110 0t1 001111 10000 nnnnn ddddd"),

        // FCVT, single, double and half to another precision.
        Encoding(.fcvt, .floatingPoint, "00011110 001 000101 10000 nnnnn ddddd"),
        Encoding(.fcvt, .floatingPoint, "00011110 001 000111 10000 nnnnn ddddd"),
        Encoding(.fcvt, .floatingPoint, "00011110 011 000100 10000 nnnnn ddddd"),
        Encoding(.fcvt, .floatingPoint, "00011110 011 000111 10000 nnnnn ddddd"),
        Encoding(.fcvt, .floatingPoint, "00011110 111 000100 10000 nnnnn ddddd"),
        Encoding(.fcvt, .floatingPoint, "00011110 111 000101 10000 nnnnn ddddd"),

        // Floating-point data-processing (2 source).
        Encoding(.fmulScalar, .floatingPoint, "00011110 0t1 mmmmm 0000 10 nnnnn ddddd"),
        Encoding(.fdivScalar, .floatingPoint, "00011110 0t1 mmmmm 0001 10 nnnnn ddddd"),
        Encoding(.faddScalar, .floatingPoint, "00011110 0t1 mmmmm 0010 10 nnnnn ddddd"),
        Encoding(.fsubScalar, .floatingPoint, "00011110 0t1 mmmmm 0011 10 nnnnn ddddd"),
        Encoding(.fmaxScalar, .floatingPoint, "00011110 0t1 mmmmm 0100 10 nnnnn ddddd"),
        Encoding(.fminScalar, .floatingPoint, "00011110 0t1 mmmmm 0101 10 nnnnn ddddd"),
        Encoding(.fmaxnmScalar, .floatingPoint, "00011110 0t1 mmmmm 0110 10 nnnnn ddddd"),
        Encoding(.fminnmScalar, .floatingPoint, "00011110 0t1 mmmmm 0111 10 nnnnn ddddd"),
        Encoding(.fnmulScalar, .floatingPoint, "00011110 0t1 mmmmm 1000 10 nnnnn ddddd"),

        // Floating-point data-processing (3 source).
        Encoding(.fmadd, .floatingPoint, "00011111 0t0 mmmmm 0 aaaaa nnnnn ddddd"),
        Encoding(.fmsub, .floatingPoint, "00011111 0t0 mmmmm 1 aaaaa nnnnn ddddd"),
        Encoding(.fnmadd, .floatingPoint, "00011111 0t1 mmmmm 0 aaaaa nnnnn ddddd"),
        Encoding(.fnmsub, .floatingPoint, "00011111 0t1 mmmmm 1 aaaaa nnnnn ddddd"),

        // Floating-point compare; z compares with zero.
        Encoding(.fcmp, .floatingPoint, "00011110 0t1 mmmmm 001000 nnnnn 0z000"),
        Encoding(.fcmpe, .floatingPoint, "00011110 0t1 mmmmm 001000 nnnnn 1z000"),

        // Floating-point conditional compare, conditional select, immediate.
        Encoding(.fccmp, .floatingPoint, "00011110 0t1 mmmmm cccc 01 nnnnn 0ffff"),
        Encoding(.fccmpe, .floatingPoint, "00011110 0t1 mmmmm cccc 01 nnnnn 1ffff"),
        Encoding(.fcsel, .floatingPoint, "00011110 0t1 mmmmm cccc 11 nnnnn ddddd"),
        Encoding(.fmovScalarImmediate, .floatingPoint, "00011110 0t1 iiiiiiii 100 00000 ddddd"),

        // Conversion between floating-point and integer; s is sf.
        Encoding(.fcvtnsScalar, .floatingPoint, "s0011110 0t1 00 000 000000 nnnnn ddddd"),
        Encoding(.fcvtnuScalar, .floatingPoint, "s0011110 0t1 00 001 000000 nnnnn ddddd"),
        Encoding(.scvtfScalarInteger, .floatingPoint, "s0011110 0t1 00 010 000000 nnnnn ddddd"),
        Encoding(.ucvtfScalarInteger, .floatingPoint, "s0011110 0t1 00 011 000000 nnnnn ddddd"),
        Encoding(.fcvtasScalar, .floatingPoint, "s0011110 0t1 00 100 000000 nnnnn ddddd"),
        Encoding(.fcvtauScalar, .floatingPoint, "s0011110 0t1 00 101 000000 nnnnn ddddd"),
        Encoding(.fcvtpsScalar, .floatingPoint, "s0011110 0t1 01 000 000000 nnnnn ddddd"),
        Encoding(.fcvtpuScalar, .floatingPoint, "s0011110 0t1 01 001 000000 nnnnn ddddd"),
        Encoding(.fcvtmsScalar, .floatingPoint, "s0011110 0t1 10 000 000000 nnnnn ddddd"),
        Encoding(.fcvtmuScalar, .floatingPoint, "s0011110 0t1 10 001 000000 nnnnn ddddd"),
        Encoding(.fcvtzsScalarInteger, .floatingPoint, "s0011110 0t1 11 000 000000 nnnnn ddddd"),
        Encoding(.fcvtzuScalarInteger, .floatingPoint, "s0011110 0t1 11 001 000000 nnnnn ddddd"),

        // FMOV (general): W and S, X and D, X and the upper half of V; o is the direction.
        Encoding(.fmovGeneral, .floatingPoint, "00011110 001 00 11o 000000 nnnnn ddddd"),
        Encoding(.fmovGeneral, .floatingPoint, "10011110 011 00 11o 000000 nnnnn ddddd"),
        Encoding(.fmovGeneral, .floatingPoint, "10011110 101 01 11o 000000 nnnnn ddddd"),

        // Conversion between floating-point and fixed-point: 32 bits have at most 32 fraction bits.
        Encoding(.scvtfScalarFixedPoint, .floatingPoint, "00011110 0t0 00 010 1xxxxx nnnnn ddddd"),
        Encoding(.scvtfScalarFixedPoint, .floatingPoint, "10011110 0t0 00 010 xxxxxx nnnnn ddddd"),
        Encoding(.ucvtfScalarFixedPoint, .floatingPoint, "00011110 0t0 00 011 1xxxxx nnnnn ddddd"),
        Encoding(.ucvtfScalarFixedPoint, .floatingPoint, "10011110 0t0 00 011 xxxxxx nnnnn ddddd"),
        Encoding(.fcvtzsScalarFixedPoint, .floatingPoint, "00011110 0t0 11 000 1xxxxx nnnnn ddddd"),
        Encoding(.fcvtzsScalarFixedPoint, .floatingPoint, "10011110 0t0 11 000 xxxxxx nnnnn ddddd"),
        Encoding(.fcvtzuScalarFixedPoint, .floatingPoint, "00011110 0t0 11 001 1xxxxx nnnnn ddddd"),
        Encoding(.fcvtzuScalarFixedPoint, .floatingPoint, "10011110 0t0 11 001 xxxxxx nnnnn ddddd"),

        // Advanced SIMD three same; q is Q, t is sz.
        Encoding(.fmaxnmVector, .floatingPoint, "0q001110 0t1 mmmmm 110001 nnnnn ddddd"),
        Encoding(.fmlaVector, .floatingPoint, "0q001110 0t1 mmmmm 110011 nnnnn ddddd"),
        Encoding(.faddVector, .floatingPoint, "0q001110 0t1 mmmmm 110101 nnnnn ddddd"),
        Encoding(.fmulx, .floatingPoint, "0q001110 0t1 mmmmm 110111 nnnnn ddddd"),
        Encoding(.fcmeqRegister, .floatingPoint, "0q001110 0t1 mmmmm 111001 nnnnn ddddd"),
        Encoding(.fmaxVector, .floatingPoint, "0q001110 0t1 mmmmm 111101 nnnnn ddddd"),
        Encoding(.frecps, .floatingPoint, "0q001110 0t1 mmmmm 111111 nnnnn ddddd"),
        Encoding(.fminnmVector, .floatingPoint, "0q001110 1t1 mmmmm 110001 nnnnn ddddd"),
        Encoding(.fmlsVector, .floatingPoint, "0q001110 1t1 mmmmm 110011 nnnnn ddddd"),
        Encoding(.fsubVector, .floatingPoint, "0q001110 1t1 mmmmm 110101 nnnnn ddddd"),
        Encoding(.fminVector, .floatingPoint, "0q001110 1t1 mmmmm 111101 nnnnn ddddd"),
        Encoding(.frsqrts, .floatingPoint, "0q001110 1t1 mmmmm 111111 nnnnn ddddd"),
        Encoding(.fmaxnmpVector, .floatingPoint, "0q101110 0t1 mmmmm 110001 nnnnn ddddd"),
        Encoding(.faddpVector, .floatingPoint, "0q101110 0t1 mmmmm 110101 nnnnn ddddd"),
        Encoding(.fmulVector, .floatingPoint, "0q101110 0t1 mmmmm 110111 nnnnn ddddd"),
        Encoding(.fcmgeRegister, .floatingPoint, "0q101110 0t1 mmmmm 111001 nnnnn ddddd"),
        Encoding(.facge, .floatingPoint, "0q101110 0t1 mmmmm 111011 nnnnn ddddd"),
        Encoding(.fmaxpVector, .floatingPoint, "0q101110 0t1 mmmmm 111101 nnnnn ddddd"),
        Encoding(.fdivVector, .floatingPoint, "0q101110 0t1 mmmmm 111111 nnnnn ddddd"),
        Encoding(.fminnmpVector, .floatingPoint, "0q101110 1t1 mmmmm 110001 nnnnn ddddd"),
        Encoding(.fabd, .floatingPoint, "0q101110 1t1 mmmmm 110101 nnnnn ddddd"),
        Encoding(.fcmgtRegister, .floatingPoint, "0q101110 1t1 mmmmm 111001 nnnnn ddddd"),
        Encoding(.facgt, .floatingPoint, "0q101110 1t1 mmmmm 111011 nnnnn ddddd"),
        Encoding(.fminpVector, .floatingPoint, "0q101110 1t1 mmmmm 111101 nnnnn ddddd"),

        // Advanced SIMD scalar three same.
        Encoding(.fmulx, .floatingPoint, "01011110 0t1 mmmmm 110111 nnnnn ddddd"),
        Encoding(.fcmeqRegister, .floatingPoint, "01011110 0t1 mmmmm 111001 nnnnn ddddd"),
        Encoding(.frecps, .floatingPoint, "01011110 0t1 mmmmm 111111 nnnnn ddddd"),
        Encoding(.frsqrts, .floatingPoint, "01011110 1t1 mmmmm 111111 nnnnn ddddd"),
        Encoding(.fcmgeRegister, .floatingPoint, "01111110 0t1 mmmmm 111001 nnnnn ddddd"),
        Encoding(.facge, .floatingPoint, "01111110 0t1 mmmmm 111011 nnnnn ddddd"),
        Encoding(.fabd, .floatingPoint, "01111110 1t1 mmmmm 110101 nnnnn ddddd"),
        Encoding(.fcmgtRegister, .floatingPoint, "01111110 1t1 mmmmm 111001 nnnnn ddddd"),
        Encoding(.facgt, .floatingPoint, "01111110 1t1 mmmmm 111011 nnnnn ddddd"),

        // Advanced SIMD two-register miscellaneous.
        Encoding(.fcvtn, .floatingPoint, "0q001110 0t10000 10110 10 nnnnn ddddd"),
        Encoding(.fcvtl, .floatingPoint, "0q001110 0t10000 10111 10 nnnnn ddddd"),
        Encoding(.frintnVector, .floatingPoint, "0q001110 0t10000 11000 10 nnnnn ddddd"),
        Encoding(.frintmVector, .floatingPoint, "0q001110 0t10000 11001 10 nnnnn ddddd"),
        Encoding(.fcvtnsVector, .floatingPoint, "0q001110 0t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtmsVector, .floatingPoint, "0q001110 0t10000 11011 10 nnnnn ddddd"),
        Encoding(.fcvtasVector, .floatingPoint, "0q001110 0t10000 11100 10 nnnnn ddddd"),
        Encoding(.scvtfVectorInteger, .floatingPoint, "0q001110 0t10000 11101 10 nnnnn ddddd"),
        Encoding(.fcmgtZero, .floatingPoint, "0q001110 1t10000 01100 10 nnnnn ddddd"),
        Encoding(.fcmeqZero, .floatingPoint, "0q001110 1t10000 01101 10 nnnnn ddddd"),
        Encoding(.fcmltZero, .floatingPoint, "0q001110 1t10000 01110 10 nnnnn ddddd"),
        Encoding(.fabsVector, .floatingPoint, "0q001110 1t10000 01111 10 nnnnn ddddd"),
        Encoding(.frintpVector, .floatingPoint, "0q001110 1t10000 11000 10 nnnnn ddddd"),
        Encoding(.frintzVector, .floatingPoint, "0q001110 1t10000 11001 10 nnnnn ddddd"),
        Encoding(.fcvtpsVector, .floatingPoint, "0q001110 1t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtzsVectorInteger, .floatingPoint, "0q001110 1t10000 11011 10 nnnnn ddddd"),
        Encoding(.urecpe, .floatingPoint, "0q001110 1010000 11100 10 nnnnn ddddd"),
        Encoding(.frecpe, .floatingPoint, "0q001110 1t10000 11101 10 nnnnn ddddd"),
        Encoding(.fcvtxn, .floatingPoint, "0q101110 0110000 10110 10 nnnnn ddddd"),
        Encoding(.frintaVector, .floatingPoint, "0q101110 0t10000 11000 10 nnnnn ddddd"),
        Encoding(.frintxVector, .floatingPoint, "0q101110 0t10000 11001 10 nnnnn ddddd"),
        Encoding(.fcvtnuVector, .floatingPoint, "0q101110 0t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtmuVector, .floatingPoint, "0q101110 0t10000 11011 10 nnnnn ddddd"),
        Encoding(.fcvtauVector, .floatingPoint, "0q101110 0t10000 11100 10 nnnnn ddddd"),
        Encoding(.ucvtfVectorInteger, .floatingPoint, "0q101110 0t10000 11101 10 nnnnn ddddd"),
        Encoding(.fcmgeZero, .floatingPoint, "0q101110 1t10000 01100 10 nnnnn ddddd"),
        Encoding(.fcmleZero, .floatingPoint, "0q101110 1t10000 01101 10 nnnnn ddddd"),
        Encoding(.fnegVector, .floatingPoint, "0q101110 1t10000 01111 10 nnnnn ddddd"),
        Encoding(.frintiVector, .floatingPoint, "0q101110 1t10000 11001 10 nnnnn ddddd"),
        Encoding(.fcvtpuVector, .floatingPoint, "0q101110 1t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtzuVectorInteger, .floatingPoint, "0q101110 1t10000 11011 10 nnnnn ddddd"),
        Encoding(.ursqrte, .floatingPoint, "0q101110 1010000 11100 10 nnnnn ddddd"),
        Encoding(.frsqrte, .floatingPoint, "0q101110 1t10000 11101 10 nnnnn ddddd"),
        Encoding(.fsqrtVector, .floatingPoint, "0q101110 1t10000 11111 10 nnnnn ddddd"),

        // Advanced SIMD scalar two-register miscellaneous.
        Encoding(.fcvtnsVector, .floatingPoint, "01011110 0t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtmsVector, .floatingPoint, "01011110 0t10000 11011 10 nnnnn ddddd"),
        Encoding(.fcvtasVector, .floatingPoint, "01011110 0t10000 11100 10 nnnnn ddddd"),
        Encoding(.scvtfVectorInteger, .floatingPoint, "01011110 0t10000 11101 10 nnnnn ddddd"),
        Encoding(.fcmgtZero, .floatingPoint, "01011110 1t10000 01100 10 nnnnn ddddd"),
        Encoding(.fcmeqZero, .floatingPoint, "01011110 1t10000 01101 10 nnnnn ddddd"),
        Encoding(.fcmltZero, .floatingPoint, "01011110 1t10000 01110 10 nnnnn ddddd"),
        Encoding(.fcvtpsVector, .floatingPoint, "01011110 1t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtzsVectorInteger, .floatingPoint, "01011110 1t10000 11011 10 nnnnn ddddd"),
        Encoding(.frecpe, .floatingPoint, "01011110 1t10000 11101 10 nnnnn ddddd"),
        Encoding(.fcvtxn, .floatingPoint, "01111110 0110000 10110 10 nnnnn ddddd"),
        Encoding(.fcvtnuVector, .floatingPoint, "01111110 0t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtmuVector, .floatingPoint, "01111110 0t10000 11011 10 nnnnn ddddd"),
        Encoding(.fcvtauVector, .floatingPoint, "01111110 0t10000 11100 10 nnnnn ddddd"),
        Encoding(.ucvtfVectorInteger, .floatingPoint, "01111110 0t10000 11101 10 nnnnn ddddd"),
        Encoding(.fcmgeZero, .floatingPoint, "01111110 1t10000 01100 10 nnnnn ddddd"),
        Encoding(.fcmleZero, .floatingPoint, "01111110 1t10000 01101 10 nnnnn ddddd"),
        Encoding(.fcvtpuVector, .floatingPoint, "01111110 1t10000 11010 10 nnnnn ddddd"),
        Encoding(.fcvtzuVectorInteger, .floatingPoint, "01111110 1t10000 11011 10 nnnnn ddddd"),
        Encoding(.frsqrte, .floatingPoint, "01111110 1t10000 11101 10 nnnnn ddddd"),
        Encoding(.frecpx, .floatingPoint, "01011110 1t10000 11111 10 nnnnn ddddd"),

        // Advanced SIMD scalar pairwise.
        Encoding(.fmaxnmpScalar, .floatingPoint, "01111110 0t11000 01100 10 nnnnn ddddd"),
        Encoding(.faddpScalar, .floatingPoint, "01111110 0t11000 01101 10 nnnnn ddddd"),
        Encoding(.fmaxpScalar, .floatingPoint, "01111110 0t11000 01111 10 nnnnn ddddd"),
        Encoding(.fminnmpScalar, .floatingPoint, "01111110 1t11000 01100 10 nnnnn ddddd"),
        Encoding(.fminpScalar, .floatingPoint, "01111110 1t11000 01111 10 nnnnn ddddd"),

        // Advanced SIMD across lanes: four single-precision elements.
        Encoding(.fmaxnmv, .floatingPoint, "01101110 0011000 01100 10 nnnnn ddddd"),
        Encoding(.fmaxv, .floatingPoint, "01101110 0011000 01111 10 nnnnn ddddd"),
        Encoding(.fminnmv, .floatingPoint, "01101110 1011000 01100 10 nnnnn ddddd"),
        Encoding(.fminv, .floatingPoint, "01101110 1011000 01111 10 nnnnn ddddd"),

        // Advanced SIMD vector and scalar x indexed element; l, m and h make the index and the register.
        Encoding(.fmlaElement, .floatingPoint, "0q001111 1tlmmmmm 0001h0 nnnnn ddddd"),
        Encoding(.fmlaElement, .floatingPoint, "01011111 1tlmmmmm 0001h0 nnnnn ddddd"),
        Encoding(.fmlsElement, .floatingPoint, "0q001111 1tlmmmmm 0101h0 nnnnn ddddd"),
        Encoding(.fmlsElement, .floatingPoint, "01011111 1tlmmmmm 0101h0 nnnnn ddddd"),
        Encoding(.fmulElement, .floatingPoint, "0q001111 1tlmmmmm 1001h0 nnnnn ddddd"),
        Encoding(.fmulElement, .floatingPoint, "01011111 1tlmmmmm 1001h0 nnnnn ddddd"),
        Encoding(.fmulxElement, .floatingPoint, "0q101111 1tlmmmmm 1001h0 nnnnn ddddd"),
        Encoding(.fmulxElement, .floatingPoint, "01111111 1tlmmmmm 1001h0 nnnnn ddddd"),

        // Advanced SIMD modified immediate: single, double.
        Encoding(.fmovVectorImmediate, .floatingPoint, "0q001111 00000 iii 111101 iiiii ddddd"),
        Encoding(.fmovVectorImmediate, .floatingPoint, "01101111 00000 iii 111101 iiiii ddddd"),

        // Advanced SIMD vector and scalar shift by immediate: the leading one tells the size.
        Encoding(.scvtfVectorFixedPoint, .floatingPoint, "0q001111 0 01xx xxx 111001 nnnnn ddddd"),
        Encoding(.scvtfVectorFixedPoint, .floatingPoint, "01001111 0 1xxx xxx 111001 nnnnn ddddd"),
        Encoding(.scvtfVectorFixedPoint, .floatingPoint, "01011111 0 01xx xxx 111001 nnnnn ddddd"),
        Encoding(.scvtfVectorFixedPoint, .floatingPoint, "01011111 0 1xxx xxx 111001 nnnnn ddddd"),
        Encoding(.fcvtzsVectorFixedPoint, .floatingPoint, "0q001111 0 01xx xxx 111111 nnnnn ddddd"),
        Encoding(.fcvtzsVectorFixedPoint, .floatingPoint, "01001111 0 1xxx xxx 111111 nnnnn ddddd"),
        Encoding(.fcvtzsVectorFixedPoint, .floatingPoint, "01011111 0 01xx xxx 111111 nnnnn ddddd"),
        Encoding(.fcvtzsVectorFixedPoint, .floatingPoint, "01011111 0 1xxx xxx 111111 nnnnn ddddd"),
        Encoding(.ucvtfVectorFixedPoint, .floatingPoint, "0q101111 0 01xx xxx 111001 nnnnn ddddd"),
        Encoding(.ucvtfVectorFixedPoint, .floatingPoint, "01101111 0 1xxx xxx 111001 nnnnn ddddd"),
        Encoding(.ucvtfVectorFixedPoint, .floatingPoint, "01111111 0 01xx xxx 111001 nnnnn ddddd"),
        Encoding(.ucvtfVectorFixedPoint, .floatingPoint, "01111111 0 1xxx xxx 111001 nnnnn ddddd"),
        Encoding(.fcvtzuVectorFixedPoint, .floatingPoint, "0q101111 0 01xx xxx 111111 nnnnn ddddd"),
        Encoding(.fcvtzuVectorFixedPoint, .floatingPoint, "01101111 0 1xxx xxx 111111 nnnnn ddddd"),
        Encoding(.fcvtzuVectorFixedPoint, .floatingPoint, "01111111 0 01xx xxx 111111 nnnnn ddddd"),
        Encoding(.fcvtzuVectorFixedPoint, .floatingPoint, "01111111 0 1xxx xxx 111111 nnnnn ddddd"),
    ]
}
