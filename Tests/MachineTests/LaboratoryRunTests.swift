import PSCI
import Testing

@testable import Machine

@Suite("The laboratory at work")
struct LaboratoryRunTests {
    @Test("A rule is for its own function and occasion; delays add up, and the first error counts")
    func interventions() {
        let run = LaboratoryRun(
            Laboratory(rules: [
                .init(.cpuOn, .nth(2), .fail(.denied)), .init(.cpuOn, .every, .delay(milliseconds: 3)),
                .init(.cpuOn, .every, .delay(milliseconds: 4)), .init(.cpuOn, .nth(2), .fail(.internalFailure)),
                .init(.systemOff, .every, .resume),
            ]))
        func intervention(_ function: Function, _ width: CallWidth) -> LaboratoryRun.Intervention? {
            run.intervention(in: CallRegisters(function, width))
        }
        #expect(intervention(.cpuOff, .smc32) == nil)
        let first = intervention(.cpuOn, .smc64)
        #expect(first?.delayMilliseconds == 7)
        #expect(first?.failure == nil)
        #expect(first?.resumes == false)
        // Both widths count together.
        #expect(intervention(.cpuOn, .smc32)?.failure == .denied)
        #expect(intervention(.cpuOn, .smc64)?.failure == nil)
        #expect(intervention(.systemOff, .smc32)?.resumes == true)
        #expect(LaboratoryRun(.idle).intervention(in: CallRegisters(.cpuOn, .smc64)) == nil)
    }

    @Test("A call that is not carried out returns its code as wide as it is, and nothing else")
    func failing() {
        let passed = CallRegisters(.systemOff2, .smc64, 1, 2, 3)
        let wide = CallResult(failing: passed, with: .notSupported)
        #expect(wide == CallResult(registers: CallRegisters(x0: ~0, x1: 1, x2: 2, x3: 3)))
        let narrow = CallResult(failing: CallRegisters(.systemOff2, .smc32), with: .denied)
        #expect(narrow.registers.x0 == 0xFFFF_FFFD)
    }
}
