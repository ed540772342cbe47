// What a guest finds that is booted after a reset of another one: its own code, and nothing that was made of the
// other's.

import Glibc
import Hypervisor
import PSCI
import TestSupport
import Testing

@testable import Machine

@Suite("A reset to another kernel")
struct ResetKernelTests {
    /// Where guests leave a number, and where they write and call code.
    private static let result: UInt64 = 0x4200_0000
    private static let routine: UInt64 = 0x4210_0000

    /// A64 code, as far as these guests need it.
    private enum A64 {
        static func movz(_ d: UInt32, _ value: UInt32, lsl: UInt32 = 0) -> UInt32 {
            0xD280_0000 | (lsl / 16) << 21 | value << 5 | d
        }
        static func movk(_ d: UInt32, _ value: UInt32, lsl: UInt32 = 0) -> UInt32 {
            0xF280_0000 | (lsl / 16) << 21 | value << 5 | d
        }
        static func str(_ t: UInt32, _ n: UInt32) -> UInt32 { 0xF900_0000 | n << 5 | t }
        static func blr(_ n: UInt32) -> UInt32 { 0xD63F_0000 | n << 5 }
        /// x4 counted down; the loop begins `distance` instructions before.
        static func loop(_ distance: Int) -> [UInt32] {
            [0xD100_0484, 0xB500_0004 | (UInt32(bitPattern: Int32(-distance - 1)) & 0x7_FFFF) << 5]
        }
        static let dsb: UInt32 = 0xD503_3F9F
        static let isb: UInt32 = 0xD503_3FDF
        static let hvc: UInt32 = 0xD400_0002
        static let ret: UInt32 = 0xD65F_03C0
        static let setVBARToX0: UInt32 = 0xD518_C000
        /// B to itself.
        static let stay: UInt32 = 0x1400_0000
    }

    /// How a guest ends: a function's number, as SMC32.
    enum Ending: UInt32 {
        case off = 8
        case reset = 9
        case warmReset = 0x12

        fileprivate var code: [UInt32] {
            [A64.movz(0, rawValue), A64.movk(0, 0x8400, lsl: 16), A64.movz(1, 0), A64.movz(2, 0), A64.hvc, A64.stay]
        }
    }

    /// Leaves `register` at `result`.
    private static func leave(_ register: UInt32) -> [UInt32] {
        [A64.movz(1, UInt32(result >> 16), lsl: 16), A64.str(register, 1)]
    }

    /// Computes a number many times over, so that every engine has made what it makes of hot code, and leaves it.
    private static func counting(_ number: UInt32, _ ending: Ending) -> [UInt32] {
        [A64.movz(4, 0x4000), A64.movz(9, number)] + A64.loop(1) + leave(9) + ending.code
    }

    /// Writes a routine that gives 1, calls it many times, leaves what it gave, and ends.
    private static func writing(_ ending: Ending) -> [UInt32] {
        let routineCode = UInt64(A64.ret) << 32 | UInt64(A64.movz(7, 1))
        var code = [A64.movz(1, UInt32(routine >> 16), lsl: 16)]
        code += (0..<4).map {
            let part = UInt32(routineCode >> (16 * UInt64($0)) & 0xFFFF)
            return $0 == 0 ? A64.movz(2, part) : A64.movk(2, part, lsl: 16 * UInt32($0))
        }
        code += [A64.str(2, 1), A64.dsb, A64.isb, A64.movz(4, 0x1000), A64.blr(1)] + A64.loop(1)
        return code + leave(7) + ending.code
    }

    /// Calls the routine, and leaves what it gave, or 3 if there is none.
    private static var calling: [UInt32] {
        // ADR X0, .+0x800: the vectors. That of an exception at this level is 0x200 behind.
        var code = [0x1000_4000, A64.setVBARToX0, A64.isb, A64.movz(1, UInt32(routine >> 16), lsl: 16), A64.blr(1)]
        code += leave(7) + Ending.off.code
        code += [UInt32](repeating: A64.stay, count: 0xA00 / 4 - code.count)
        return code + [A64.movz(7, 3)] + leave(7) + Ending.off.code
    }

    /// Boots `first`, then `second` in its place; returns what each left.
    private func boot(_ first: [UInt32], _ second: [UInt32]) throws -> [UInt64?] {
        func bytes(_ words: [UInt32]) -> [UInt8] { words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) } }
        let file = try TemporaryFile(bytes(first))
        var configuration = MachineConfiguration(kernel: file.path)
        configuration.kernelFormat = .flat
        configuration.memoryByteCount = 64 << 20
        let machine = try VirtualMachine(configuration, events: MachineEvents())
        defer { machine.close() }
        guard case .reset = try machine.run() else {
            Issue.record("the first guest did not reset")
            return []
        }
        var left: [UInt64?] = [machine.memory.load(at: Self.result)]
        try file.replace(bytes(second))
        #expect(try machine.run() == .poweredOff)
        left.append(machine.memory.load(at: Self.result))
        return left
    }

    @Test("It runs, not what was made of the kernel before", arguments: [Ending.reset, .warmReset])
    func samePlace(ending: Ending) throws {
        #expect(try boot(Self.counting(1, ending), Self.counting(2, .off)) == [1, 2])
    }

    @Test("After a cold one, code that the guest before wrote elsewhere is gone")
    func coldElsewhere() throws {
        #expect(try boot(Self.writing(.reset), Self.calling) == [1, 3])
    }

    @Test("After a warm one, it is still there")
    func warmElsewhere() throws {
        #expect(try boot(Self.writing(.warmReset), Self.calling) == [1, 1])
    }
}

extension TemporaryFile {
    /// Puts other bytes in the file's place.
    fileprivate func replace(_ bytes: [UInt8]) throws {
        let other = try TemporaryFile(bytes)
        guard rename(other.path, path) == 0 else { throw FileError(path: path, code: errno) }
    }
}
