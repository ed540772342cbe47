// The fields of a row of the instruction table, from the letters of its pattern.

import Arm64

/// Neighbouring characters of a pattern that are the same letter.
struct EncodingField {
    var letter: UInt8
    /// The lowest bit.
    var low: UInt32
    var width: UInt32

    var maximum: UInt32 { (1 << width) - 1 }

    /// Rd, Rn, Rm, Rt, Rt2, Ra, Rs: five bits at one of the places where registers are.
    var isRegister: Bool { width == 5 && [0, 5, 10, 16].contains(low) && !isImmediate }

    private var isImmediate: Bool { letter == UInt8(ascii: "i") }

    /// A size, opcode or option: what makes another instruction of it.
    var isVariant: Bool { width <= 3 && !isImmediate }

    func value(in word: UInt32) -> UInt32 { word >> low & maximum }
}

extension Encoding {
    /// The fields, from bit 31 down.
    var fields: [EncodingField] {
        var fields: [EncodingField] = []
        let characters = pattern.description.utf8.filter { $0 != UInt8(ascii: " ") }
        for (position, character) in characters.enumerated()
        where character != UInt8(ascii: "0") && character != UInt8(ascii: "1") {
            let low = UInt32(31 - position)
            if let last = fields.last, last.letter == character, last.low == low + 1 {
                fields[fields.count - 1].low = low
                fields[fields.count - 1].width += 1
            } else {
                fields.append(EncodingField(letter: character, low: low, width: 1))
            }
        }
        return fields
    }
}

/// The instructions that one row stands for: its sizes, opcodes and options.
struct EncodingVariants {
    private let fields: [EncodingField]

    /// Rows with more bits of them than this have letters for the bits of an immediate.
    private static let maximumWidth: UInt32 = 8

    /// Rows of system instructions have none: which of them exist is not said by their encoding.
    init(of row: Encoding) {
        let variant = row.group == .system ? [] : row.fields.filter(\.isVariant)
        fields = variant.reduce(0) { $0 + $1.width } <= Self.maximumWidth ? variant : []
    }

    /// Which variant `word` is, as the values of its fields one after another.
    func variant(of word: UInt32) -> UInt32 {
        fields.reduce(0) { $0 << $1.width | $1.value(in: word) }
    }

    /// A word of each variant of `row`, with different registers and an immediate of `immediate` bits.
    func words(of row: Encoding, immediate: UInt32) -> [UInt32] {
        var base = row.value
        for field in row.fields {
            // Even numbers, for pairs of registers.
            let value = field.isRegister ? field.low / 5 * 2 : immediate
            base |= (value & field.maximum) << field.low
        }
        let width = fields.reduce(0) { $0 + $1.width }
        return (0..<UInt32(1) << width).map { variant in
            var word = base
            var remaining = variant
            for field in fields.reversed() {
                word &= ~(field.maximum << field.low)
                word |= (remaining & field.maximum) << field.low
                remaining >>= field.width
            }
            return word
        }
    }
}
