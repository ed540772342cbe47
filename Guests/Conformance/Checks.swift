// What all checks share: the firmware, what is expected of it, and a line for each check.
//
// A line names the width and the function that it is about, so that whoever reads it can sort it into a table:
//
//   ok 17 - SMC64 CPU_ON: the calling core is ALREADY_ON

import PSCI

struct Checks {
    let board: Board
    let expected: Expectation
    private(set) var count: UInt64 = 0
    private(set) var failures: UInt64 = 0

    init(_ board: Board) {
        self.board = board
        expected = Expectation(board)
    }

    var firmware: GuestClient { board.firmware }
    /// The other cores of the boot core's cluster, as far as they take part.
    var otherCores: Range<Int> { board.secondaryCores }

    // MARK: Lines

    /// One check; `returned` is shown if it failed.
    mutating func check(
        _ passed: Bool, _ width: CallWidth, _ function: Function, _ what: StaticString, core: Int = 0,
        returned: Int64? = nil
    ) {
        begin(passed, width, function, core)
        Console.write(what)
        if !passed, let returned {
            Console.write(" # returned ")
            TAP.write(code: returned)
        }
        Console.writeLine()
    }

    /// A check that cannot be made.
    mutating func skip(_ width: CallWidth, _ function: Function, _ what: StaticString, because reason: StaticString) {
        begin(true, width, function, 0)
        Console.write(what)
        Console.write(" # SKIP ")
        Console.writeLine(reason)
    }

    private mutating func begin(_ passed: Bool, _ width: CallWidth, _ function: Function, _ core: Int) {
        count += 1
        if !passed { failures += 1 }
        Console.write(passed ? "ok " : "not ok ")
        Console.write(decimal: count)
        Console.write(width == .smc32 ? " - SMC32 " : " - SMC64 ")
        Console.write(function.name)
        Console.write(": ")
        if core != 0 {
            Console.write("core ")
            Console.write(decimal: UInt64(core))
            Console.write(": ")
        }
    }

    /// The plan, after the last check.
    func finish() {
        Console.write("1..")
        Console.write(decimal: count)
        Console.writeLine()
    }

    // MARK: Calls

    /// Makes a call from `core` and returns what it says, signed.
    func call(
        _ width: CallWidth, _ function: Function, _ first: UInt64 = 0, _ second: UInt64 = 0, _ third: UInt64 = 0,
        core: Int = 0
    ) -> Int64 {
        let registers = CallRegisters(function, width, first, second, third)
        let returned = core == 0 ? firmware.conduit.call(registers) : Worker(core: core).call(registers)
        return width.signed(returned.x0)
    }

    /// A call that must return `code`.
    @discardableResult
    mutating func expect(
        _ code: ReturnCode, _ width: CallWidth, _ function: Function, _ first: UInt64 = 0, _ second: UInt64 = 0,
        _ third: UInt64 = 0, core: Int = 0, what: StaticString
    ) -> Bool {
        let value = call(width, function, first, second, third, core: core)
        let passed = value == Int64(code.rawValue)
        check(passed, width, function, what, core: core, returned: value)
        return passed
    }

    /// Runs `body` for every width of `function`.
    mutating func forEachWidth(_ function: Function, _ body: (inout Checks, CallWidth) -> Void) {
        body(&self, .smc32)
        if function.exists(as: .smc64) { body(&self, .smc64) }
    }

    // MARK: Cores

    func affinity(_ core: Int) -> UInt64 { board.affinity(ofCore: core).rawValue }

    /// AFFINITY_INFO of a core.
    func state(ofCore core: Int) -> Int64 { call(.smc64, .affinityInfo, affinity(core), 0) }

    /// Turns a core on and waits until it serves. Returns whether it does.
    func turnOn(_ core: Int) -> Bool {
        let arrivals = Mailbox(ofCore: core)[.arrivals]
        guard board.turnOn(core: core, contextID: UInt64(core)) == 0 else { return false }
        return wait { Mailbox(ofCore: core)[.arrivals] == arrivals + 1 && state(ofCore: core) == Self.on }
    }

    /// Has a core turn itself off, and waits until it is. Returns whether it is.
    func turnOff(_ core: Int) -> Bool {
        let worker = Worker(core: core)
        worker.ask(CallRegisters(.cpuOff, .smc32))
        let isOff = wait { state(ofCore: core) == Self.off || !worker.isBusy }
        let isDone = isOff && worker.isBusy
        worker.forget()
        return isDone
    }

    /// Waits for `condition`, five seconds at most.
    func wait(until condition: () -> Bool) -> Bool {
        let start = readVirtualCounter()
        let patience = readCounterFrequency() &* 5
        while readVirtualCounter() &- start < patience {
            if condition() { return true }
        }
        return false
    }

    /// Microseconds of the virtual counter.
    var microseconds: UInt64 { readVirtualCounter() / max(1, readCounterFrequency() / 1_000_000) }

    static var on: Int64 { Int64(CoreState.on.rawValue) }
    static var off: Int64 { Int64(CoreState.off.rawValue) }
    static var onPending: Int64 { Int64(CoreState.onPending.rawValue) }
    /// An address with nothing of the guest's.
    static var nowhere: UInt64 { 0x0900_0000 }
}
