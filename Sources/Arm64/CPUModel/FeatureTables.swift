// Everything that says what a feature consists of, in one value.
//
// Responsible for: what a CPU model is worked out from. The tables themselves are beside what they are about. A value
// rather than globals, so that a test can add a feature that does not exist.

import Synchronization

/// The tables that relate features to what a guest finds.
struct FeatureTables: Sendable {
    var encodings = EncodingTable.all
    var fields = FeatureField.all
    var registers = SystemRegister.features
    var instructions = SystemInstruction.features
    var sctlr = SCTLR.fields
    var tcr = TCR.fields
    var pstate = PSTATE.fields
    var cpacr = CPACR.fields
    var fpcr = FloatingPointControl.fields
}

/// The decoder of a CPU model, made when it is first asked for: most uses of a model need none.
final class InstructionSet: Sendable {
    private let encodings: [Encoding]
    private let made = Mutex<Decoder?>(nil)

    init(_ encodings: [Encoding]) { self.encodings = encodings }

    var decoder: Decoder {
        made.withLock { made in
            if let made { return made }
            let decoder = Decoder(table: encodings)
            made = decoder
            return decoder
        }
    }
}
