// A laboratory at work: counts the calls and says what becomes of each.

import PSCI
import Synchronization

/// The laboratory of one machine.
final class LaboratoryRun: Sendable {
    /// What becomes of one call.
    struct Intervention: Sendable {
        var delayMilliseconds: UInt64 = 0
        var failure: ReturnCode?
        var resumes = false
    }

    private let rules: [Laboratory.Rule]
    private let counts = Mutex<[Function: Int]>([:])

    init(_ laboratory: Laboratory) {
        rules = laboratory.rules
    }

    /// Counts a call, and says what becomes of it; nil if nothing unusual.
    func intervention(in registers: CallRegisters) -> Intervention? {
        guard !rules.isEmpty, let function = registers.functionID.function else { return nil }
        let count = counts.withLock { counts in
            let count = counts[function, default: 0] + 1
            counts[function] = count
            return count
        }
        var intervention: Intervention?
        for rule in rules where rule.function == function {
            guard rule.occasion == .every || rule.occasion == .nth(count) else { continue }
            var changed = intervention ?? Intervention()
            switch rule.action {
            case .fail(let code): changed.failure = changed.failure ?? code
            case .delay(let milliseconds): changed.delayMilliseconds &+= milliseconds
            case .resume: changed.resumes = true
            }
            intervention = changed
        }
        return intervention
    }
}

extension CallResult {
    /// The result of a call that was not carried out.
    init(failing registers: CallRegisters, with code: ReturnCode) {
        var registers = registers
        let value = UInt64(bitPattern: Int64(code.rawValue))
        registers.x0 = registers.functionID.width == .smc32 ? value & 0xFFFF_FFFF : value
        self.init(registers: registers)
    }
}
