// A writer of ACPI Machine Language.
//
// Responsible for: the encodings that the DSDT needs (ACPI 6.5, chapter 20). Not responsible for: what the code means,
// nor for resources, which are in AML+Resources.swift. A term is the bytes that it becomes.

import Bytes
import Hypervisor

/// A term of AML, or several.
package struct AML {
    package var bytes: [UInt8]

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    private init(_ opcode: UInt8..., then rest: [AML]) {
        bytes = opcode + rest.flatMap(\.bytes)
    }

    // MARK: Data (section 20.2.3)

    package static func integer(_ value: UInt64) -> AML {
        switch value {
        case 0, 1: AML([UInt8(value)])
        case ...0xFF: AML([0x0A] + UInt8(value).littleEndianBytes)
        case ...0xFFFF: AML([0x0B] + UInt16(value).littleEndianBytes)
        case ...0xFFFF_FFFF: AML([0x0C] + UInt32(value).littleEndianBytes)
        default: AML([0x0E] + value.littleEndianBytes)
        }
    }

    /// ASCII without NUL.
    package static func string(_ string: String) -> AML { AML([0x0D] + Array(string.utf8) + [0]) }

    package static func buffer(_ content: [UInt8]) -> AML {
        package([0x11], [.integer(UInt64(content.count)), AML(content)])
    }

    /// At most 255 elements.
    package static func package(_ elements: [AML]) -> AML {
        package([0x12], [AML([UInt8(truncatingIfNeeded: elements.count)])] + elements)
    }

    // MARK: Names (section 20.2.2)

    /// A reference to an object: names of up to four characters with dots between, from the root if it begins with `\`.
    package static func object(_ path: String) -> AML { AML(nameString(path)) }

    private static func nameString(_ path: String) -> [UInt8] {
        let isFromRoot = path.hasPrefix("\\")
        let segments = path.drop { $0 == "\\" }.split(separator: ".").map(nameSegment)
        let prefix: [UInt8] =
            switch segments.count {
            case 1: []
            case 2: [0x2E]
            default: [0x2F, UInt8(truncatingIfNeeded: segments.count)]
            }
        return (isFromRoot ? [UInt8(ascii: "\\")] : []) + prefix + segments.flatMap(\.self)
    }

    /// Always four characters, filled up with underscores.
    private static func nameSegment(_ name: some StringProtocol) -> [UInt8] {
        Array((Array(name.utf8) + Array(repeating: UInt8(ascii: "_"), count: 4)).prefix(4))
    }

    // MARK: Named objects (section 20.2.5)

    package static func name(_ name: String, _ value: AML) -> AML { AML(0x08, then: [.object(name), value]) }

    package static func scope(_ name: String, _ terms: [AML]) -> AML { package([0x10], [.object(name)] + terms) }

    package static func device(_ name: String, _ terms: [AML]) -> AML {
        package([0x5B, 0x82], [.object(name)] + terms)
    }

    /// A method that one thread runs at a time.
    package static func method(_ name: String, arguments: UInt8 = 0, _ terms: [AML]) -> AML {
        let serialized: UInt8 = 1 << 3
        return package([0x14], [.object(name), AML([arguments | serialized])] + terms)
    }

    /// Registers in memory, of 32 bits each and to be accessed so: their names, with nil for those that nobody uses.
    package static func registers(_ name: String, at range: Range<PhysicalAddress>, _ registers: [String?]) -> AML {
        let systemMemory: UInt8 = 0
        let doubleWordAccess: UInt8 = 3
        let region = AML(
            0x5B, 0x80,
            then: [
                .object(name), AML([systemMemory]), .integer(range.lowerBound),
                .integer(range.upperBound - range.lowerBound),
            ])
        // A field's length is encoded as a package's, but counts bits and not itself.
        let elements = registers.map { register in
            AML((register.map(nameSegment) ?? [0]) + packageLength(32))
        }
        let fields = package([0x5B, 0x81], [.object(name), AML([doubleWordAccess])] + elements)
        return AML(region.bytes + fields.bytes)
    }

    /// How much of a buffer a name stands for.
    package enum FieldSize: UInt8 {
        case byte = 0x8C
        case word = 0x8B
        case doubleWord = 0x8A
    }

    /// Names a part of a buffer.
    package static func field(_ name: String, of buffer: AML, at offset: UInt64, _ size: FieldSize) -> AML {
        AML(size.rawValue, then: [buffer, .integer(offset), .object(name)])
    }

    // MARK: Statements and expressions (section 20.2.5.3 and 20.2.5.4)

    package static func argument(_ number: UInt8) -> AML { AML([0x68 + number]) }
    package static func local(_ number: UInt8) -> AML { AML([0x60 + number]) }

    /// Nowhere, for a result.
    private static let nowhere = AML([0x00])

    package static func store(_ value: AML, in target: AML) -> AML { AML(0x70, then: [value, target]) }
    package static func sum(_ a: AML, _ b: AML) -> AML { AML(0x72, then: [a, b, nowhere]) }
    package static func difference(_ a: AML, _ b: AML) -> AML { AML(0x74, then: [a, b, nowhere]) }
    package static func product(_ a: AML, _ b: AML) -> AML { AML(0x77, then: [a, b, nowhere]) }
    package static func quotient(_ a: AML, _ b: AML) -> AML { AML(0x78, then: [a, b, nowhere, nowhere]) }
    package static func remainder(_ a: AML, _ b: AML) -> AML { AML(0x85, then: [a, b, nowhere]) }
    package static func and(_ a: AML, _ b: AML) -> AML { AML(0x7B, then: [a, b, nowhere]) }
    package static func or(_ a: AML, _ b: AML) -> AML { AML(0x7D, then: [a, b, nowhere]) }
    package static func isEqual(_ a: AML, _ b: AML) -> AML { AML(0x93, then: [a, b]) }
    package static func isLess(_ a: AML, than b: AML) -> AML { AML(0x95, then: [a, b]) }

    package static func when(_ condition: AML, _ terms: [AML]) -> AML { package([0xA0], [condition] + terms) }
    /// Follows a `when`.
    package static func otherwise(_ terms: [AML]) -> AML { package([0xA1], terms) }
    package static func notify(_ object: String, _ value: UInt64) -> AML {
        AML(0x86, then: [.object(object), .integer(value)])
    }
    package static func result(_ value: AML) -> AML { AML(0xA4, then: [value]) }
    package static func call(_ method: String, _ arguments: AML...) -> AML {
        AML(AML.object(method).bytes + arguments.flatMap(\.bytes))
    }

    // MARK: Packages (section 20.2.4)

    private static func package(_ opcode: [UInt8], _ content: [AML]) -> AML {
        let bytes = content.flatMap(\.bytes)
        return AML(opcode + packageLength(ofContent: bytes.count) + bytes)
    }

    /// The length of a package, which counts its own bytes, too.
    private static func packageLength(ofContent count: Int) -> [UInt8] {
        for own in 1...4 {
            let encoding = packageLength(count + own)
            if encoding.count == own { return encoding }
        }
        return packageLength(count + 4)
    }

    /// One byte up to 63; else the low four bits beside the number of bytes that follow, at most three.
    private static func packageLength(_ length: Int) -> [UInt8] {
        if length < 1 << 6 { return [UInt8(length)] }
        var rest = length >> 4
        var following: [UInt8] = []
        while rest > 0 {
            following.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
        return [UInt8(following.count << 6 | length & 0xF)] + following
    }
}
