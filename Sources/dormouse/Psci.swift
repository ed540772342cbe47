// `dormouse psci`: numbers of PSCI in words, for people who read traces, dumps and device trees.

import ArgumentParser
import Bytes
import Machine
import PSCI

struct Psci: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psci",
        abstract: "Decode PSCI's function ids, power states and return codes.",
        subcommands: [Call.self, State.self, Code.self, Functions.self],
        defaultSubcommand: Call.self)

    /// A number as people write it: 0x…, or decimal, which may be negative.
    fileprivate static func number(_ text: String) throws -> UInt64 {
        let digits = text.hasPrefix("0x") || text.hasPrefix("0X") ? text.dropFirst(2) : nil
        if let digits, let value = UInt64(digits, radix: 16), digits.first != "+" { return value }
        if digits == nil, let value = UInt64(text) { return value }
        if let value = Int64(text) { return UInt64(bitPattern: value) }
        throw ValidationError("\(text) is no number; give it as 0x84000003 or in decimal")
    }

    struct Call: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "call",
            abstract: "Decode a call: the function id, and the arguments if they are given.")

        @Argument(
            parsing: .allUnrecognized,
            help: ArgumentHelp("x0 to x3 of the call, such as 0xc4000003 1 0x40080000.", valueName: "register"))
        var registers: [String]

        func run() throws {
            guard let first = registers.first, registers.count <= 4 else {
                throw ValidationError("give the function id, and up to three arguments")
            }
            let rest = try registers.dropFirst().map(Psci.number) + [0, 0, 0]
            let id = try Psci.number(first)
            guard id <= UInt64(UInt32.max) else { throw ValidationError("a function id has 32 bits") }
            let call = CallRegisters(x0: id, x1: rest[0], x2: rest[1], x3: rest[2])
            let description = CallDescription(call)
            guard let function = call.functionID.function else {
                Output.print("\(description.function): no function that is known")
                return
            }
            Output.print(registers.count == 1 ? description.function : description.call)
            if let introduced = function.introduced {
                Output.print("  since PSCI \(introduced.name), \(function.isMandatory ? "mandatory" : "optional")")
            }
            if function == .cpuSuspend || function == .psciStatCount || function == .psciStatResidency,
                registers.count > 1
            {
                let word = UInt32(truncatingIfNeeded: function == .cpuSuspend ? rest[0] : rest[1])
                for line in State.lines(word) { Output.print("  " + line) }
            }
        }
    }

    struct State: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "state", abstract: "Decode a power_state, in both formats.")

        @Argument(help: "The power_state, such as 0x1011033.")
        var powerState: String

        func run() throws {
            let number = try Psci.number(powerState)
            guard number <= UInt64(UInt32.max) else { throw ValidationError("a power_state has 32 bits") }
            for line in Self.lines(UInt32(number)) { Output.print(line) }
        }

        static func lines(_ number: UInt32) -> [String] {
            let state = PowerState(rawValue: number)
            return PowerStateFormat.allCases.map { "\($0.name) format: \(state.description(in: $0))" }
        }
    }

    struct Code: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "code",
            abstract: "Name a return code, as a number or as the register has it.")

        @Argument(parsing: .allUnrecognized, help: "The code, such as -3 or 0xfffffffd.")
        var code: [String]

        func run() throws {
            guard code.count == 1 else { throw ValidationError("give one code") }
            let number = try Psci.number(code[0])
            // A 32-bit call leaves the upper half zero.
            let value =
                number <= UInt64(UInt32.max) ? Int64(Int32(truncatingIfNeeded: number)) : Int64(bitPattern: number)
            guard let known = Int32(exactly: value).flatMap(ReturnCode.init(rawValue:)) else {
                Output.print("\(value): no return code")
                return
            }
            Output.print("\(known.name) (\(value))")
        }
    }

    struct Functions: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "functions",
            abstract: "List PSCI's functions with their ids and since when they are there.",
            discussion: "As JSON it is an array, with an object for each function.")

        @OptionGroup var output: FormatOptions

        private struct Entry: Encodable {
            var name: String
            /// Ids, in hexadecimal.
            var smc32: String
            var smc64: String?
            /// The version of PSCI.
            var since: String?
            var isMandatory: Bool

            init(_ function: Function) {
                name = function.name.description
                smc32 = hexadecimal(FunctionID(function, .smc32).rawValue)
                smc64 = function.exists(as: .smc64) ? hexadecimal(FunctionID(function, .smc64).rawValue) : nil
                since = function.introduced?.name
                isMandatory = function.isMandatory
            }
        }

        func run() throws {
            let functions = Function.allCases.filter { $0.interface == .psci }
            if output.isJSON {
                Output.print(try StableJSON.text(of: functions.map(Entry.init), indented: true))
                return
            }
            for function in functions {
                let smc64 =
                    function.exists(as: .smc64) ? hexadecimal(FunctionID(function, .smc64).rawValue) : "-         "
                let since = function.introduced?.name ?? ""
                Output.print(
                    "\(hexadecimal(FunctionID(function, .smc32).rawValue))  \(smc64)  \(since)  "
                        + "\(function.isMandatory ? "mandatory" : "optional ")  \(function.name)")
            }
        }
    }
}
