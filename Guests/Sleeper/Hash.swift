// FNV-1a, by words of 64 bits: enough to tell whether something changed by accident.

struct Hash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x100_0000_01B3
    }

    mutating func add(_ text: Text) {
        add(UInt64(text.count))
        for index in 0..<text.count { add(UInt64(text[index])) }
    }
}
