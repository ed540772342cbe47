// Which registers there are, and in which order: what is told to GDB, and how they are numbered and laid out.
//
// Follows GDB's manual, appendix G ("Target Descriptions", "AArch64 Features"): org.gnu.gdb.aarch64.core and .fpu.

import Bytes

/// A register, by its number in the protocol.
enum RegisterNumber: Hashable {
    case x(Int)
    case sp
    case pc
    case cpsr
    case v(Int)
    case fpsr
    case fpcr

    /// Those that there are, in the order of their numbers.
    static let all: [RegisterNumber] =
        (0..<31).map { .x($0) } + [.sp, .pc, .cpsr] + (0..<32).map { .v($0) } + [.fpsr, .fpcr]

    var byteCount: Int {
        switch self {
        case .x, .sp, .pc: 8
        case .cpsr, .fpsr, .fpcr: 4
        case .v: 16
        }
    }
}

extension DebuggedRegisters {
    /// Bytes of all registers.
    static let byteCount = RegisterNumber.all.reduce(0) { $0 + $1.byteCount }

    /// A register's bytes as the target has them: its lowest first.
    func bytes(of register: RegisterNumber) -> [UInt8] {
        switch register {
        case .x(let index): x[index].littleEndianBytes
        case .sp: sp.littleEndianBytes
        case .pc: pc.littleEndianBytes
        case .cpsr: cpsr.littleEndianBytes
        case .v(let index): v[index].x.littleEndianBytes + v[index].y.littleEndianBytes
        case .fpsr: fpsr.littleEndianBytes
        case .fpcr: fpcr.littleEndianBytes
        }
    }

    /// - Parameter bytes: as many as the register has.
    mutating func set(_ register: RegisterNumber, to bytes: ArraySlice<UInt8>) {
        switch register {
        case .x(let index): x[index] = UInt64(littleEndianBytes: bytes)
        case .sp: sp = UInt64(littleEndianBytes: bytes)
        case .pc: pc = UInt64(littleEndianBytes: bytes)
        case .cpsr: cpsr = UInt32(littleEndianBytes: bytes)
        case .v(let index):
            v[index] = SIMD2(
                UInt64(littleEndianBytes: bytes.prefix(8)), UInt64(littleEndianBytes: bytes.dropFirst(8)))
        case .fpsr: fpsr = UInt32(littleEndianBytes: bytes)
        case .fpcr: fpcr = UInt32(littleEndianBytes: bytes)
        }
    }
}

/// The description in XML.
enum TargetDescription {
    static let name = "target.xml"

    static let text = """
        <?xml version="1.0"?>
        <!DOCTYPE target SYSTEM "gdb-target.dtd">
        <target version="1.0">
        <architecture>aarch64</architecture>
        <feature name="org.gnu.gdb.aarch64.core">
        \(core)
        </feature>
        <feature name="org.gnu.gdb.aarch64.fpu">
        \(fpu)
        </feature>
        </target>

        """

    private static var core: String {
        let general = (0..<31).map { #"<reg name="x\#($0)" bitsize="64"/>"# }
        return
            (general + [
                #"<reg name="sp" bitsize="64" type="data_ptr"/>"#, #"<reg name="pc" bitsize="64" type="code_ptr"/>"#,
                #"<reg name="cpsr" bitsize="32"/>"#,
            ]).joined(separator: "\n")
    }

    /// A vector register is shown as lanes of each size.
    private static var fpu: String {
        let lanes = [
            ("v2d", "ieee_double", 2, "d"), ("v4s", "ieee_single", 4, "s"), ("v2u", "uint64", 2, "u"),
            ("v4u", "uint32", 4, "w"), ("v8u", "uint16", 8, "h"), ("v16u", "uint8", 16, "b"),
        ]
        let vectors = lanes.map { #"<vector id="\#($0.0)" type="\#($0.1)" count="\#($0.2)"/>"# }
        let fields = lanes.map { #"<field name="\#($0.3)" type="\#($0.0)"/>"# }
        let registers = (0..<32).map { #"<reg name="v\#($0)" bitsize="128" type="aarch64v"/>"# }
        return
            (vectors + [#"<union id="aarch64v">"#] + fields + ["</union>"] + registers
            + [#"<reg name="fpsr" bitsize="32"/>"#, #"<reg name="fpcr" bitsize="32"/>"#])
            .joined(separator: "\n")
    }
}
