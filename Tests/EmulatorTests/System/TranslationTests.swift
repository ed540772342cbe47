// The MMU as software sees it: granules, blocks and pages, faults and their syndromes. DDI 0487, D8 and ESR_EL1.

import Emulator
import Hypervisor
import Testing

@Suite("Address translation", .everyEngine)
struct TranslationTests {
    private static let window: UInt64 = 0x0000_5555_4000_0000

    /// A physical address in RAM, aligned for a block of `level`, and an offset into it that disturbs nothing.
    private func leaf(_ granule: Granule, _ level: Int) -> (physical: UInt64, offset: UInt64) {
        let size = UInt64(1) << granule.shift(level: level)
        // 1 GiB blocks start at RAM's base, all others can be in its upper half.
        return size > 0x2000_0000 ? (0x4000_0000, 0x2800_1238) : (0x6000_0000, (size - 8) & 0x1FFF_FFF8)
    }

    @Test("A block or page of every granule and level leads to its memory", arguments: Granule.allCases)
    func leaves(granule: Granule) throws {
        for level in granule.leafLevels {
            let (machine, tables) = try SystemMachine.withMMU(granule)
            let (physical, offset) = leaf(granule, level)
            let start = Self.window & ~(1 << granule.shift(level: level) - 1)
            tables.map(start, to: physical, level: level, .data)
            machine.memory.store(UInt64(0x1122_3344_5566_7788), at: physical + offset)
            let stop = try machine.run(
                [.ldr(.x2, .x1), .str(.x3, .x1), .ldrb(.x4, .x1), .hvc(1)],
                [.x1: start + offset, .x3: 0xA1B2_C3D4_E5F6_0718])
            #expect(stop == .call(1), "level \(level)")
            #expect(machine.x(2) == 0x1122_3344_5566_7788)
            #expect(machine.x(4) == 0x18)
            #expect(machine.word(at: physical + offset) == 0xA1B2_C3D4_E5F6_0718)
        }
    }

    @Test("Every page of a contiguous range leads to its own memory", arguments: Granule.allCases)
    func contiguous(granule: Granule) throws {
        let (machine, tables) = try SystemMachine.withMMU(granule)
        let count = granule.contiguousCount(level: 3)
        for index in 0..<count {
            let offset = index * granule.byteCount
            tables.map(Self.window + offset, to: 0x6000_0000 + offset, [.data, .contiguous])
        }
        // Writes its own number at the start of each page.
        let stop = try machine.run(
            [
                .movz(.x2, 0), .str(.x2, .x1), .ldr(.x5, .x1), .add(.x1, .x1, .x4), .add(.x2, .x2, 1), .cmp(.x2, .x3),
                .b(.ne, -5), .hvc(1),
            ],
            [.x1: Self.window, .x3: count, .x4: granule.byteCount])
        #expect(stop == .call(1))
        for index in 0..<count {
            #expect(machine.word(at: 0x6000_0000 + index * granule.byteCount) == index)
        }
    }

    /// What an access to `Self.window` is to do, with X1 its address.
    enum Access: CaseIterable {
        case read, write, execute

        var code: [A64] {
            switch self {
            case .read: [.ldr(.x2, .x1), .svc(0)]
            case .write: [.str(.x2, .x1), .svc(0)]
            case .execute: [.br(.x1), .svc(0)]
            }
        }

        func syndrome(_ status: UInt64, from mode: Mode) -> UInt64 {
            switch (self, mode) {
            case (.execute, .el0t): esr(ExceptionClass.instructionAbortFromEL0, status)
            case (.execute, _): esr(ExceptionClass.instructionAbort, status)
            case (.read, .el0t): esr(ExceptionClass.dataAbortFromEL0, status)
            case (.read, _): esr(ExceptionClass.dataAbort, status)
            case (.write, .el0t): esr(ExceptionClass.dataAbortFromEL0, status | FaultCode.write)
            case (.write, _): esr(ExceptionClass.dataAbort, status | FaultCode.write)
            }
        }
    }

    /// Expects `access` to fault with `status`; then what `repair` does is to be enough for it to succeed.
    private func expectFault(
        _ machine: SystemMachine, _ access: Access, _ mode: Mode, address: UInt64, _ status: UInt64
    ) throws {
        let taken = try #require(
            try machine.run(access.code, as: mode, flags: 0, [.x1: address, .x2: 0xDEAD]).exception)
        #expect(taken.vector == mode.synchronousVector, "\(access) \(mode)")
        #expect(taken.esr == access.syndrome(status, from: mode), "\(access) \(mode)")
        #expect(taken.far == address, "\(access) \(mode)")
        #expect(taken.elr == (access == .execute ? address : SystemMachine.codeAddress(mode)), "\(access) \(mode)")
        #expect(machine.x(2) == 0xDEAD)
    }

    @Test("An invalid descriptor is a translation fault of its level", arguments: Granule.allCases)
    func translationFaults(granule: Granule) throws {
        let (machine, tables) = try SystemMachine.withMMU(granule)
        for level in granule.startLevel...3 {
            // Neighbours in one table of `level`, so that the tables above are there and the descriptor is not. The
            // index of level 0 for 16 KiB has one bit, of which the other half is in use.
            guard !(granule == .kib16 && level == 0) else { continue }
            let neighbour = UInt64(0x3000_0000_0000) + UInt64(level) << 40
            let address = (neighbour ^ 1 << granule.shift(level: level)) + 0x128
            if level > granule.startLevel { _ = tables.descriptorAddress(of: neighbour, level: level) }
            for access in Access.allCases {
                for mode in [Mode.el0t, .el1h] {
                    try expectFault(machine, access, mode, address: address, FaultCode.translation(level))
                }
            }
        }
    }

    @Test("A clear access flag is an access flag fault of the leaf's level", arguments: Granule.allCases)
    func accessFlagFaults(granule: Granule) throws {
        for level in granule.leafLevels {
            let (machine, tables) = try SystemMachine.withMMU(granule)
            let (physical, _) = leaf(granule, level)
            let start = Self.window & ~(1 << granule.shift(level: level) - 1)
            tables.map(start, to: physical, level: level, [.user, .innerShareable])
            for access in Access.allCases {
                for mode in [Mode.el0t, .el1h] {
                    try expectFault(machine, access, mode, address: start + 0x40, FaultCode.accessFlag(level))
                }
            }
        }
    }

    @Test("An access that is not permitted is a permission fault of the leaf's level", arguments: Granule.allCases)
    func permissionFaults(granule: Granule) throws {
        for level in granule.leafLevels {
            let cases: [(PageAttributes, Mode, [Access])] = [
                (.data, .el0t, [.read, .write, .execute]),
                (.data, .el1h, [.execute]),
                ([.data, .readOnly], .el1h, [.write, .execute]),
                ([.userData, .readOnly], .el0t, [.write, .execute]),
                ([.userData, .readOnly], .el1h, [.write, .execute]),
                (.userData, .el0t, [.execute]),
                (.userCode, .el1h, [.write, .execute]),
                // What EL0 can write EL1 cannot execute, PXN or not (D8.4.1.2.3).
                ([.accessed, .user], .el1h, [.execute]),
            ]
            let (machine, tables) = try SystemMachine.withMMU(granule)
            let (physical, _) = leaf(granule, level)
            let start = Self.window & ~(1 << granule.shift(level: level) - 1)
            for (attributes, mode, accesses) in cases {
                tables.map(start, to: physical, level: level, attributes)
                _ = try machine.run([.sys(.tlbiVMALLE1), .dsb, .isb, .hvc(0)])
                for access in accesses {
                    try expectFault(machine, access, mode, address: start + 0x80, FaultCode.permission(level))
                }
            }
        }
    }

    @Test("With WXN what is writable is not executable")
    func wxn() throws {
        // The monitor itself is writable, so it lives in a read-only mapping here; its stubs are written from outside.
        let machine = try SystemMachine()
        let tables = machine.makeTables()
        for page in stride(from: SystemMachine.Layout.monitor, to: SystemMachine.Layout.code + 0x1_0000, by: 0x1000) {
            tables.map(page, to: page, [.code, .readOnly])
        }
        tables.map(Self.window, to: SystemMachine.Layout.free, .code)
        machine.load([.hvc(3)], at: SystemMachine.Layout.free)
        try machine.enableMMU(tables)
        #expect(try machine.run([.br(.x1)], [.x1: Self.window]) == .call(3))
        try machine.control(set: SCTLRBit.wxn)
        _ = try machine.run([.sys(.tlbiVMALLE1), .dsb, .isb, .hvc(0)])
        try expectFault(machine, .execute, .el1h, address: Self.window, FaultCode.permission(3))
    }

    @Test("Addresses between the halves, and walks that are disabled, are translation faults of level 0")
    func gap() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        for address: UInt64 in [
            0x0001_0000_0000_0000, 0x00FF_0000_0000_0000, 0x1200_0000_4000_0000, 0xFFFE_FFFF_FFFF_FFF8,
        ] {
            for access in Access.allCases where address & 3 == 0 {
                try expectFault(machine, access, .el1h, address: address, FaultCode.translation(0))
            }
        }
        // EPD1 is set, so all of the upper half faults, mapped or not.
        try machine.set(.ttbr1EL1, tables.root)
        try expectFault(
            machine, .read, .el1h, address: 0xFFFF_0000_0000_0000 | SystemMachine.Layout.data, FaultCode.translation(0))
    }

    @Test("TTBR1_EL1 translates the upper half", arguments: Granule.allCases)
    func upperHalf(granule: Granule) throws {
        let machine = try SystemMachine()
        let lower = machine.makeTables(granule)
        let upper = PageTables(granule, in: machine.memory, at: 0x4080_0000)
        let address: UInt64 = 0xFFFF_8000_1234_0000
        upper.map(address, to: SystemMachine.Layout.free, .code)
        try machine.enableMMU(lower, upper: upper)
        machine.load([.ldr(.x2, .x1, 8), .adr(.x3, -1), .hvc(2)], at: SystemMachine.Layout.free + 0x10)
        machine.memory.store(UInt64(0x99), at: SystemMachine.Layout.free + 8)
        #expect(try machine.run(at: address + 0x10, [.x1: address]) == .call(2))
        #expect(machine.x(2) == 0x99)
        #expect(machine.x(3) == address + 0x10)
        try expectFault(machine, .write, .el1h, address: address + granule.byteCount, FaultCode.translation(3))
    }

    @Test("With TBI the top byte of addresses is ignored, and a branch drops it")
    func tags() throws {
        let (machine, tables) = try SystemMachine.withMMU(tcr: TCRBit.tbi0)
        tables.map(Self.window, to: SystemMachine.Layout.free, .code)
        machine.load([.adr(.x3, 0), .hvc(2)], at: SystemMachine.Layout.free)
        let tagged = Self.window | 0xA5 << 56
        let stop = try machine.run(
            [
                .ldrw(.x2, .x1), .str(.x4, .x1, 0x100), .ldr(.x5, .x1, 0x100), .ldar(.x6, .x7), .ldxr(.x8, .x7),
                .br(.x1),
            ],
            [.x1: tagged, .x4: 0x77, .x7: tagged + 0x100])
        #expect(stop == .call(2))
        #expect(machine.x(2) == UInt64(A64.adr(.x3, 0).word))
        #expect(machine.x(5) == 0x77)
        #expect(machine.x(6) == 0x77)
        #expect(machine.x(8) == 0x77)
        #expect(machine.x(3) == Self.window)
        #expect(machine.word(at: SystemMachine.Layout.free + 0x100) == 0x77)
        // A fault's address may keep the tag or not (FAR_EL1); the rest of it is the address.
        let taken = try #require(try machine.run([.str(.x4, .x1), .hvc(0)], [.x1: tagged + 0x1000]).exception)
        #expect(taken.esr == esr(ExceptionClass.dataAbort, FaultCode.translation(3) | FaultCode.write))
        #expect(taken.far << 8 == (Self.window + 0x1000) << 8)
    }

    @Test("An address that memory and bus do not have is an external abort")
    func externalAbort() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        tables.map(Self.window, to: 0x1_0000, .code)
        for access in Access.allCases {
            try expectFault(machine, access, .el1h, address: Self.window, FaultCode.externalAbort)
        }
    }
}
