// A CPU that lacks a feature, from the inside: what belongs to the feature is undefined, and works on a CPU that has
// it.

import Arm64
import Emulator
import Hypervisor
import Testing

@Suite("A CPU without a feature") struct CPUFeatureExecutionTests {
    /// A GIC whose registers are all there.
    private final class AnyRegister: InterruptControllerInterface {
        func readSystemRegister(_ register: UInt16, cpu: Int) -> UInt64? { 0 }
        func writeSystemRegister(_ register: UInt16, value: UInt64, cpu: Int) -> Bool { true }
    }

    private static func machine(without feature: CPUFeature? = nil) throws -> SystemMachine {
        let model = CPUModel.everything.with(name: "test", removing: feature.map { [$0] } ?? [])
        let machine = try SystemMachine(ramByteCount: 16 << 20, model: model, interrupts: AnyRegister())
        try machine.set(.cpacrEL1, 3 << 20)
        return machine
    }

    /// Whether `word` is undefined at EL1, executed with valid addresses in all registers.
    private static func isUndefined(_ word: UInt32, on machine: SystemMachine) throws -> Bool {
        for register in 0..<31 { machine.cpu.setRegister(register, SystemMachine.Layout.data) }
        let stop = try machine.run([.word(word), .hvc(1)])
        return stop.exception?.esr == esr(ExceptionClass.unknown)
    }

    private static func mrs(_ name: UInt16) -> UInt32 { 0xD530_0000 | UInt32(name) << 5 }
    private static func msr(_ name: UInt16) -> UInt32 { 0xD510_0000 | UInt32(name) << 5 }

    static let withEncodings = CPUModel.everything.features.filter { feature in
        EncodingTable.all.contains { $0.feature == feature }
    }

    @Test("Every encoding of the feature is undefined, and is not with it", arguments: withEncodings)
    func encodings(feature: CPUFeature) throws {
        let lacking = try Self.machine(without: feature)
        let having = try Self.machine()
        var random = SeededGenerator(seed: 0xFEA7)
        let decoder = CPUModel.everything.decoder
        for row in EncodingTable.all where row.feature == feature {
            var isDefined = false
            for _ in 0..<48 where !isDefined {
                // Registers 0 to 30: a stack pointer is no address here.
                let word = row.value | ~row.mask & UInt32(truncatingIfNeeded: random.next()) & ~(1 << 9 | 1 << 4)
                guard decoder.decode(word) == row.instruction else { continue }
                #expect(try Self.isUndefined(word, on: lacking), "\(row.instruction) \(String(word, radix: 16))")
                isDefined = try !Self.isUndefined(word, on: having)
            }
            #expect(isDefined, "\(row.instruction) \(row.pattern)")
        }
    }

    /// What needs a feature, assembled by LLVM.
    static let systemWords: [(feature: CPUFeature, words: [UInt32])] = [
        // mrs x0, rndr; mrs x0, rndrrs
        (.rng, [0xD53B_2400, 0xD53B_2420]),
        // mrs x0, pan; msr pan, x0; msr pan, #1
        (.pan, [0xD538_4260, 0xD518_4260, 0xD500_419F]),
        // mrs x0, uao; msr uao, x0; msr uao, #1
        (.uao, [0xD538_4280, 0xD518_4280, 0xD500_417F]),
        // mrs x0, ssbs; msr ssbs, x0; msr ssbs, #1
        (.ssbs2, [0xD53B_42C0, 0xD51B_42C0, 0xD503_413F]),
        // mrs x0, disr_el1; msr disr_el1, x0; mrs x0, erridr_el1
        (.ras, [0xD538_C120, 0xD518_C120, 0xD538_5300]),
        // at s1e1rp, x0; at s1e1wp, x0
        (.pan2, [0xD508_7900, 0xD508_7920]),
        // mrs x0, fpcr; msr fpcr, x0; mrs x0, fpsr; msr fpsr, x0
        (.fp, [0xD53B_4400, 0xD51B_4400, 0xD53B_4420, 0xD51B_4420]),
        // dc cvap, x0
        (.dpb, [0xD50B_7C20]),
        // tlbi vmalle1os; vae1os; aside1os; vaae1os; vale1os; vaale1os
        (.tlbios, [0xD508_811F, 0xD508_8120, 0xD508_8140, 0xD508_8160, 0xD508_81A0, 0xD508_81E0]),
        // tlbi rvae1is; rvaae1is; rvale1is; rvaale1is; rvae1os; rvaae1os; rvale1os; rvaale1os; rvae1; rvaae1; rvale1;
        // rvaale1
        (
            .tlbirange,
            [
                0xD508_8220, 0xD508_8260, 0xD508_82A0, 0xD508_82E0, 0xD508_8520, 0xD508_8560, 0xD508_85A0, 0xD508_85E0,
                0xD508_8620, 0xD508_8660, 0xD508_86A0, 0xD508_86E0,
            ]
        ),
        // mrs x0, icc_pmr_el1; msr icc_pmr_el1, x0; mrs x0, icc_iar1_el1; msr icc_sgi1r_el1, x0; msr icc_igrpen1_el1,
        // x0
        (.gicv3, [0xD538_4600, 0xD518_4600, 0xD538_CC00, 0xD518_CBA0, 0xD518_CCE0]),
    ]

    @Test(
        "Every system register and instruction of the feature is undefined, and is not with it", arguments: systemWords)
    func systemRegisters(feature: CPUFeature, words: [UInt32]) throws {
        let lacking = try Self.machine(without: feature)
        let having = try Self.machine()
        for word in words {
            #expect(try Self.isUndefined(word, on: lacking), "\(String(word, radix: 16))")
            #expect(try !Self.isUndefined(word, on: having), "\(String(word, radix: 16))")
        }
    }

    @Test("Without FEAT_PAN, SCTLR_EL1.SPAN is one and PSTATE.PAN is zero, whatever is written")
    func pan() throws {
        for (machine, has) in [(try Self.machine(without: .pan), false), (try Self.machine(), true)] {
            try machine.control(clear: SCTLRBit.span)
            #expect(try machine.get(.sctlrEL1) & SCTLRBit.span == (has ? 0 : SCTLRBit.span))
            // Into EL1 by an exception return with PAN set, and from there by an exception: SPSR_EL1 is what PSTATE
            // was.
            let stop = try machine.run([.brk(0)], flags: PSTATEBit.daif | PSTATEBit.pan)
            #expect(try #require(stop.exception).spsr & PSTATEBit.pan == (has ? PSTATEBit.pan : 0))
        }
    }

    @Test("Without FEAT_HAFDBS, the access flag is not set by hardware, whatever TCR_EL1.HA says")
    func accessFlag() throws {
        for (feature, faults) in [(CPUFeature.hafdbs, true), (nil, false)] as [(CPUFeature?, Bool)] {
            let machine = try Self.machine(without: feature)
            let tables = machine.makeTables()
            let page = SystemMachine.Layout.free
            tables.map(page, to: page, PageAttributes.data.subtracting(.accessed))
            try machine.enableMMU(tables, tcr: TCRBit.ha)
            let stop = try machine.run([.ldr(.x0, .x1), .hvc(1)], [.x1: page])
            #expect((stop.exception?.esr == esr(ExceptionClass.dataAbort, FaultCode.accessFlag(3))) == faults)
            #expect((stop == .call(1)) != faults)
        }
    }

    @Test("Without FEAT_ASID16, the upper byte of an ASID does not count, whatever TCR_EL1.AS says")
    func asids() throws {
        for (feature, isSeen) in [(CPUFeature.asid16, true), (nil, false)] as [(CPUFeature?, Bool)] {
            let machine = try Self.machine(without: feature)
            let (page, other) = (SystemMachine.Layout.free, SystemMachine.Layout.free + 0x1_0000)
            let tables = machine.makeTables()
            tables.map(page, to: page, .userData)
            let moved = machine.makeTables(at: SystemMachine.Layout.tables + 0x10_0000)
            moved.map(page, to: other, .userData)
            machine.memory.store(UInt64(1), at: page)
            machine.memory.store(UInt64(2), at: other)
            try machine.enableMMU(tables, asid: 0x0101)
            #expect(try machine.run([.ldr(.x0, .x1), .hvc(1)], [.x1: page]) == .call(1))
            #expect(machine.x(0) == 1)
            // ASID 0x201 is 0x101 with eight bits, so that what is in the TLB still holds.
            try machine.set(.ttbr0EL1, moved.root | 0x0201 << 48)
            #expect(try machine.run([.ldr(.x0, .x1), .hvc(1)], [.x1: page]) == .call(1))
            #expect(machine.x(0) == (isSeen ? 1 : 2))
        }
    }

    @Test("Without FEAT_FP, CPACR_EL1.FPEN is zero, whatever is written")
    func floatingPointControl() throws {
        #expect(try Self.machine(without: .fp).get(.cpacrEL1) == 0)
        #expect(try Self.machine().get(.cpacrEL1) == 3 << 20)
    }

    @Test("The registers of a feature are undefined at EL0 too")
    func el0() throws {
        let machine = try Self.machine(without: .rng)
        let stop = try machine.run([.word(0xD53B_2400), .svc(0)], as: .el0t)
        #expect(stop.exception?.esr == esr(ExceptionClass.unknown))
        let having = try Self.machine()
        #expect(try having.run([.word(0xD53B_2400), .svc(0)], as: .el0t).exception?.esr == esr(ExceptionClass.svc))
    }
}
