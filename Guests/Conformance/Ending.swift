// The call that ends the run, as the command line asks for it, and what is left of the boot before.
//
//   end=off     SYSTEM_OFF, as without it; off2 SYSTEM_OFF2, reset SYSTEM_RESET, reset2 SYSTEM_RESET2
//   type=0 cookie=0 width=64 core=0     how
//
// Before the call a word in RAM is marked, and at the next boot it is said whether it is still there: a warm reset
// keeps memory, anything else does not.

import PSCI
import _Volatile

struct Ending {
    let board: Board

    /// Above everything that is loaded, below the end of the smallest RAM: 1 MiB above the image.
    private static var mark: VolatileMappedRegister<UInt64> {
        VolatileMappedRegister(unsafeBitPattern: UInt(0x4018_0000))
    }
    private static var markValue: UInt64 { 0x5741_524D_4245_4154 }

    /// Says whether the last boot's mark is there, and removes it.
    static func reportMark() -> Bool {
        let isThere = mark.load() == markValue
        Console.writeLine(isThere ? "# memory of the boot before is there" : "# memory is new")
        mark.store(0)
        return isThere
    }

    /// Makes the call.
    func run() {
        let width: CallWidth = board.number("width=") == 32 ? .smc32 : .smc64
        let type = board.hexadecimal("type=") ?? 0
        let cookie = board.hexadecimal("cookie=") ?? 0
        let name = board.argument("end=")
        let call: CallRegisters
        if name?.equals("off2") == true {
            call = CallRegisters(.systemOff2, width, type)
        } else if name?.equals("reset2") == true {
            call = CallRegisters(.systemReset2, width, type, cookie)
        } else if name?.equals("reset") == true {
            call = CallRegisters(.systemReset, .smc32)
        } else {
            call = CallRegisters(.systemOff, .smc32)
        }
        Self.mark.store(Self.markValue)
        memoryBarrier()
        Console.write("# calls ")
        TAP.write(call)
        Console.writeLine()
        Console.flush()
        let core = Int(truncatingIfNeeded: board.number("core=") ?? 0)
        let returned: CallRegisters
        if board.secondaryCores.contains(core) {
            _ = board.turnOn(core: core, contextID: 0)
            returned = Worker(core: core).call(call)
        } else {
            returned = board.firmware.conduit.call(call)
        }
        Console.write("# it returned ")
        TAP.write(code: call.functionID.width.signed(returned.x0))
        Console.writeLine()
    }
}
