// A fixed amount of work of one kind, for Benchmarks/count-instructions: what does the host spend on it?
//
// Command line: `work=compute`, `work=code` or `work=system`. Prints a checksum, the same on every machine, and powers
// off. Nothing here looks at a clock: what a guest does must not depend on how fast it is.

enum Guest {
    static func main(_ board: Board) {
        enableTranslation()
        let checksum: UInt64
        if let work = board.argument("work="), work.starts(with: "code") {
            // New code again and again: decoding, lowering, translation, and dropping what it was before.
            checksum = makeCode(copies: 256, rounds: 12)
        } else if let work = board.argument("work="), work.starts(with: "system") {
            // Exceptions, system registers, page tables that change, and memory that is copied.
            checksum = workOnSystem(rounds: 9000)
        } else {
            checksum = Computation.run(rounds: 960)
        }
        Console.write("# done, checksum ")
        Console.write(hexadecimal: checksum)
        Console.writeLine()
    }

    static func secondaryMain(core: Int) {}
}

// What work.S does.

/// Turns the MMU and caches on, so that memory is Normal memory: all of it at its own address.
@_extern(c, "enable_translation") func enableTranslation()
/// Writes `copies` functions behind each other, makes them visible as code, and calls each of them three times; all of
/// it `rounds` times. Returns a checksum.
@_extern(c, "make_code") func makeCode(copies: UInt64, rounds: UInt64) -> UInt64
/// SVCs, page faults, TLBIs and copies, `rounds` times. Returns a checksum.
@_extern(c, "work_on_system") func workOnSystem(rounds: UInt64) -> UInt64
