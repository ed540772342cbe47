// What programs of EL0 are made of, drawn once: it would take longer to draw than to run.

import Emulator

/// Short runs of drawn instructions, each with what it needs to be aimed at memory; initial states; data.
struct UserProgramPool: Sendable {
    /// A run that goes on behind its last word, if it is executed from the first.
    private(set) var clean: [[UInt32]] = []
    /// A run that ends in an exception.
    private(set) var faulting: [[UInt32]] = []
    let states: [[UInt8]]
    let data: [[UInt8]]

    private static let itemCount = 12_000
    private static let stateCount = 256
    private static let dataCount = 32

    init(seed: UInt64) throws {
        let generator = InstructionGenerator(isUndefined: OracleSettings.isUndefined)
        var random = SeededGenerator(seed: seed)
        states = (0..<Self.stateCount).map { _ in
            let state = SequenceBuilder.makeInitialState(start: 0, &random)
            var bytes = [UInt8](repeating: 0, count: OracleRecord.stateByteCount)
            bytes.withUnsafeMutableBytes { state.store(to: $0) }
            return bytes
        }
        data = (0..<Self.dataCount).map { _ in RandomValues.data(&random) }

        // Which items end in an exception is only a matter of how often they are taken, so ours may say so.
        let guest = try EmulatedGuest(engine: .interpreter, codeCacheByteCount: 16 << 20)
        let initial = SequenceBuilder.makeInitialState(start: OracleLayout.start(ofSlot: 0), &random)
        var count = 0
        while count < Self.itemCount {
            let theme = generator.theme(&random)
            let words = SequenceBuilder.makeItems(
                1, at: initial.pc, from: generator, theme, mayFaultInPart: false, &random)
            // A batch of a case for each item would gain nothing.
            let one = OracleCase(seed: 0, slot: 0, initial: initial, data: data[0], words: words, drawn: [])
            let outcome = try guest.run([one])[0]
            if outcome.cause == .breakpoint, outcome.state.pc == one.start + UInt64(words.count * 4) {
                clean.append(words)
            } else {
                faulting.append(words)
            }
            count += 1
        }
    }
}
