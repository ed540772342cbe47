// A CPU for the tests of vector instructions: it decodes, lowers and executes one instruction at a time.

import Arm64
import Testing

@testable import Emulator

/// One CPU state that instructions are run on, without memory.
final class VectorTestCPU {
    let state = CPUState.allocate()

    /// FPSR.QC.
    static let qc: UInt32 = 1 << 27

    deinit { state.deallocate() }

    /// Vector register `index` as lanes of `Lanes`.
    func vector<Lanes: SIMD>(_ index: UInt8, as _: Lanes.Type = Lanes.self) -> Lanes {
        state.v(index).load(as: Lanes.self)
    }

    func setVector<Lanes: SIMD>(_ index: UInt8, _ value: Lanes) {
        state.v(index).storeBytes(of: value, as: Lanes.self)
    }

    /// Whether FPSR.QC is set.
    var hasSaturated: Bool {
        get { state.fpsr & Self.qc != 0 }
        set { state.fpsr = newValue ? Self.qc : 0 }
    }

    /// The operations of `word`, or nil if it is undefined.
    static func operations(of word: UInt32) -> [Operation]? {
        guard let instruction = CPUModel.everything.decoder.decode(word) else { return nil }
        var context = LoweringContext(for: .everything)
        // Nothing is trapped here, so the test for that is left out.
        context.floatingPointIsChecked = true
        return Lowering.lower(word, as: instruction, into: &context) ? context.operations : nil
    }

    /// Runs `word`, whose disassembly is `text`; an undefined one is a failure.
    func run(_ text: String, _ word: UInt32) throws {
        let operations = try #require(Self.operations(of: word), "undefined: \(text)")
        for operation in operations {
            switch operation.code {
            case .vector: VectorExecutor.execute(operation, state)
            case .crypto: CryptoExecutor.execute(operation, state)
            case .float: FloatExecutor.execute(operation, state)
            default: Issue.record("\(text) is not a vector operation")
            }
        }
    }
}
