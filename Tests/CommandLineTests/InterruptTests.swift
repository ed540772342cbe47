// Interrupts of guests that leave to firmware what firmware does, as flat code of a few words.

import TestSupport
import Testing

@Suite("Interrupts of bare-metal guests")
struct InterruptTests {
    @Test(
        "A guest that writes neither GICR_WAKER nor GICR_IGROUPR0 gets its timer's interrupt",
        arguments: [["--clock=host"], ["--clock=instructions"]])
    func interruptWithoutWaker(options: [String]) async throws {
        let directory = try TemporaryDirectory()
        var words: [UInt32] = [
            0x1000_4000,  // ADR X0, .+0x800
            0xD518_C000,  // MSR VBAR_EL1, X0
            0xD2A1_0001,  // MOV X1, #0x08000000: the distributor
            0x5280_0042,  // MOV W2, #2: GICD_CTLR.EnableGrp1
            0xB900_0022,  // STR W2, [X1]
            0xD2A1_0161,  // MOV X1, #0x080B0000: SGI_base of the first redistributor
            0x52A1_0002,  // MOV W2, #1 << 27: the virtual timer
            0xB901_0022,  // STR W2, [X1, #0x100]: GICR_ISENABLER0
            0xD280_1E02,  // MOV X2, #0xF0
            0xD518_4602,  // MSR ICC_PMR_EL1, X2
            0xD280_0022,  // MOV X2, #1
            0xD518_CCE2,  // MSR ICC_IGRPEN1_EL1, X2
            0xD51B_E302,  // MSR CNTV_TVAL_EL0, X2
            0xD51B_E322,  // MSR CNTV_CTL_EL0, X2
            0xD503_3FDF,  // ISB
            0xD503_42FF,  // MSR DAIFClr, #2
            FlatCode.wfi, FlatCode.backByOne,
        ]
        // The vector of an IRQ from the current exception level with SP_ELx.
        words += [UInt32](repeating: 0x1400_0000, count: 0xA80 / 4 - words.count) + FlatCode.systemOff
        let path = try FlatCode.file(words, in: directory)
        let result = try await Command.shell(
            "exec timeout 600 \"$0\" run --kernel \"$1\" $2", path, options.joined(separator: " "))
        #expect(result.exitCode == 0)
        #expect(result.errorLines == ["dormouse: powered off"])
    }
}
