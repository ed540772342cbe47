// Random calls of PSCI, from all cores at once: does everything come back, with what the version allows?
//
// Command line: `version=1.3` and `seed=1`; `calls=N`, 3000 for the boot core unless it says otherwise. Calls that
// would end the run are made with arguments that they refuse. The boot core never turns itself off, so that there is an
// end; every core has a timer running, so that nothing sleeps for good.

import PSCI

enum Guest {
    static func main(_ board: Board) {
        guard InterruptController.isThere else {
            return Console.writeLine("this guest needs a GICv3; on QEMU, say -machine virt,gic-version=3")
        }
        for core in 0..<board.coreCount {
            InterruptController.enable(InterruptController.virtualTimer, core: core)
            // Never zero, which the generator could not leave.
            Mailbox(ofCore: core)[.x3] = (board.number("seed=") ?? 1) << 8 | UInt64(core) | 1 << 40
        }
        Mailbox(ofCore: 0)[.x2] = UInt64(board.coreCount) << 32 | UInt64(Self.version(board))
        memoryBarrier()
        for core in board.secondaryCores { _ = board.turnOn(core: core, contextID: 0) }
        Fuzzer(core: 0).run(calls: board.number("calls=") ?? 3000)

        var total: UInt64 = 0
        for core in 0..<board.coreCount {
            let mailbox = Mailbox(ofCore: core)
            total += mailbox[.counter]
            guard mailbox[.x0] != 0 else { continue }
            Console.write("not ok - core ")
            Console.write(decimal: UInt64(core))
            Console.write(": ")
            TAP.write(CallRegisters(x0: mailbox[.x0] & 0xFFFF_FFFF, x1: mailbox[.request], x2: 0, x3: 0))
            Console.write(" returned ")
            TAP.write(code: Int64(bitPattern: mailbox[.x1]))
            Console.writeLine()
        }
        Console.write("# done, ")
        Console.write(decimal: total)
        Console.writeLine(" calls")
    }

    static func secondaryMain(core: Int) {
        Fuzzer(core: core).run(calls: .max)
    }

    /// As PSCI_VERSION has it.
    private static func version(_ board: Board) -> UInt32 {
        guard let text = board.argument("version="), text.count >= 3 else { return Version.v1_3.rawValue }
        return UInt32(text[0] &- UInt8(ascii: "0")) << 16 | UInt32(text[2] &- UInt8(ascii: "0"))
    }
}
