// A firmware call as a trace shows it: as a line of text, or as a line of JSON.
//
// docs/psci.md documents both shapes.

import Bytes
import PSCI

/// One call and its outcome.
public struct FirmwareCallEvent: Sendable {
    /// The calling core.
    public var core: Int
    /// When it was answered: nanoseconds of the guest's counter.
    public var time: UInt64
    /// Where the HVC or SMC is: the kernel's, or a runtime service's of UEFI.
    public var address: UInt64
    /// x0 to x3 as the guest passed them.
    public var registers: CallRegisters
    public var result: CallResult

    /// The call in words.
    public var description: CallDescription { CallDescription(registers, result: result) }

    /// `12.345678 core 0: SMC32 PSCI_VERSION() = 1.3`
    public var text: String {
        let microseconds = time / 1000
        let fraction = String(microseconds % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        return "\(microseconds / 1_000_000).\(zeros)\(fraction) core \(core): \(description)"
    }

    /// One JSON object, without a newline.
    public var json: String {
        (try? StableJSON.text(of: Line(self))) ?? "{}"
    }
}

/// The keys of a line. Numbers that may need 64 bits are text in hexadecimal, as in reports.
private struct Line: Encodable {
    var time: Double
    var core: Int
    var pc: String
    var functionID: String
    var function: String?
    var width: String
    var arguments: [String]
    var outcome: String
    /// x0 as the caller gets it, if it gets anything.
    var x0: String?

    init(_ event: FirmwareCallEvent) {
        let id = event.registers.functionID
        let description = event.description
        time = Double(event.time) / 1e9
        core = event.core
        pc = hexadecimal(event.address)
        functionID = hexadecimal(UInt64(id.rawValue))
        function = id.function?.name.description
        width = id.width == .smc32 ? "SMC32" : "SMC64"
        arguments = description.arguments
        outcome = description.outcome
        x0 = event.result.effect == .none ? hexadecimal(event.result.registers.x0) : nil
    }
}
