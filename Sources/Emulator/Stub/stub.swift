import Arm64
enum VectorExecutor { static func execute(_ o: Operation, _ s: CPUState) {} }
enum CryptoExecutor { static func execute(_ o: Operation, _ s: CPUState) {} }
extension Lowering {
static func lowerAdvancedSIMD(_ word: UInt32, as instruction: Instruction, into context: inout LoweringContext) -> Bool {false}
static func lowerCryptography(_ word: UInt32, as instruction: Instruction, into context: inout LoweringContext) -> Bool {false}
}
