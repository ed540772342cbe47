// The instruction table and the search in it.

import Arm64
import Testing

extension Decoder {
    /// Of every row, whether a CPU model has its feature or not.
    fileprivate static let ofAll = Decoder(table: EncodingTable.all)
}

@Suite("The instruction table")
struct EncodingTableTests {
    @Test("Every row's fixed bits match the row itself, whatever its fields hold")
    func rowsMatchThemselves() {
        for row in EncodingTable.all {
            #expect(row.value & ~row.mask == 0, "\(row.instruction)")
            #expect(row.matches(row.value), "\(row.instruction) with fields of zeros")
            #expect(row.matches(row.value | ~row.mask), "\(row.instruction) with fields of ones")
        }
    }

    @Test("Every row decodes to its own instruction where no more specific row holds")
    func rowsDecodeToThemselves() {
        for row in EncodingTable.all {
            let special = EncodingTable.all.filter { $0.isSpecialCase(of: row) }
            for word in [row.value, row.value | ~row.mask, row.value | ~row.mask & 0x5555_5555]
            where !special.contains(where: { $0.matches(word) }) {
                #expect(Decoder.ofAll.decode(word) == row.instruction, "0x\(String(word, radix: 16))")
            }
        }
    }

    @Test("No two rows have the same fixed bits")
    func rowsAreDistinct() {
        var seen: [SIMD2<UInt32>: Instruction] = [:]
        for row in EncodingTable.all {
            let earlier = seen.updateValue(row.instruction, forKey: SIMD2(row.mask, row.value))
            #expect(earlier == nil, "\(row.instruction) has the pattern of \(earlier.map { "\($0)" } ?? "")")
        }
    }

    @Test("Two rows overlap only where one is a special case of the other")
    func overlapsAreSpecialCases() {
        let table = EncodingTable.all
        for (index, first) in table.enumerated() {
            for second in table[(index + 1)...] where first.overlaps(second) {
                #expect(
                    first.isSpecialCase(of: second) || second.isSpecialCase(of: first),
                    "\(first.instruction) and \(second.instruction)")
            }
        }
    }

    @Test("Every instruction is in the table, and none of them is 'unallocated'")
    func instructionsAreInTheTable() {
        let inTable = Set(EncodingTable.all.map(\.instruction))
        for instruction in Instruction.allCases {
            #expect(inTable.contains(instruction) == (instruction != .unallocated), "\(instruction)")
        }
    }
}

@Suite("The decoder")
struct DecoderTests {
    @Test("It agrees with a linear search of the table on a million random words")
    func agreesWithLinearSearch() {
        var random = SplitMix64(state: 0x5EED)
        let search = LinearSearch(EncodingTable.all)
        var decoded = 0
        for count in 0..<1_000_000 {
            // Random words seldom hit the crowded corners: every second one is a row with random fields, some of them
            // with one fixed bit wrong.
            var word = UInt32(truncatingIfNeeded: random.next())
            if count & 1 == 0, !EncodingTable.all.isEmpty {
                let row = EncodingTable.all[Int(random.next() % UInt64(EncodingTable.all.count))]
                word = word & ~row.mask | row.value
                if count & 6 == 0 { word ^= 1 << UInt32(truncatingIfNeeded: random.next() & 31) }
            }
            let expected = search.instruction(of: word)
            let found = Decoder.ofAll.decode(word)
            if expected != nil { decoded += 1 }
            guard found == expected else {
                let names = [found, expected].map { $0.map { "\($0)" } ?? "nothing" }
                Issue.record("0x\(String(word, radix: 16)): decoder \(names[0]), linear search \(names[1])")
                return
            }
        }
        #expect(decoded > 100_000)
    }

    @Test("A row that fixes more bits wins over one that it is a special case of, in either order")
    func specialCaseWins() {
        let general = Encoding(.b, .branches, "1111iiii iiiiiiii iiiiiiii iiiiiiii")
        let special = Encoding(.bl, .branches, "1111iiii iiiiiiii iiiiiiii iiii0101")
        for table in [[general, special], [special, general]] {
            let decoder = Decoder(table: table)
            #expect(decoder.decode(0xF000_0005) == .bl)
            #expect(decoder.decode(0xFFFF_FFF5) == .bl)
            #expect(decoder.decode(0xF000_0004) == .b)
            #expect(decoder.decode(0x7000_0005) == nil)
        }
    }

    @Test("Rows that bits 31 to 21 do not tell apart are told apart by the others")
    func crowdedCorner() {
        // Six rows that differ in bits 15:10, one that differs in bits 4:0 only, and one for all the rest.
        let table = [
            Encoding(.adc, .system, "00001110 001iiiii 000001ii iiiiiiii"),
            Encoding(.adcs, .system, "00001110 001iiiii 000010ii iiiiiiii"),
            Encoding(.sbc, .system, "00001110 001iiiii 000011ii iiiiiiii"),
            Encoding(.sbcs, .system, "00001110 001iiiii 0001iiii iiiiiiii"),
            Encoding(.udiv, .system, "00001110 001iiiii 001iiiii iiiiiiii"),
            Encoding(.sdiv, .system, "00001110 001iiiii 01iiiiii iiiiiiii"),
            Encoding(.madd, .system, "00001110 001iiiii iiiiiiii iii11111"),
            Encoding(.msub, .system, "00001110 001iiiii iiiiiiii iiiiiiii"),
        ]
        let decoder = Decoder(table: table)
        let expected: [(UInt32, Instruction?)] = [
            (0x0E20_0400, .adc), (0x0E3F_0BFE, .adcs), (0x0E20_0C00, .sbc), (0x0E20_1C00, .sbcs),
            (0x0E20_2000, .udiv), (0x0E20_7FE0, .sdiv), (0x0E20_801F, .madd), (0x0E20_8000, .msub),
            (0x0E20_0000, .msub), (0x0E40_0400, nil), (0x8E20_0400, nil),
        ]
        for (word, instruction) in expected {
            #expect(decoder.decode(word) == instruction, "0x\(String(word, radix: 16))")
        }
    }
}

extension Encoding {
    /// Whether some word is of both rows.
    fileprivate func overlaps(_ other: Encoding) -> Bool {
        (value ^ other.value) & mask & other.mask == 0
    }

    /// Whether this row is what `other` leaves room for, so that its words are not of `other`.
    fileprivate func isSpecialCase(of other: Encoding) -> Bool {
        guard overlaps(other), mask.nonzeroBitCount > other.mask.nonzeroBitCount else { return false }
        return mask & other.mask == other.mask || isModifiedImmediate(besideShift: other)
    }

    /// Whether this row is of "Advanced SIMD modified immediate" and `other` of "Advanced SIMD shift by immediate".
    ///
    /// DDI 0487, C4.1 tells the two apart by immh, bits 22:19: zero in the one, anything else in the other, which a
    /// pattern cannot say. Their other fixed bits need not be a special case of one another.
    private func isModifiedImmediate(besideShift other: Encoding) -> Bool {
        let classMask: UInt32 = 0x9F80_0000
        let immediateClass: UInt32 = 0x0F00_0000
        let immh: UInt32 = 0xF << 19
        let areOfTheTwoClasses = [self, other].allSatisfy {
            $0.mask & classMask == classMask && $0.value & classMask == immediateClass
        }
        return areOfTheTwoClasses && mask & immh == immh && value & immh == 0 && other.mask & immh == 0
    }
}

/// What the decoder is to find, without its search structure.
private struct LinearSearch {
    /// Mask, value and index into `instructions` of each row, most specific first; apart from the rest of the row,
    /// because a debug build takes a minute for this search otherwise.
    private let patterns: [SIMD2<UInt32>]
    private let instructions: [Instruction]

    init(_ table: [Encoding]) {
        let rows = table.sorted { $0.mask.nonzeroBitCount > $1.mask.nonzeroBitCount }
        patterns = rows.map { SIMD2($0.mask, $0.value) }
        instructions = rows.map(\.instruction)
    }

    func instruction(of word: UInt32) -> Instruction? {
        patterns.withUnsafeBufferPointer { patterns in
            var index = 0
            while index < patterns.count {
                let pattern = patterns[index]
                if word & pattern.x == pattern.y { return instructions[index] }
                index &+= 1
            }
            return nil
        }
    }
}

/// Steele, Lea and Flood's generator: the same words in every run.
private struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
