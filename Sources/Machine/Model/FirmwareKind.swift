// How a guest is told of its machine.

/// What the guest's firmware describes the machine by.
public enum FirmwareKind: Sendable, Hashable, CaseIterable {
    case deviceTree
    /// ACPI's tables, handed over as EFI would.
    case acpi

    /// Every name.
    public static let arguments = allCases.map(\.argument)

    /// "dt" or "acpi"
    public var argument: String {
        switch self {
        case .deviceTree: "dt"
        case .acpi: "acpi"
        }
    }

    /// The kind that `argument` names; nil if there is none.
    public init?(argument: String) {
        guard let kind = Self.allCases.first(where: { $0.argument == argument }) else { return nil }
        self = kind
    }
}

/// A generation id on the command line and in reports: 32 hexadecimal digits, in the order of the bytes in memory.
public enum GenerationIDArgument {
    /// How many bytes an id has.
    public static let byteCount = 16

    /// Hyphens may stand anywhere between bytes, as in a UUID; nil if `argument` is no id.
    public static func parse(_ argument: String) -> [UInt8]? {
        let digits = argument.utf8.filter { $0 != UInt8(ascii: "-") }.compactMap { digit in
            Character(Unicode.Scalar(digit)).hexDigitValue
        }
        guard digits.count == 2 * byteCount, argument.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || $0.isHexDigit })
        else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// The digits, without hyphens.
    public static func text(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool { Character(Unicode.Scalar(self)).isHexDigit }
}
