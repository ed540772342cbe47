// The walls between a guest's exception levels, and between a guest and its host: whatever 64 bits are in the PC, what
// is executed is what translation and permissions allow. See docs/security.md. DDI 0487, D1.3.5.5 (PC alignment) and
// D4.1.2 (tags of instruction addresses).

import Arm64
import Emulator
import Hypervisor
import Testing

@Suite("Walls", .serialized, .everyEngine)
struct WallTests {
    private static let kernel = SystemMachine.Layout.code + 0x100
    private static let user = SystemMachine.Layout.userCode + 0x100

    /// SP_EL0 and SP_EL1 with and without a multiple of 16 in them.
    private static let stacks: [UInt64] = [0x1000, 0x1008]

    /// Has blocks made at `address`, for `mode` and both kinds of stack pointer.
    private func warmUp(_ machine: SystemMachine, at address: UInt64, as mode: Mode) throws {
        for stack in Self.stacks {
            try machine.setStackPointer(stack)
            try machine.set(.spEL0, stack)
            _ = try machine.run(at: address, as: mode)
        }
    }

    @Test(
        "A branch to a misaligned address faults, whatever was executed there before at either exception level",
        arguments: [Mode.el0t, .el1t, .el1h], [1, 2, 3] as [UInt64])
    func misaligned(mode: Mode, offset: UInt64) throws {
        let (machine, _) = try SystemMachine.withMMU()
        // CurrentEL is undefined at EL0. SVC and HVC end what should not have begun.
        machine.load([.mrs(.x9, .currentEL), .hvc(7)], at: Self.kernel)
        machine.load([.movz(.x9, 8), .svc(7)], at: Self.user)
        machine.load([.br(.x1)], at: SystemMachine.codeAddress(mode))
        for stack in Self.stacks {
            for target in [Self.kernel, Self.user] {
                for other in Mode.allCases { try warmUp(machine, at: target, as: other) }
                try machine.setStackPointer(stack)
                try machine.set(.spEL0, stack)
                // More than once, so that hot code comes there too.
                for _ in 0..<3 {
                    let stop = try machine.run(
                        at: SystemMachine.codeAddress(mode), as: mode, [.x1: target + offset, .x9: 0])
                    let taken = try #require(stop.exception)
                    #expect(taken.esr == esr(ExceptionClass.pcAlignment))
                    #expect([taken.elr, taken.far] == [target + offset, target + offset])
                    #expect(machine.x(9) == 0)
                }
            }
        }
    }

    @Test("EL0 executes nothing of a page that is EL1's, and EL1 nothing of one that is EL0's")
    func otherLevelsPages() throws {
        let (machine, _) = try SystemMachine.withMMU()
        machine.load([.movz(.x9, 8), .svc(7)], at: Self.kernel)
        machine.load([.movz(.x9, 8), .svc(7)], at: Self.user)
        for (mode, target, exceptionClass) in [
            (Mode.el0t, Self.kernel, ExceptionClass.instructionAbortFromEL0),
            (.el1h, Self.user, ExceptionClass.instructionAbort),
        ] {
            machine.load([.br(.x1)], at: SystemMachine.codeAddress(mode))
            for other in Mode.allCases { try warmUp(machine, at: target, as: other) }
            for _ in 0..<3 {
                let stop = try machine.run(at: SystemMachine.codeAddress(mode), as: mode, [.x1: target, .x9: 0])
                let taken = try #require(stop.exception)
                #expect(taken.esr == esr(exceptionClass, FaultCode.permission(3)))
                #expect(machine.x(9) == 0)
            }
        }
    }

    /// Addresses that are nobody's: what empty entries of our tables might be taken for, the ends of the halves of the
    /// address space, and what is in neither.
    static let odd: [UInt64] = [
        0, 1, 3, 4, .max, .max - 1, .max - 2, .max - 3, .max - 4, .max - 7, .max - 0xFFF, 1 << 63, 1 << 63 - 4,
        1 << 63 - 1, 1 << 48, 1 << 48 - 4, 1 << 55, 1 << 56 - 1, 0xFFFF_0000_0000_0000, 0xFFFE_FFFF_FFFF_FFFC,
        0xFF << 56, 0x5A << 56 | 2,
    ]

    @Test(
        "A branch to where nothing can be mapped is an exception at that address, with any stack pointer",
        arguments: [Mode.el0t, .el1t, .el1h], [false, true])
    func nowhere(mode: Mode, hasMMU: Bool) throws {
        let machine = try SystemMachine()
        if hasMMU { try machine.enableMMU(machine.makeTables()) }
        machine.load([.br(.x1)], at: SystemMachine.codeAddress(mode))
        for stack in Self.stacks {
            try machine.setStackPointer(stack)
            try machine.set(.spEL0, stack)
            for address in Self.odd {
                let stop = try machine.run(at: SystemMachine.codeAddress(mode), as: mode, [.x1: address])
                let taken = try #require(stop.exception)
                let abort = mode == .el0t ? ExceptionClass.instructionAbortFromEL0 : ExceptionClass.instructionAbort
                #expect(taken.esr >> 26 == (address & 3 == 0 ? abort : ExceptionClass.pcAlignment))
                #expect([taken.elr, taken.far] == [address, address])
            }
        }
    }

    @Test("A load or store at such an address is a data abort at that address", arguments: [Mode.el0t, .el1h])
    func nothingThere(mode: Mode) throws {
        let (machine, _) = try SystemMachine.withMMU()
        // FPEN: nothing is trapped.
        try machine.set(.cpacrEL1, 3 << 20)
        let accesses: [A64] = [
            .ldrb(.x2, .x1), .ldr(.x2, .x1), .ldp(.x2, .x3, .x1), .strb(.x2, .x1), .str(.x2, .x1),
            .ldr(q: 1, .x1), .ldtr(.x2, .x1), .sttr(.x2, .x1), .ldar(.x2, .x1), .ldadd(.x2, .x3, .x1),
            .sys(.dcZVA, .x1),
        ]
        for access in accesses {
            machine.load([access, .svc(1)], at: SystemMachine.codeAddress(mode))
            for address in Self.odd {
                let stop = try machine.run(at: SystemMachine.codeAddress(mode), as: mode, [.x1: address])
                let taken = try #require(stop.exception)
                // DC ZVA is trapped at EL0 here.
                let abort = mode == .el0t ? ExceptionClass.dataAbortFromEL0 : ExceptionClass.dataAbort
                guard access != .sys(.dcZVA, .x1) || mode == .el1h else { continue }
                #expect(taken.esr >> 26 == abort, "\(access) at \(address)")
                // An access that is only in part where nothing is faults behind its first byte.
                #expect(taken.far &- address < 16, "\(access) at \(address)")
            }
        }
    }

    @Test("A page that is executed while its address comes to lead elsewhere is not joined with what is there then")
    func remappedWhileExecuting() throws {
        let (machine, tables) = try SystemMachine.withMMU()
        let (window, alias): (UInt64, UInt64) = (0x5555_0000_0000, 0x5555_0000_1000)
        let pages = [SystemMachine.Layout.free, SystemMachine.Layout.free + 0x1000]
        for (number, page) in pages.enumerated() {
            machine.load(
                [.sys(.tlbiVAAE1, .x1), .b(2), .nop, .movz(.x9, number), .hvc(1)], at: page)
        }
        tables.map(window, to: pages[0], .code)
        // So that the first page's translation is known, and its branch has not been taken.
        #expect(try machine.run(at: window + 8) == .call(1))
        tables.map(window, to: pages[1], .code)
        tables.map(alias, to: pages[0], .code)
        for _ in 0..<3 {
            #expect(try machine.run(at: window, [.x1: window >> 12]) == .call(1))
            #expect(try machine.run(at: alias, [.x1: 0, .x9: 7]) == .call(1))
            #expect(machine.x(9) == 0)
        }
    }

    @Test("A software step is active from the instruction after the one that unmasks it")
    func unmaskedStep() throws {
        let machine = try SystemMachine()
        let code: [A64] = [
            .msr(.mdscrEL1, .x1), .msr(.oslarEL1, .zr), .isb, .msrDAIFClr(8), .add(.x2, .x2, 1), .hvc(1),
        ]
        for _ in 0..<3 {
            // SS and KDE. PSTATE.SS is 0: the step is pending.
            let taken = try #require(try machine.run(code, [.x1: 1 << 13 | 1, .x2: 0]).exception)
            #expect(taken.esr >> 26 == 0x33)
            #expect(taken.elr == SystemMachine.Layout.code + 16)
            #expect(machine.x(2) == 0)
        }
    }

    @Test("A tag in the PC is gone once the branch is done, also if an interrupt comes first")
    func taggedPC() throws {
        let (machine, _) = try SystemMachine.withMMU(tcr: TCRBit.tbi0)
        let tag: UInt64 = 0x5A << 56
        machine.load([.adr(.x2, 0), .blr(.x3), .svc(2)], at: Self.user)
        machine.load([.mov(.x4, .x30), .ret], at: Self.user + 0x40)
        for _ in 0..<3 {
            let stop = try machine.run(at: tag | Self.user, as: .el0t, [.x3: tag | Self.user + 0x40])
            #expect(stop.exception?.esr == esr(ExceptionClass.svc, 2))
            #expect(stop.exception?.elr == Self.user + 12)
            #expect([machine.x(2), machine.x(4)] == [Self.user, Self.user + 8])
        }
        machine.cpu.setInterruptPending(true)
        let stop = try machine.run(at: tag | Self.user, as: .el0t, flags: 0)
        #expect(stop.exception?.vector == 0x480)
        #expect(stop.exception?.elr == Self.user)
        machine.cpu.setInterruptPending(false)
        // Misaligned behind its tag.
        let misaligned = try #require(try machine.run(at: tag | Self.user + 2, as: .el0t).exception)
        #expect(misaligned.esr == esr(ExceptionClass.pcAlignment))
        #expect([misaligned.elr, misaligned.far] == [Self.user + 2, Self.user + 2])
    }
}
