// The record of one test case as bytes: `Tests/Oracle/record.h` in Swift; the two change together.

import Arm64

/// Where things lie in a record, and where a case lies in memory.
enum OracleRecord {
    static let x = 0x000
    static let sp = 0x0F8
    static let v = 0x100
    static let pc = 0x300
    static let nzcv = 0x308
    static let fpcr = 0x310
    static let fpsr = 0x318
    static let cause = 0x320
    static let fault = 0x328
    /// The bytes before the code: all that the supervisor sees.
    static let stateByteCount = 0x340
    static let code = 0x340
    static let codeByteCount = 0x200
    static let data = 0x540
    static let dataByteCount = 0x2000
    static let byteCount = 0x2540
    static let maximumCount = 256

    /// LDR x30, [x0, #240] and LDR x0, [x0]: the runner's own words before the case's.
    static let prologue: [UInt32] = [0xF940_781E, 0xF940_0000]
    /// The words that a case may have.
    static let maximumWords = codeByteCount / 4 - prologue.count
    /// BRK #0xD0E: what ends a case, and fills its slot.
    static let end: UInt32 = 0xD421_A1C0
    static let endImmediate: UInt64 = 0xD0E
}

/// The virtual addresses of a case, the same under the oracle and under ours.
enum OracleLayout {
    static let code: UInt64 = 0x4010_0000
    static let codeByteCount: UInt64 = 0x2_0000
    /// Two writable pages, with nothing mapped below.
    static let data: UInt64 = 0x4018_0000
    /// A page that EL0 may only read, with nothing mapped above.
    static let readOnly: UInt64 = 0x4018_2000
    static let readOnlyByteCount: UInt64 = 0x1000
    static let pageByteCount: UInt64 = 0x1000

    /// Where the first word of the case in slot `index` of a batch lies.
    static func start(ofSlot index: Int) -> UInt64 {
        code + UInt64(index * OracleRecord.codeByteCount + OracleRecord.prologue.count * 4)
    }

    /// The contents of the read-only page, the same in every run.
    static let readOnlyContents: [UInt8] = {
        var random = SeededGenerator(seed: 0)
        return (0..<Int(readOnlyByteCount)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }()
}

/// Everything of a CPU that EL0 sees.
struct OracleState: Equatable {
    /// x0 to x30.
    var x = [UInt64](repeating: 0, count: 31)
    var sp: UInt64 = 0
    var v = [SIMD2<UInt64>](repeating: .zero, count: 32)
    var pc: UInt64 = 0
    /// In bits 31:28.
    var nzcv: UInt32 = 0
    var fpcr: UInt32 = 0
    var fpsr: UInt32 = 0
}

/// Which exception ended a case, in the terms that Linux and the architecture have in common.
enum OracleCause: Equatable, CustomStringConvertible {
    case breakpoint
    /// SIGILL; an exception with EC 0x00 or 0x18.
    case undefined
    /// SIGBUS; an alignment fault of data, PC or SP.
    case alignment
    /// SIGSEGV with SEGV_MAPERR; a translation fault on the page at `page`.
    case translation(page: UInt64)
    /// SIGSEGV with SEGV_ACCERR; a permission fault on the page at `page`.
    case permission(page: UInt64)
    /// Anything else, which no case should lead to.
    case other(String)

    /// The page of an address: FAR may hold any address of an access that faulted in part, and bits 63:56 are a tag.
    ///
    /// Zero for addresses that an x86-64 host's user space does not reach: it gives qemu no address for them.
    static func page(of address: UInt64) -> UInt64 {
        let untagged = (address << 8) >> 8
        return untagged >> 47 == 0 ? untagged & ~(OracleLayout.pageByteCount - 1) : 0
    }

    /// The cause without its address.
    var kind: String {
        switch self {
        case .breakpoint: "breakpoint"
        case .undefined: "undefined instruction"
        case .alignment: "alignment fault"
        case .translation: "translation fault"
        case .permission: "permission fault"
        case .other(let text): text
        }
    }

    var description: String {
        switch self {
        case .translation(let page), .permission(let page): "\(kind), page 0x\(String(page, radix: 16))"
        default: kind
        }
    }
}

/// How a case ended.
struct OracleOutcome: Equatable {
    var state: OracleState
    var cause: OracleCause
    /// The writable data pages.
    var data: [UInt8]
}

extension OracleState {
    /// Reads a state from the first bytes of a record.
    init(record: UnsafeRawBufferPointer) {
        x = (0..<31).map { record.load(fromByteOffset: OracleRecord.x + 8 * $0, as: UInt64.self) }
        sp = record.load(fromByteOffset: OracleRecord.sp, as: UInt64.self)
        v = (0..<32).map { record.loadUnaligned(fromByteOffset: OracleRecord.v + 16 * $0, as: SIMD2<UInt64>.self) }
        pc = record.load(fromByteOffset: OracleRecord.pc, as: UInt64.self)
        nzcv = record.load(fromByteOffset: OracleRecord.nzcv, as: UInt32.self)
        fpcr = record.load(fromByteOffset: OracleRecord.fpcr, as: UInt32.self)
        fpsr = record.load(fromByteOffset: OracleRecord.fpsr, as: UInt32.self)
    }

    /// Writes the state to the first bytes of a record; the rest of them is zero.
    func store(to record: UnsafeMutableRawBufferPointer) {
        for index in 0..<OracleRecord.stateByteCount { record[index] = 0 }
        for (index, value) in x.enumerated() {
            record.storeBytes(of: value, toByteOffset: OracleRecord.x + 8 * index, as: UInt64.self)
        }
        record.storeBytes(of: sp, toByteOffset: OracleRecord.sp, as: UInt64.self)
        for (index, value) in v.enumerated() {
            record.storeBytes(of: value[0], toByteOffset: OracleRecord.v + 16 * index, as: UInt64.self)
            record.storeBytes(of: value[1], toByteOffset: OracleRecord.v + 16 * index + 8, as: UInt64.self)
        }
        record.storeBytes(of: pc, toByteOffset: OracleRecord.pc, as: UInt64.self)
        record.storeBytes(of: UInt64(nzcv), toByteOffset: OracleRecord.nzcv, as: UInt64.self)
        record.storeBytes(of: UInt64(fpcr), toByteOffset: OracleRecord.fpcr, as: UInt64.self)
        record.storeBytes(of: UInt64(fpsr), toByteOffset: OracleRecord.fpsr, as: UInt64.self)
    }
}
