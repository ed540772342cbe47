// Hibernation in miniature: what Linux does with a gigabyte, done with 64 KiB, in a moment.
//
// On a disk without an image it fills memory from its counter, writes that and what it sees of its machine to the disk,
// puts the signature of a hibernation image into the page where Linux has it, flushes and calls SYSTEM_OFF2. On a disk
// with its image it checks that the machine is the one that it left, reads its memory back, checks that too, takes the
// signature away, and goes on: to the next hibernation, or to SYSTEM_OFF. With `noresume` on the command line it leaves
// an image alone.
//
// Reports in TAP. Command line: `cycles=1`, the hibernations until it powers off; `end=off2`, how each of them ends:
// `off` by SYSTEM_OFF, `reset` by SYSTEM_RESET, `reset2` by SYSTEM_RESET2, `wait` by nothing of the guest's. With
// `at=N` the swap area begins N pages into the disk, as that of a swap file does. With `hide` the host cannot see that
// there is an image. With `early=END` it ends so before it looks at its disk.

import PSCI
import _Volatile

enum Guest {
    /// Bytes of memory that are to survive.
    static var memoryByteCount: UInt { 1 << 16 }
    /// Where they are: 24 MiB above the start of RAM.
    static var memory: UInt { 0x4180_0000 }
    /// The image behind its header: a page of facts, then memory. In sectors.
    private static var factsDistance: UInt64 { 8 }
    private static var memoryDistance: UInt64 { 16 }

    static func main(_ board: Board) {
        var tap = TAP()
        if let name = board.argument("early=") {
            Console.writeLine("# ending early")
            return end(&tap, board, name)
        }
        let header = headerSector(board)
        guard var disk = Disk() else {
            tap.check(false, "there is a disk in the first slot")
            return tap.finish()
        }
        let facts = Facts(board, disk)
        guard readHeader(&disk, header, board) else {
            tap.check(false, "the disk can be read")
            return tap.finish()
        }
        var cycle: UInt64 = 0
        if SwapHeader.hasImage {
            if board.argument("noresume") != nil {
                Console.writeLine("# clean boot, the image is left alone")
                return tap.finish()
            }
            guard let resumed = resume(&tap, &disk, facts, header: header, board) else { return tap.finish() }
            cycle = resumed
        } else {
            Console.writeLine("# clean boot")
            fillMemory(seed: readVirtualCounter() | 1)
        }
        if cycle < board.number("cycles=") ?? 1 {
            hibernate(&tap, &disk, facts, cycle: cycle + 1, board)
        }
        tap.finish()
    }

    static func secondaryMain(core: Int) {}

    /// Goes on where the image was left; nil if that is not sound.
    private static func resume(
        _ tap: inout TAP, _ disk: inout Disk, _ facts: Facts, header: UInt64, _ board: Board
    ) -> UInt64? {
        guard disk.read(sector: header + factsDistance, byteCount: Facts.byteCount) else {
            tap.check(false, "the image's facts can be read")
            return nil
        }
        let saved = Facts(at: Disk.data)
        let isSame = saved.check(&tap, today: facts)
        tap.check(facts.counter >= saved.counter, "the counter has not gone back")
        guard disk.read(sector: header + memoryDistance, byteCount: UInt64(memoryByteCount)) else {
            tap.check(false, "the image's memory can be read")
            return nil
        }
        copyWords(from: Disk.data, to: memory)
        let isWhole = checksum() == saved.memoryChecksum
        tap.check(isWhole, "memory is as it was")
        // As Linux does, whatever comes after: an image is used once.
        guard readHeader(&disk, header, board) else { return nil }
        SwapHeader.removeImage()
        tap.check(writeHeader(&disk, header, board) && disk.flush(), "the image is taken away")
        Console.write("# resumed, checksum ")
        Console.write(hexadecimal: checksum())
        Console.writeLine()
        return isSame && isWhole ? saved.cycle : nil
    }

    private static func hibernate(
        _ tap: inout TAP, _ disk: inout Disk, _ facts: Facts, cycle: UInt64, _ board: Board
    ) {
        let header = headerSector(board)
        var facts = facts
        facts.cycle = cycle
        facts.memoryChecksum = checksum()
        facts.counter = readVirtualCounter()
        copyWords(from: memory, to: Disk.data)
        var isWritten = disk.write(sector: header + memoryDistance, byteCount: UInt64(memoryByteCount))
        facts.store(at: Disk.data)
        isWritten = disk.write(sector: header + factsDistance, byteCount: Facts.byteCount) && isWritten
        isWritten = disk.flush() && isWritten
        // The signature last: before it there is no image.
        isWritten = readHeader(&disk, header, board) && isWritten
        // A kernel hibernates to swap, and to nothing else. A file may have a page like a header's.
        if !SwapHeader.isSwap, board.argument("forged") == nil {
            SwapHeader.makeSwap()
            isWritten = writeHeader(&disk, header, board) && readHeader(&disk, header, board) && isWritten
        }
        SwapHeader.addImage()
        isWritten = writeHeader(&disk, header, board) && disk.flush() && isWritten
        tap.check(isWritten, "the image is written")
        Console.write("# hibernating, checksum ")
        Console.write(hexadecimal: facts.memoryChecksum)
        Console.writeLine()
        end(&tap, board, board.argument("end="))
    }

    private static func headerSector(_ board: Board) -> UInt64 {
        (board.number("at=") ?? 0) * SwapHeader.byteCount / Disk.sectorByteCount
    }

    private static func readHeader(_ disk: inout Disk, _ sector: UInt64, _ board: Board) -> Bool {
        guard disk.read(sector: sector, byteCount: SwapHeader.byteCount) else { return false }
        if board.argument("hide") != nil { SwapHeader.hide() }
        return true
    }

    private static func writeHeader(_ disk: inout Disk, _ sector: UInt64, _ board: Board) -> Bool {
        if board.argument("hide") != nil { SwapHeader.hide() }
        return disk.write(sector: sector, byteCount: SwapHeader.byteCount)
    }

    /// Ends the run in the way that is named, by SYSTEM_OFF2 if none is.
    private static func end(_ tap: inout TAP, _ board: Board, _ name: Text?) {
        tap.finish()
        Console.flush()
        if name?.equals("off") == true {
            _ = board.firmware.call(.systemOff, .smc32)
        } else if name?.equals("reset") == true {
            _ = board.firmware.call(.systemReset, .smc32)
        } else if name?.equals("reset2") == true {
            _ = board.firmware.call(.systemReset2, .smc64, 0, 0)
        } else if name?.equals("wait") == true {
            while true { waitForInterrupt() }
        } else {
            _ = board.firmware.call(.systemOff2, .smc64, 0, 0)
        }
        Console.writeLine("not ok the call that ends the run returned")
    }

    /// xorshift64, so that no two hibernations have the same memory.
    private static func fillMemory(seed: UInt64) {
        var state = seed
        var offset: UInt = 0
        while offset < memoryByteCount {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            VolatileMappedRegister<UInt64>(unsafeBitPattern: memory + offset).store(state)
            offset += 8
        }
    }

    private static func checksum() -> UInt64 {
        var hash = Hash()
        var offset: UInt = 0
        while offset < memoryByteCount {
            hash.add(VolatileMappedRegister<UInt64>(unsafeBitPattern: memory + offset).load())
            offset += 8
        }
        return hash.value
    }

    private static func copyWords(from source: UInt, to destination: UInt) {
        var offset: UInt = 0
        while offset < memoryByteCount {
            VolatileMappedRegister<UInt64>(unsafeBitPattern: destination + offset).store(
                VolatileMappedRegister<UInt64>(unsafeBitPattern: source + offset).load())
            offset += 8
        }
    }
}
