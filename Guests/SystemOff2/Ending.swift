// The call that ends the run, as the command line asks for it.

import PSCI

struct Ending {
    let board: Board
    let version: VersionCheck

    func run(_ tap: inout TAP) {
        let width: CallWidth = board.number("width=") == 32 ? .smc32 : .smc64
        if isResumed {
            // As psci_test does it: both types, one after the other.
            expectInternalFailure(from: CallRegisters(.systemOff2, width, 1), &tap)
            expectInternalFailure(from: CallRegisters(.systemOff2, width, 0), &tap)
        }
        tap.finish()
        let call = lastCall(width)
        announce(call)
        Console.flush()
        let returned = core == 0 ? board.firmware.conduit.call(call) : Worker(core: core).call(call)
        tap.check(false, "the call that ends the run does not return")
        Console.write("# ")
        TAP.write(code: call.functionID.width.signed(returned.x0))
        Console.writeLine()
    }

    private func expectInternalFailure(from call: CallRegisters, _ tap: inout TAP) {
        announce(call)
        tap.expect(
            Int64(ReturnCode.internalFailure.rawValue), from: call, calling: board.firmware, core: core)
    }

    /// Whether the machine is known to resume a core that calls SYSTEM_OFF2.
    private var isResumed: Bool { board.number("resumed=") == 1 }

    /// The core that calls.
    private var core: Int {
        let number = Int(truncatingIfNeeded: board.number("core=") ?? 0)
        return board.secondaryCores.contains(number) ? number : 0
    }

    private func lastCall(_ width: CallWidth) -> CallRegisters {
        let type = board.number("type=") ?? 0
        let name = board.argument("end=")
        if name.map({ $0.equals("off") }) ?? (isResumed || !version.hasSystemOff2) {
            return CallRegisters(.systemOff, .smc32)
        }
        if name?.equals("reset") == true { return CallRegisters(.systemReset, .smc32) }
        if name?.equals("reset2") == true {
            return CallRegisters(.systemReset2, width, type, board.number("cookie=") ?? 0)
        }
        return CallRegisters(.systemOff2, width, type)
    }

    private func announce(_ call: CallRegisters) {
        Console.write("# core ")
        Console.write(decimal: UInt64(core))
        Console.write(" calls ")
        TAP.write(call)
        Console.writeLine()
    }
}
