// Test results on the console, in the Test Anything Protocol (version 13).

import PSCI

/// Counts and prints checks.
struct TAP {
    private(set) var count: UInt64 = 0

    /// One check.
    mutating func check(_ passed: Bool, _ name: StaticString) {
        begin(passed)
        Console.writeLine(name)
    }

    /// One check about a core.
    mutating func check(_ passed: Bool, core: Int, _ name: StaticString) {
        begin(passed)
        Console.write("core ")
        Console.write(decimal: UInt64(core))
        Console.write(": ")
        Console.writeLine(name)
    }

    /// A call that must return `expected`; says what it returned instead. Returns whether it did.
    @discardableResult
    mutating func expect(
        _ expected: Int64, from registers: CallRegisters, calling firmware: GuestClient, core: Int = 0
    ) -> Bool {
        let width = registers.functionID.width
        let returned =
            core == 0
            ? firmware.conduit.call(registers).x0 : Worker(core: core).call(registers).x0
        let value = width.signed(returned)
        begin(value == expected)
        if core != 0 {
            Console.write("core ")
            Console.write(decimal: UInt64(core))
            Console.write(": ")
        }
        Self.write(registers)
        Console.write(" = ")
        Self.write(result: expected, of: registers)
        if value != expected {
            Console.write(" # returned ")
            Self.write(result: value, of: registers)
        }
        Console.writeLine()
        return value == expected
    }

    mutating func skip(_ name: StaticString, because reason: StaticString) {
        begin(true)
        Console.write(name)
        Console.write(" # SKIP ")
        Console.writeLine(reason)
    }

    /// The plan, after the last check.
    func finish() {
        Console.write("1..")
        Console.write(decimal: count)
        Console.writeLine()
    }

    private mutating func begin(_ passed: Bool) {
        count += 1
        Console.write(passed ? "ok " : "not ok ")
        Console.write(decimal: count)
        Console.write(" - ")
    }

    /// The call as its caller wrote it.
    static func write(_ registers: CallRegisters) {
        let id = registers.functionID
        Console.write(id.width == .smc32 ? "SMC32 " : "SMC64 ")
        if let function = id.function {
            Console.write(function.name)
        } else {
            Console.write(hexadecimal: UInt64(id.rawValue))
        }
        Console.write("(")
        Console.write(hexadecimal: registers.x1)
        Console.write(", ")
        Console.write(hexadecimal: registers.x2)
        Console.write(", ")
        Console.write(hexadecimal: registers.x3)
        Console.write(")")
    }

    /// A return code by its name, another result as a number.
    static func write(result: Int64, of registers: CallRegisters) {
        switch registers.functionID.function {
        case .psciVersion, .psciFeatures, .affinityInfo:
            // Zero is no SUCCESS there.
            if result >= 0 { return Console.write(decimal: result) }
        default:
            break
        }
        write(code: result)
    }

    /// A return code by its name.
    static func write(code: Int64) {
        if let known = Int32(exactly: code).flatMap(ReturnCode.init(rawValue:)) {
            Console.write(known.name)
        } else {
            Console.write(decimal: code)
        }
    }
}
