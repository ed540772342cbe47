// The laboratory's rules as the command line says them.
//
//   FUNCTION=RETURN_CODE      every call returns it: SYSTEM_OFF2=NOT_SUPPORTED
//   FUNCTION#N=…              only the n-th call: CPU_ON#2=INTERNAL_FAILURE
//   FUNCTION=delay:MS         every call takes that long: CPU_ON=delay:100
//   FUNCTION=resume           the call is taken, and the core goes on: SYSTEM_OFF2=resume
//   withhold=CORE             the guest must not have the core; CORE,CORE,… for more
//   record=kill:STEP          the process dies while it writes how the run of a kept VM ended
//   flash.write#N=…           cut or tear:BYTES: the power goes while UEFI's variables are written
//   disk…                     see `Laboratory+DiskArgument`

import Devices
import HostSupport
import Machine
import PSCI

/// Why a rule is none. The text is for the user.
struct LaboratoryArgumentError: Error, CustomStringConvertible {
    var description: String
}

extension Laboratory {
    /// Adds what `argument` says.
    mutating func add(argument: String) throws(LaboratoryArgumentError) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw LaboratoryArgumentError(
                description: "\(argument) is no rule; say FUNCTION=RETURN_CODE, FUNCTION#N=delay:MS or withhold=CORE")
        }
        if parts[0].hasPrefix("disk") { return try addDisk(parts[0], String(parts[1])) }
        if parts[0].hasPrefix("flash") { return flash = try Self.flashFault(parts[0], parts[1]) }
        if parts[0] == "withhold" { return try withhold(parts[1]) }
        if parts[0] == "record" { return recordKill = try Self.recordKill(parts[1]) }
        let names = parts[0].split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard let function = Function(named: String(names[0])) else {
            throw LaboratoryArgumentError(
                description: "\(names[0]) is no function; say it as the documents do, such as CPU_ON")
        }
        var occasion = Occasion.every
        if names.count == 2 {
            guard let number = Int(names[1]), number >= 1 else {
                throw LaboratoryArgumentError(description: "\(names[1]) is no number of a call; count from 1")
            }
            occasion = .nth(number)
        }
        rules.append(Rule(function, occasion, try Self.action(String(parts[1]))))
    }

    private mutating func withhold(_ list: Substring) throws(LaboratoryArgumentError) {
        for item in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let core = Int(item), core >= 1 else {
                throw LaboratoryArgumentError(
                    description: "\(item) cannot be withheld; name cores from 1 up, as core 0 boots")
            }
            withheldCores.insert(core)
        }
    }

    private static func flashFault(
        _ subject: Substring, _ value: Substring
    ) throws(LaboratoryArgumentError) -> FlashFault {
        guard let write = UInt64(subject.dropFirst(subject.hasPrefix("flash.write#") ? "flash.write#".count : 0)),
            write >= 1
        else {
            throw LaboratoryArgumentError(
                description:
                    "\(subject) is nothing that happens to flash; say which write, from 1, such as flash.write#9")
        }
        if value == "cut" { return FlashFault(write: write) }
        guard value.hasPrefix("tear:"), let byteCount = Int(value.dropFirst("tear:".count)), byteCount >= 0 else {
            throw LaboratoryArgumentError(
                description: "\(value) is nothing that a write to flash can do; say cut or tear:BYTES")
        }
        return FlashFault(write: write, byteCount: byteCount)
    }

    private static func recordKill(_ text: Substring) throws(LaboratoryArgumentError) -> DurableFile.Step {
        if text.hasPrefix("kill:"), let step = DurableFile.Step(rawValue: String(text.dropFirst("kill:".count))) {
            return step
        }
        let steps = DurableFile.Step.allCases.map(\.rawValue).joined(separator: ", ")
        throw LaboratoryArgumentError(
            description: "\(text) is nothing that can happen to a record; say kill: and one of \(steps)")
    }

    private static func action(_ text: String) throws(LaboratoryArgumentError) -> Action {
        if text == "resume" { return .resume }
        if text.hasPrefix("delay:") {
            guard let milliseconds = UInt64(text.dropFirst("delay:".count)), milliseconds <= 3_600_000 else {
                throw LaboratoryArgumentError(
                    description: "\(text) is no delay; give milliseconds, at most an hour, such as delay:100")
            }
            return .delay(milliseconds: milliseconds)
        }
        if let code = ReturnCode.allCases.first(where: { $0.name.description == text }) { return .fail(code) }
        throw LaboratoryArgumentError(
            description: "\(text) is nothing that a call can do; say a return code such as DENIED, delay:MS or resume")
    }
}
