// Loads and stores that touch two pages, devices, or memory that is not theirs: DDI 0487, B2.7, B2.10 and D8.4.

import Emulator
import Hypervisor
import Synchronization
import Testing

@Suite("Memory accesses", .everyEngine)
struct AccessTests {
    private static let window: UInt64 = 0x0000_5555_4000_0000
    private static let end = window + 0x1000
    /// Two pages that are not neighbours, in an order that is not theirs.
    private static let firstPage = SystemMachine.Layout.free + 0x5000
    private static let secondPage = SystemMachine.Layout.free

    private func machine(second: PageAttributes?) throws -> (SystemMachine, PageTables) {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: Self.firstPage, .data)
        if let second { tables.map(Self.end, to: Self.secondPage, second) }
        for offset in stride(from: UInt64(0), to: 0x1000, by: 8) {
            machine.memory.store(0x1111_1111_1111_1111 &* (offset & 7), at: Self.firstPage + offset)
        }
        return (machine, tables)
    }

    @Test("Unaligned accesses across pages take each part from its own page")
    func acrossPages() throws {
        let (machine, _) = try machine(second: .data)
        for split: UInt64 in 1...7 {
            machine.memory.write([1, 2, 3, 4, 5, 6, 7, 8], at: Self.firstPage + 0xFF8)
            machine.memory.write([9, 10, 11, 12, 13, 14, 15, 16], at: Self.secondPage)
            let bytes = (1...16).map { UInt64($0) }
            let expected = (0..<8).reduce(UInt64(0)) { $0 | bytes[Int(split) + $1] << (8 * UInt64($1)) }
            let stop = try machine.run(
                [.ldr(.x2, .x1), .str(.x3, .x1), .hvc(1)],
                [.x1: Self.end - 8 + split, .x3: 0x8877_6655_4433_2211])
            #expect(stop == .call(1))
            #expect(machine.x(2) == expected)
            var after = (1...16).map { UInt8($0) }
            for index in 0..<8 { after[Int(split) + index] = UInt8(0x11 * (index + 1)) }
            #expect(machine.memory.read(at: Self.firstPage + 0xFF8, count: 8) == Array(after[..<8]))
            #expect(machine.memory.read(at: Self.secondPage, count: 8) == Array(after[8...]))
        }
        // A pair whose halves are aligned, one on each page.
        let stop = try machine.run(
            [.stp(.x2, .x3, .x1), .ldp(.x4, .x5, .x1), .hvc(1)], [.x1: Self.end - 8, .x2: 0xAAAA, .x3: 0xBBBB])
        #expect(stop == .call(1))
        #expect(machine.word(at: Self.firstPage + 0xFF8) == 0xAAAA)
        #expect(machine.word(at: Self.secondPage) == 0xBBBB)
        #expect(machine.x(4) == 0xAAAA)
        #expect(machine.x(5) == 0xBBBB)
    }

    @Test("A fault on the second page reports it, and leaves registers, base and the first page alone")
    func faultOnSecondPage() throws {
        // The architecture would allow the first page to be written; nothing here relies on that being refused, but
        // guests that emulate or log stores are happier.
        let cases: [(PageAttributes?, UInt64, Bool)] = [
            (nil, FaultCode.translation(3), false), ([.innerShareable, .notForEL0], FaultCode.accessFlag(3), false),
            ([.data, .readOnly], FaultCode.permission(3), true),
        ]
        for (second, status, onlyWrites) in cases {
            let (machine, _) = try machine(second: second)
            let loads: [A64] = [.ldpPost(.x2, .x3, .x1, 32), .ldr(.x2, .x1), .ldrPre(.x2, .x1, 4), .ldp(.x1, .x3, .x1)]
            let stores: [A64] = [.stpPre(.x2, .x3, .x1, 0), .str(.x2, .x1), .strPost(.x2, .x1, 8)]
            for (instruction, isWrite) in (onlyWrites ? [] : loads).map({ ($0, false) }) + stores.map({ ($0, true) }) {
                let isPair = instruction.word >> 25 & 0x1F == 0b10100
                let base = Self.end - (isPair ? 8 : 4) - (instruction == loads[2] ? 4 : 0)
                machine.memory.store(UInt64(0x5A5A), at: Self.firstPage + 0xFF8)
                let stop = try machine.run([.nop, instruction, .hvc(1)], [.x1: base, .x2: 0x22, .x3: 0x33])
                let taken = try #require(stop.exception)
                let text = String(instruction.word, radix: 16)
                #expect(taken.esr == esr(ExceptionClass.dataAbort, status | (isWrite ? FaultCode.write : 0)), "\(text)")
                #expect(taken.far == Self.end, "\(text)")
                #expect(taken.elr == SystemMachine.Layout.code + 4, "\(text)")
                #expect(machine.x(1) == base, "\(text)")
                #expect(machine.x(2) == 0x22, "\(text)")
                #expect(machine.x(3) == 0x33, "\(text)")
                #expect(machine.word(at: Self.firstPage + 0xFF8) == 0x5A5A, "\(text)")
            }
        }
    }

    @Test("A fault on the first page reports the address of the access")
    func faultOnFirstPage() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.end, to: Self.secondPage, .data)
        let taken = try #require(try machine.run([.str(.x2, .x1), .hvc(1)], [.x1: Self.end - 3]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.translation(3) | FaultCode.write))
        #expect(taken.far == Self.end - 3)
    }

    private func expectAlignmentFault(
        _ machine: SystemMachine, _ instruction: A64, address: UInt64, isWrite: Bool
    ) throws {
        let stop = try machine.run([instruction, .hvc(1)], [.x1: address])
        let taken = try #require(stop.exception, "\(String(instruction.word, radix: 16))")
        let status = FaultCode.alignment | (isWrite ? FaultCode.write : 0)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, status), "\(String(instruction.word, radix: 16))")
        #expect(taken.far == address)
        #expect(taken.elr == SystemMachine.Layout.code)
    }

    @Test("An unaligned access to device memory is an alignment fault, an aligned one is not")
    func deviceMemory() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        try machine.set(.cpacrEL1, 3 << 20)
        tables.map(Self.window, to: Self.firstPage, [.data, .device])
        for (instruction, size, isWrite) in [
            (A64.ldr(.x2, .x1), UInt64(8), false), (.str(.x2, .x1), 8, true), (.ldrw(.x2, .x1), 4, false),
            (.ldrh(.x2, .x1), 2, false), (.strw(.x2, .x1), 4, true), (.ldp(.x2, .x3, .x1), 8, false),
            (.stp(.x2, .x3, .x1), 8, true), (.ldr(q: 0, .x1), 16, false),
        ] {
            try expectAlignmentFault(machine, instruction, address: Self.window + size / 2, isWrite: isWrite)
            #expect(try machine.run([instruction, .hvc(1)], [.x1: Self.window + size]) == .call(1))
            try expectAlignmentFault(machine, instruction, address: Self.window + size + 1, isWrite: isWrite)
        }
        #expect(try machine.run([.ldrb(.x2, .x1), .hvc(1)], [.x1: Self.window + 3]) == .call(1))
        try expectAlignmentFault(machine, .sys(.dcZVA, .x1), address: Self.window + 0x80, isWrite: true)
    }

    @Test("With the MMU off data is device memory")
    func mmuOff() throws {
        let machine = try SystemMachine()
        let data = SystemMachine.Layout.data
        try expectAlignmentFault(machine, .ldr(.x2, .x1), address: data + 4, isWrite: false)
        try expectAlignmentFault(machine, .sys(.dcZVA, .x1), address: data, isWrite: true)
        #expect(try machine.run([.ldr(.x2, .x1), .hvc(1)], [.x1: data]) == .call(1))
    }

    @Test("With SCTLR_EL1.A every unaligned access faults, and nothing else")
    func alignmentCheck() throws {
        let (machine, _) = try SystemMachine.withMMU(sctlr: SCTLRBit.a)
        let data = SystemMachine.Layout.data
        try expectAlignmentFault(machine, .ldr(.x2, .x1), address: data + 4, isWrite: false)
        try expectAlignmentFault(machine, .stp(.x2, .x3, .x1), address: data + 12, isWrite: true)
        #expect(try machine.run([.stp(.x2, .x3, .x1), .ldrb(.x2, .x1), .hvc(1)], [.x1: data + 8]) == .call(1))
        // DC ZVA is aligned by nature: any address in the line will do.
        machine.memory.store(UInt64.max, at: data + 0x40)
        #expect(try machine.run([.sys(.dcZVA, .x1), .hvc(1)], [.x1: data + 0x45]) == .call(1))
        #expect(machine.word(at: data + 0x40) == 0)
        // Alignment comes before translation.
        try expectAlignmentFault(machine, .ldr(.x2, .x1), address: Self.window + 1, isWrite: false)
    }

    @Test("Exclusives and atomics fault when unaligned even in normal memory; a read-modify-write reports a read")
    func atomicsAreAligned() throws {
        let (machine, _) = try SystemMachine.withMMU()
        let data = SystemMachine.Layout.data
        for (instruction, isWrite) in [
            (A64.ldxr(.x2, .x1), false), (.ldar(.x2, .x1), false), (.stlr(.x2, .x1), true),
            (.stxr(.x3, .x2, .x1), true), (.ldadd(.x2, .x3, .x1), false), (.cas(.x2, .x3, .x1), false),
            (.ldxp(.x2, .x3, .x1), false),
        ] {
            try expectAlignmentFault(machine, instruction, address: data + 4, isWrite: isWrite)
        }
        try expectAlignmentFault(machine, .ldxp(.x2, .x3, .x1), address: data + 8, isWrite: false)
        try expectAlignmentFault(machine, .casp(.x2, .x4, .x1), address: data + 8, isWrite: false)
    }

    @Test("An atomic reports a write only if a read of the same place would have succeeded")
    func atomicSyndromes() throws {
        // ESR_EL1, ISS of a Data Abort, WnR.
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.end, to: Self.secondPage, [.data, .readOnly])
        tables.map(Self.end + 0x1000, to: Self.secondPage, .innerShareable)
        for instruction in [A64.ldadd(.x2, .x3, .x1), .cas(.x2, .x3, .x1), .casp(.x2, .x4, .x1)] {
            for (address, status) in [
                (Self.window, FaultCode.translation(3)), (Self.end, FaultCode.permission(3) | FaultCode.write),
                (Self.end + 0x1000, FaultCode.accessFlag(3)),
            ] {
                let taken = try #require(try machine.run([instruction, .hvc(1)], [.x1: address]).exception)
                #expect(taken.esr == esr(ExceptionClass.dataAbort, status), "\(String(instruction.word, radix: 16))")
                #expect(taken.far == address)
            }
        }
        let taken = try #require(try machine.run([.stxr(.x3, .x2, .x1), .hvc(1)], [.x1: Self.window]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.translation(3) | FaultCode.write))
    }

    @Test("With PAN EL1 may not touch what EL0 may read, but LDTR and STTR may")
    func privilegedAccessNever() throws {
        let (machine, _) = try SystemMachine.withMMU()
        let user = SystemMachine.Layout.userData
        let kernel = SystemMachine.Layout.data
        machine.memory.store(UInt64(0x42), at: user)
        // Toggled in one program, so that translations made without PAN are there already.
        let stop = try machine.run(
            [
                .msrPAN(0), .ldr(.x2, .x1), .str(.x2, .x1, 8), .msrPAN(1), .ldtr(.x3, .x1), .sttr(.x3, .x4),
                .msrPAN(0), .ldr(.x5, .x4), .msrPAN(1), .ldr(.x6, .x1), .hvc(1),
            ], [.x1: user, .x4: user + 16, .x6: 0x66])
        let taken = try #require(stop.exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.permission(3)))
        #expect(taken.far == user)
        #expect(taken.elr == SystemMachine.Layout.code + 9 * 4)
        #expect(taken.spsr & PSTATEBit.pan != 0)
        #expect([2, 3, 5, 6].map { machine.x($0) } == [0x42, 0x42, 0x42, 0x66])
        // Writes too.
        let write = try #require(try machine.run([.msrPAN(1), .strb(.x2, .x1), .hvc(1)], [.x1: user]).exception)
        #expect(write.esr == esr(ExceptionClass.dataAbort, FaultCode.permission(3) | FaultCode.write))
        // What only EL1 may read is not affected; LDTR and STTR are refused there, as accesses of EL1's.
        #expect(try machine.run([.msrPAN(1), .ldr(.x2, .x1), .hvc(1)], [.x1: kernel]) == .call(1))
        for (instruction, flags) in [(A64.ldtr(.x2, .x1), UInt64(0)), (.sttr(.x2, .x1), FaultCode.write)] {
            let taken = try #require(try machine.run([.msrPAN(0), instruction, .hvc(1)], [.x1: kernel]).exception)
            #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.permission(3) | flags))
        }
        // At EL0 PSTATE.PAN means nothing.
        let atEL0 = try machine.run([.ldr(.x2, .x1), .svc(3)], as: .el0t, flags: PSTATEBit.pan, [.x1: user])
        #expect(atEL0.exception?.esr == esr(ExceptionClass.svc, 3))
    }

    /// A device that remembers what was asked of it.
    private final class Recorder: MMIODevice {
        struct Access: Equatable {
            var offset: UInt64
            var size: Int
            var value: UInt64?
        }
        let accesses = Mutex<[Access]>([])

        func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
            accesses.withLock { $0.append(Access(offset: offset, size: size)) }
            return 0xF0F1_F2F3_F4F5_F6F7 & (size == 8 ? .max : 1 << UInt64(size * 8) - 1)
        }

        func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
            accesses.withLock { $0.append(Access(offset: offset, size: size, value: value)) }
        }
    }

    @Test("A device sees each access once, with its size")
    func device() throws {
        let recorder = Recorder()
        let base = SystemMachine.Layout.device
        let region = PhysicalBus.Region(range: base..<base + 0x2000, device: recorder)
        let (machine, tables) = try SystemMachine.withMMU(devices: [region])
        tables.map(Self.window, to: base, [.data, .device])
        tables.map(Self.end, to: base + 0x1000, [.data, .device])
        let stop = try machine.run(
            [
                .ldr(.x2, .x1, 8), .ldrw(.x3, .x1), .ldrb(.x4, .x1), .str(.x5, .x1, 16), .strb(.x5, .x1),
                .stp(.x5, .x6, .x1, 32), .ldar(.x7, .x1), .stp(.x5, .x6, .x8), .hvc(1),
            ], [.x1: Self.window, .x5: 0x1234_5678_9ABC_DEF0, .x6: 0x66, .x8: Self.end - 8])
        #expect(stop == .call(1))
        #expect(
            [2, 3, 4, 7].map { machine.x($0) } == [0xF0F1_F2F3_F4F5_F6F7, 0xF4F5_F6F7, 0xF7, 0xF0F1_F2F3_F4F5_F6F7])
        typealias Access = Recorder.Access
        #expect(
            recorder.accesses.withLock { $0 } == [
                Access(offset: 8, size: 8), Access(offset: 0, size: 4), Access(offset: 0, size: 1),
                Access(offset: 16, size: 8, value: 0x1234_5678_9ABC_DEF0), Access(offset: 0, size: 1, value: 0xF0),
                Access(offset: 32, size: 8, value: 0x1234_5678_9ABC_DEF0), Access(offset: 40, size: 8, value: 0x66),
                Access(offset: 0, size: 8), Access(offset: 0xFF8, size: 8, value: 0x1234_5678_9ABC_DEF0),
                Access(offset: 0x1000, size: 8, value: 0x66),
            ])
        // Beyond the window of the device there is nothing.
        tables.map(Self.end + 0x1000, to: base + 0x2000, [.data, .device])
        let taken = try #require(try machine.run([.ldr(.x2, .x1), .hvc(1)], [.x1: Self.end + 0x1000]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.externalAbort))
    }

    @Test("DC ZVA clears the 64 bytes of its line, and faults as a write")
    func zeroing() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: Self.firstPage, .data)
        tables.map(Self.end, to: Self.secondPage, [.data, .readOnly])
        machine.memory.write([UInt8](repeating: 0xFF, count: 256), at: Self.firstPage)
        #expect(try machine.run([.sys(.dcZVA, .x1), .hvc(1)], [.x1: Self.window + 0x7F]) == .call(1))
        let expected = (0..<256).map { UInt8((64..<128).contains($0) ? 0 : 0xFF) }
        #expect(machine.memory.read(at: Self.firstPage, count: 256) == expected)
        let taken = try #require(try machine.run([.sys(.dcZVA, .x1), .hvc(1)], [.x1: Self.end + 0x47]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.permission(3) | FaultCode.write))
        #expect(taken.far == Self.end + 0x47)
    }

    @Test("Cache maintenance by address reports a fault with CM and WnR")
    func cacheMaintenance() throws {
        let (machine, tables) = try SystemMachine.withMMU(sctlr: SCTLRBit.uci)
        tables.map(Self.end, to: Self.secondPage, .data)
        let status = FaultCode.translation(3) | FaultCode.write | FaultCode.cacheMaintenance
        for operation in [SystemOperation.dcCIVAC, .dcCVAU, .icIVAU, .dcIVAC] {
            let taken = try #require(
                try machine.run([.sys(operation, .x1), .hvc(1)], [.x1: Self.window + 5]).exception)
            #expect(taken.esr == esr(ExceptionClass.dataAbort, status))
            #expect(taken.far == Self.window + 5)
            #expect(try machine.run([.sys(operation, .x1), .hvc(1)], [.x1: Self.end + 5]) == .call(1))
        }
        let taken = try #require(
            try machine.run([.sys(.dcCVAU, .x1), .svc(1)], as: .el0t, [.x1: Self.window + 5]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbortFromEL0, status))
    }
}
