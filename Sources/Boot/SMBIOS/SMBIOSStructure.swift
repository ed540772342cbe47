// A structure of SMBIOS as bytes: a formatted area, and the strings that it counts. DSP0134 §6.1.

import Bytes

/// The types of structures that are written (DSP0134 chapter 7).
enum SMBIOSType: UInt8 {
    case platformFirmware = 0
    case system = 1
    case chassis = 3
    case processor = 4
    case oemStrings = 11
    case memoryArray = 16
    case memoryDevice = 17
    case mappedAddress = 19
    case bootInformation = 32
    case endOfTable = 127
}

/// One structure, while it is being put together in the order of its fields.
struct SMBIOSStructure {
    private static let headerByteCount = 4

    private let type: SMBIOSType
    private let handle: UInt16
    private var fields: [UInt8] = []
    private var strings: [String] = []

    init(_ type: SMBIOSType, handle: UInt16) {
        self.type = type
        self.handle = handle
    }

    mutating func add(_ value: some FixedWidthInteger) { fields.append(littleEndian: value) }

    mutating func add(_ bytes: [UInt8]) { fields += bytes }

    /// A string: its number, from 1, is in the field. 0 for none (§6.1.3).
    mutating func add(string: String) {
        guard let number = append(string) else { return add(UInt8(0)) }
        add(number)
    }

    /// A string that no field has the number of; nil if there is nothing to say.
    @discardableResult
    mutating func append(_ string: String) -> UInt8? {
        let text = string.filter { $0 != "\0" }
        guard !text.isEmpty else { return nil }
        strings.append(text)
        return UInt8(truncatingIfNeeded: strings.count)
    }

    /// Header, fields, strings that each end in NUL, and one more NUL; two if there are no strings.
    var bytes: [UInt8] {
        var bytes = [type.rawValue, UInt8(truncatingIfNeeded: Self.headerByteCount + fields.count)]
        bytes.append(littleEndian: handle)
        bytes += fields
        for string in strings { bytes += string.utf8 + [0] }
        return bytes + (strings.isEmpty ? [0, 0] : [0])
    }
}
