// From guest memory to a block of operations.
//
// Responsible for: how far a block goes. It ends at an unconditional change of flow, at its size limit and at the end
// of its 4 KiB page; conditional branches are side exits inside it.

import Arm64

/// Decodes and lowers blocks. One for each CPU, since it keeps buffers.
struct BlockBuilder {
    /// Guest instructions in a block, at most. Long enough for straight code, short enough that little is lowered
    /// that is never reached.
    static let instructionLimit = 32

    private var context: LoweringContext
    private let decoder: Decoder

    /// Called when the instructions of a block have been read. For tests of what happens before it is kept.
    var didRead: (() -> Void)?

    init(for model: CPUModel) {
        context = LoweringContext(for: model)
        decoder = model.decoder
    }

    /// The operations of the block just built.
    var operations: [Operation] { context.operations }

    /// Lowers instructions from `words`, the rest of a page; returns how many.
    mutating func build(
        from words: UnsafePointer<UInt32>, limit: Int, isEL0: Bool, stackIsMisaligned: Bool
    ) -> Int {
        context.begin(isEL0: isEL0, stackIsMisaligned: stackIsMisaligned)
        let count = min(limit, Self.instructionLimit)
        var index = 0
        var pendingAdvance: UInt8 = 0
        while index < count && !context.endsBlock {
            let word = UInt32(littleEndian: words[index])
            let first = context.operations.count
            pendingAdvance += 1
            if let instruction = decoder.decode(word), Lowering.lower(word, as: instruction, into: &context) {
                if context.operations.count > first {
                    context.operations[first].advance = pendingAdvance
                    pendingAdvance = 0
                }
            } else {
                context.operations.removeSubrange(first...)
                var undefined = Operation(.undefined, a: context.instructionCount, immediate: UInt64(word))
                undefined.advance = pendingAdvance
                pendingAdvance = 0
                context.emit(undefined)
                context.endsBlock = true
            }
            index += 1
            context.offset += 4
        }
        if !context.endsBlock {
            context.offset -= 4
            var end = Operation(.fallThrough, a: context.instructionCount, immediate: context.offset + 4)
            end.advance = pendingAdvance
            context.emit(end)
            context.emit(Operation(.moveImmediate))
        }
        didRead?()
        return index
    }
}
