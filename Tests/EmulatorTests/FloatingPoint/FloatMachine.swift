// A CPU state that executes single floating-point instructions, for the tests of this folder.

import Arm64
import Testing

@testable import Emulator

/// Registers v0–v3 and x0–x1 of a CPU state; instructions in these tests write register 0 and read 1, 2 and 3.
final class FloatMachine {
    let state = CPUState.allocate()

    deinit { state.deallocate() }

    init(
        _ first: UInt64 = 0, _ second: UInt64 = 0, _ third: UInt64 = 0, general: UInt64 = 0, fpcr: UInt32 = 0
    ) {
        state.setD(1, first)
        state.setD(2, second)
        state.setD(3, third)
        state.x[1] = general
        state.fpcr = fpcr
    }

    /// Executes one instruction, which must come to one operation.
    func run(_ word: UInt32) throws {
        let operation = try #require(Self.lower(word), "\(String(word, radix: 16)) is undefined")
        #expect(operation.code == .float)
        FloatExecutor.execute(operation, state)
    }

    /// The operation of `word`, or nil if it is undefined.
    static func lower(_ word: UInt32, on model: CPUModel = .everything) -> Operation? {
        guard let instruction = model.decoder.decode(word) else { return nil }
        var context = LoweringContext(for: model)
        // Nothing is trapped here, so the test for that is left out.
        context.floatingPointIsChecked = true
        guard Lowering.lower(word, as: instruction, into: &context), context.operations.count == 1 else { return nil }
        return context.operations[0]
    }
}

/// Numbers in double precision by name.
enum DoubleBits {
    static let zero: UInt64 = 0
    static let negativeZero: UInt64 = 1 << 63
    static let one = (1.0).bitPattern
    static let two = (2.0).bitPattern
    static let infinity = Double.infinity.bitPattern
    static let negativeInfinity = (-Double.infinity).bitPattern
    static let maximum = Double.greatestFiniteMagnitude.bitPattern
    static let minimumNormal = Double.leastNormalMagnitude.bitPattern
    static let denormal = Double.leastNonzeroMagnitude.bitPattern
    /// DDI 0487, FPDefaultNaN.
    static let defaultNaN: UInt64 = 0x7FF8_0000_0000_0000
    static let quietNaN: UInt64 = 0xFFF8_0000_0000_1234
    static let otherQuietNaN: UInt64 = 0x7FF8_0000_0000_5678
    static let signallingNaN: UInt64 = 0x7FF0_0000_0000_0042
    /// `signallingNaN`, made quiet.
    static let quietened: UInt64 = 0x7FF8_0000_0000_0042
}

/// FPCR values.
enum Control {
    static let towardsPlusInfinity: UInt32 = 1 << 22
    static let towardsMinusInfinity: UInt32 = 2 << 22
    static let towardsZero: UInt32 = 3 << 22
}
