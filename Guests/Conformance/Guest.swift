// PSCI from the inside: every function, width, version gate, error and race, on 1 to 8 cores, by DEN0022 F.b.
//
// Reports in TAP and then ends the run. What the firmware is held to is on the command line (`Expectation`), and so is
// the call that ends the run (`Ending`). `checks=off` leaves the checks out: only the end is of interest then. Without
// a `version=` the firmware is asked what it is, as on another machine monitor, and what it lacks is a result.

import PSCI

enum Guest {
    static func main(_ board: Board) {
        let wasReset = Ending.reportMark()
        if board.argument("checks=")?.equals("off") != true {
            var checks = Checks(board)
            Console.write("# PSCI ")
            Console.write(decimal: UInt64(checks.expected.version >> 16))
            Console.write(".")
            Console.write(decimal: UInt64(checks.expected.version & 0xFFFF))
            Console.write(board.conduit == .hvc ? " by HVC, " : " by SMC, ")
            Console.write(decimal: UInt64(board.coreCount))
            Console.writeLine(board.coreCount == 1 ? " core" : " cores")
            checks.checkPresence()
            checks.checkCores()
            checks.checkSuspension()
            checks.checkSystem()
            checks.finish()
            Console.write(checks.failures == 0 ? "# PASS, " : "# FAIL, ")
            Console.write(decimal: checks.failures)
            Console.write(" of ")
            Console.write(decimal: checks.count)
            Console.writeLine(" checks failed")
        }
        // The second boot after a warm reset has seen what there was to see.
        guard !wasReset else { return }
        Ending(board: board).run()
    }

    static func secondaryMain(core: Int) {
        Worker.serve(core: core)
    }
}
