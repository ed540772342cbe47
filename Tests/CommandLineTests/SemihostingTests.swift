// `dormouse qemu -semihosting`, with programs that are a few words long.

import TestSupport
import Testing

@Suite("Semihosting", .timeLimit(.minutes(30)))
struct SemihostingTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let hlt: UInt32 = 0xD45E_0000
    private static let stay: UInt32 = 0x1400_0000

    /// MOVZ W0, #operation; ADR X1, to `distance` words behind the ADR; HLT #0xF000.
    private static func call(_ operation: UInt32, _ distance: UInt32) -> [UInt32] {
        [0x5280_0000 | operation << 5, 0x1000_0001 | distance << 5, hlt]
    }

    private func run(_ program: [UInt32], _ options: String...) async throws -> Finished {
        let guest = try FlatCode.file(program, in: directory)
        return try await Command.run(
            ["qemu", "-M", "virt", "-nographic", "-m", "64", "-kernel", guest] + options)
    }

    @Test("A program writes to the console, and its code is the process's", arguments: [0, 7, 255, 256] as [UInt32])
    func exit(code: UInt32) async throws {
        let program =
            Self.call(4, 10) + Self.call(3, 7) + Self.call(0x18, 6) + [Self.stay, 0]
            // "hello", "!"; ADP_Stopped_ApplicationExit and the code.
            + [0x6C6C_6568, 0x0000_216F, 0x2_0026, 0, code, 0]
        let end = try await run(program, "-semihosting")
        #expect(end.output == "hello!h")
        #expect(end.exitCode == Int32(code & 0xFF))
        #expect(end.errorLines.last == "dormouse: the program exited with \(code)")
    }

    @Test("Another reason than an exit, and a block that is not there, are failures")
    func otherReasons() async throws {
        // ADP_Stopped_InternalError.
        let first = try await run(Self.call(0x20, 3) + [Self.stay, 0x2_0024, 0, 0, 0], "-semihosting")
        #expect(first.exitCode == 1)
        // MOVZ W0, #0x18; MOVZ X1, #0; HLT.
        let second = try await run([0x5280_0300, 0xD280_0001, Self.hlt, Self.stay], "-semihosting-config", "enable=on")
        #expect(second.exitCode == 1)
    }

    @Test("The console is opened and written, and no file of the host's is")
    func write() async throws {
        // SYS_OPEN of :tt to write, whose result goes to X19; SYS_WRITE; SYS_OPEN of another name, whose result is the
        // code; blocks from word 16 on.
        let move19: UInt32 = 0xAA00_03F3  // MOV X19, X0
        let store19: UInt32 = 0xF900_0033  // STR X19, [X1]
        let storeResult: UInt32 = 0xF900_0420  // STR X0, [X1, #8]
        var program = Self.call(1, 23) + [move19]
        // ADR X1, block of SYS_WRITE; STR X19, [X1]; MOVZ W0, #5; HLT.
        program += [0x1000_0001 | 26 << 5, store19, 0x5280_00A0, Self.hlt]
        // SYS_OPEN again.
        program += Self.call(1, 27)
        // ADR X1, block of SYS_EXIT; STR X0, [X1, #8]; MOVZ W0, #0x18; HLT.
        program += [0x1000_0001 | 31 << 5, storeResult, 0x5280_0300, Self.hlt]
        program += [UInt32](repeating: Self.stay, count: 24 - program.count)
        let base: UInt32 = 0x4008_0000
        // 24: name, mode "w", length. 30: handle, bytes, length. 36: name, mode, length. 42: the exit. 46: text.
        program += [base + 46 * 4, 0, 4, 0, 3, 0]
        program += [0, 0, base + 46 * 4, 0, 3, 0]
        program += [base + 47 * 4, 0, 0, 0, 3, 0]
        program += [0x2_0026, 0, 0, 0]
        // ":tt", "a.b"
        program += [0x0074_743A, 0x0062_2E61]
        let end = try await run(program, "-semihosting")
        #expect(end.output == ":tt")
        // -1.
        #expect(end.exitCode == 255)
    }

    @Test("A program is told its command line", arguments: [nil, "enable=on,arg=one,arg=two"])
    func commandLine(configuration: String?) async throws {
        // SYS_GET_CMDLINE to word 24, SYS_WRITE0 of that, SYS_EXIT.
        var program = Self.call(0x15, 15)
        program += Self.call(4, 20) + Self.call(0x18, 13) + [Self.stay]
        program += [UInt32](repeating: 0, count: 16 - program.count)
        program += [0x4008_0000 + 24 * 4, 0, 1024, 0]
        program += [0x2_0026, 0, 0, 0] + [UInt32](repeating: 0, count: 256)
        let end = try await run(
            program, "-append", "x y", "-semihosting", "-semihosting-config", configuration ?? "enable=on")
        #expect(end.output == (configuration == nil ? "\(directory.path)/guest.bin x y" : "one two"))
        #expect(end.exitCode == 0)
    }

    @Test("Who does not ask for it has a guest whose HLT is undefined")
    func off() async throws {
        // ADR X1, vectors; MSR VBAR_EL1, X1; HLT; the vector of EL1h at 0x200 turns the machine off.
        var program: [UInt32] = [0x1000_0001 | 512 << 5, 0xD518_C001, Self.hlt, Self.stay]
        program += [UInt32](repeating: 0, count: 512 + 128 - program.count)
        let end = try await run(program + FlatCode.systemOff)
        #expect(end.exitCode == 0)
        #expect(end.errorLines.last == "dormouse: powered off")
    }
}
