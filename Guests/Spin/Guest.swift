// All cores count as fast as they can, for a while: do they make progress together?
//
// Command line: `seconds=N`, 2 unless it says otherwise. Prints one line for each core and powers off.

import PSCI

enum Guest {
    static func main(_ board: Board) {
        for core in board.secondaryCores {
            let code = board.turnOn(core: core, contextID: 0)
            guard code == 0 else {
                Console.write("CPU_ON of core ")
                Console.write(decimal: UInt64(core))
                Console.write(" = ")
                TAP.write(code: code)
                Console.writeLine()
                return
            }
        }
        // Counting starts when all are there, so that the counts can be compared.
        for core in board.secondaryCores {
            while Mailbox(ofCore: core)[.arrivals] == 0 { waitForEvent() }
        }
        for core in board.secondaryCores { Mailbox(ofCore: core)[.request] = 1 }
        memoryBarrier()
        sendEvent()

        let ticks = (board.number("seconds=") ?? 2) &* readCounterFrequency()
        let start = readVirtualCounter()
        let mailbox = Mailbox(ofCore: 0)
        while readVirtualCounter() &- start < ticks {
            for _ in 0..<1000 { mailbox[.counter] += 1 }
        }
        for core in board.secondaryCores { Mailbox(ofCore: core)[.request] = 0 }
        memoryBarrier()
        for core in 0..<board.coreCount {
            Console.write("core ")
            Console.write(decimal: UInt64(core))
            Console.write(" count ")
            Console.write(decimal: Mailbox(ofCore: core)[.counter])
            Console.writeLine()
        }
    }

    static func secondaryMain(core: Int) {
        let mailbox = Mailbox(ofCore: core)
        while mailbox[.request] == 0 { waitForEvent() }
        while mailbox[.request] != 0 { mailbox[.counter] += 1 }
    }
}
