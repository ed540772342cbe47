import PSCI
import Testing

@testable import PSCIConformance

@Suite("What the conformance guest says, and what it comes to")
struct ConformanceTests {
    @Test("A line of the conformance guest names a width and a function")
    func conformanceLines() throws {
        let line = try #require(ConformanceLine("not ok 17 - SMC64 CPU_ON: core 1: is ON # returned DENIED"))
        #expect(!line.isPassed)
        #expect(line.width == .smc64)
        #expect(line.function == .cpuOn)
        #expect(line.text == "core 1: is ON # returned DENIED")
        let skipped = try #require(ConformanceLine("ok 3 - SMC32 CPU_OFF: turns a core off # SKIP there is one core"))
        #expect(skipped.isSkipped && skipped.isPassed)
        for text in ["1..17", "# PSCI 1.3", "ok 1", "ok 1 - something", "ok 1 - SMC64 NOTHING: x", "", "okay"] {
            #expect(ConformanceLine(Substring(text)) == nil)
        }
    }

    @Test("The table counts checks by function, version and width, and knows what was not checked")
    func conformanceTable() {
        var table = ConformanceTable()
        table.add(
            [
                ConformanceLine(true, .smc32, .cpuOff, "a"), ConformanceLine(true, .smc32, .cpuOff, "b"),
                ConformanceLine(false, .smc64, .cpuOff, "c"),
            ], version: .v1_0)
        #expect(table.count == 3)
        #expect(table.failureCount == 1)
        #expect(table.gaps.count == 22 * 2 - 2)
        #expect(!table.gaps.contains("SMC32 CPU_OFF at 1.0"))
        #expect(
            table.text == """
                         1.0 SMC32  1.0 SMC64
                CPU_OFF          2     1 FAIL
                """)
    }
}
