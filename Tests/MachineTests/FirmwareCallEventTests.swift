import PSCI
import Testing

@testable import Machine

@Suite("The trace of firmware calls")
struct FirmwareCallEventTests {
    @Test("A trace has a call in one line, as text and as JSON")
    func trace() {
        let event = FirmwareCallEvent(
            core: 2, time: 12_034_567_890, address: 0xFFFF_8000_8001_2340,
            registers: CallRegisters(.affinityInfo, .smc64, 1, 0),
            result: CallResult(registers: CallRegisters(x0: 1)))
        #expect(
            event.text
                == "12.034567 core 2: SMC64 AFFINITY_INFO(target_affinity 0x1, lowest_affinity_level 0) = OFF")
        #expect(
            event.json == """
                {"arguments":["target_affinity 0x1","lowest_affinity_level 0"],"core":2,"function":"AFFINITY_INFO",\
                "functionID":"0xc4000004","outcome":"OFF","pc":"0xffff800080012340","time":12.03456789,"width":"SMC64","x0":"0x1"}
                """)
    }
}
