// One core that waits, in WFI, for the virtual timer: does an idle guest use the host's CPU?
//
// Command line: `seconds=N`, 3 unless it says otherwise. Prints how long it waited and how often it woke, and powers
// off. It needs a GICv3, for only an interrupt that is pending at the CPU interface ends a WFI.

import PSCI

enum Guest {
    static func main(_ board: Board) {
        guard InterruptController.isThere else {
            Console.writeLine("this guest needs a GICv3; on QEMU, say -machine virt,gic-version=3")
            return
        }
        InterruptController.enableVirtualTimer()
        let frequency = readCounterFrequency()
        let start = readVirtualCounter()
        let end = start &+ (board.number("seconds=") ?? 3) &* frequency
        writeVirtualTimerCompareValue(end)
        writeVirtualTimerControl(1)
        Console.writeLine("idle")
        var wakeUps: UInt64 = 0
        while readVirtualCounter() < end {
            waitForInterrupt()
            wakeUps += 1
        }
        let milliseconds = (readVirtualCounter() &- start) &* 1000 / frequency
        Console.write("idle for ")
        Console.write(decimal: milliseconds)
        Console.write(" ms, woke ")
        Console.write(decimal: wakeUps)
        Console.writeLine(wakeUps == 1 ? " time" : " times")
    }

    static func secondaryMain(core: Int) {}
}
