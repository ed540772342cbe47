// One test case: a sequence of instructions and the state that it starts from.

/// A case, ready to run on either side.
struct OracleCase: Sendable {
    /// An instruction that was drawn, as against those put around it to make it meaningful.
    struct Drawn: Sendable {
        /// Position in `words`.
        var index: Int
        /// Position in the generator's table.
        var row: Int
        /// A branch before it may jump over it.
        var mayBeSkipped: Bool
    }

    var seed: UInt64
    /// The slot in its batch, which decides its address.
    var slot: Int
    var initial: OracleState
    var data: [UInt8]
    var words: [UInt32]
    var drawn: [Drawn]

    /// Where the first word lies.
    var start: UInt64 { OracleLayout.start(ofSlot: slot) }

    /// Position in `words` of what lies at `pc`; `words.count` is the breakpoint after the last.
    func index(of pc: UInt64) -> Int? {
        pc >= start && pc <= start + UInt64(words.count * 4) ? Int(pc - start) / 4 : nil
    }

    /// The drawn instructions that certainly executed without a fault, given where the case ended.
    func executed(endingAt pc: UInt64) -> [Drawn] {
        guard let end = index(of: pc) else { return [] }
        return drawn.filter { !$0.mayBeSkipped && $0.index < end }
    }

    /// The case cut off after its first `count` words.
    func prefix(_ count: Int) -> OracleCase {
        var shorter = self
        shorter.words = Array(words.prefix(count))
        shorter.drawn = drawn.filter { $0.index < count }
        return shorter
    }

    /// The words of the case's slot: the runner's own, the case's, and breakpoints up to the end.
    var slotWords: [UInt32] {
        let fill = OracleRecord.maximumWords - words.count
        return OracleRecord.prologue + words + [UInt32](repeating: OracleRecord.end, count: fill)
    }
}
