// The system registers that keep what is written to them: where each is, and which bits of it can be other than zero.
//
// Responsible for: one list of them, from which a CPU's state is taken and put back. A register that is added to
// `SystemState` needs its line here; tests compare the two. Not responsible for what an access does beside that
// (`EmulatedCPU+SystemRegisters`), nor for the registers of the GIC, which are the interrupt controller's.

import Arm64

/// Bits that a register keeps.
enum KeptBits {
    /// A register of 32 bits.
    static let word: UInt64 = 0xFFFF_FFFF
    /// VBAR_EL1: the vectors are aligned to 2 KiB.
    static let vbar: UInt64 = ~0x7FF
    /// DISR_EL1: A, IDS and ISS.
    static let disr: UInt64 = 0x81FF_FFFF
    /// OSLAR_EL1.OSLK and OSDLR_EL1.DLK.
    static let lock: UInt64 = 1
}

/// A system register with a value of its own.
struct KeptRegister: Sendable {
    /// What a write of a value leaves.
    enum Rule: Sendable {
        case bits(UInt64)
        case control(@Sendable (CPUModel) -> ControlBits)
    }

    let register: SystemRegister
    /// In bytes from the beginning of the CPU's state block.
    let offset: Int
    let rule: Rule

    private init(_ register: SystemRegister, _ field: KeyPath<SystemState, UInt64>, _ rule: Rule = .bits(.max)) {
        self.register = register
        offset = Int(CPUState.offset(of: field))
        self.rule = rule
    }

    /// Whether the register can hold `value` on a CPU of `model`.
    func canHold(_ value: UInt64, on model: CPUModel) -> Bool {
        switch rule {
        case .bits(let bits): value & ~bits == 0
        case .control(let control): control(model).effective(value) == value
        }
    }

    static let all: [KeptRegister] = [
        KeptRegister(.sctlrEL1, \.sctlrEL1, .control { $0.sctlr }),
        KeptRegister(.actlrEL1, \.actlrEL1, .bits(0)),
        KeptRegister(.cpacrEL1, \.cpacrEL1, .control { $0.cpacr }),
        KeptRegister(.ttbr0EL1, \.ttbr0EL1),
        KeptRegister(.ttbr1EL1, \.ttbr1EL1),
        KeptRegister(.tcrEL1, \.tcrEL1),
        KeptRegister(.spsrEL1, \.spsrEL1, .bits(KeptBits.word)),
        KeptRegister(.elrEL1, \.elrEL1),
        KeptRegister(.afsr0EL1, \.afsr0EL1, .bits(0)),
        KeptRegister(.afsr1EL1, \.afsr1EL1, .bits(0)),
        KeptRegister(.esrEL1, \.esrEL1, .bits(KeptBits.word)),
        KeptRegister(.farEL1, \.farEL1),
        KeptRegister(.parEL1, \.parEL1),
        KeptRegister(.mairEL1, \.mairEL1),
        KeptRegister(.amairEL1, \.amairEL1, .bits(0)),
        KeptRegister(.vbarEL1, \.vbarEL1, .bits(KeptBits.vbar)),
        KeptRegister(.contextidrEL1, \.contextidrEL1),
        KeptRegister(.tpidrEL1, \.tpidrEL1),
        KeptRegister(.tpidrEL0, \.tpidrEL0),
        KeptRegister(.tpidrroEL0, \.tpidrroEL0),
        KeptRegister(.csselrEL1, \.csselrEL1, .bits(CPUModel.cacheSelectionMask)),
        KeptRegister(.cntkctlEL1, \.cntkctlEL1, .bits(CNTKCTL.writable)),
        KeptRegister(.cntpCTLEL0, \.cntpCtl, .bits(TimerControl.writable)),
        KeptRegister(.cntpCVALEL0, \.cntpCval),
        KeptRegister(.cntvCTLEL0, \.cntvCtl, .bits(TimerControl.writable)),
        KeptRegister(.cntvCVALEL0, \.cntvCval),
        KeptRegister(.mdscrEL1, \.mdscrEL1, .bits(KeptBits.word)),
        KeptRegister(.oslarEL1, \.osLock, .bits(KeptBits.lock)),
        KeptRegister(.osdlrEL1, \.osdlrEL1, .bits(KeptBits.lock)),
        KeptRegister(.disrEL1, \.disrEL1, .bits(KeptBits.disr)),
    ]

    /// Those that a CPU of `model` has.
    static func all(of model: CPUModel) -> [KeptRegister] { all.filter { !model.lacks($0.register) } }
}
