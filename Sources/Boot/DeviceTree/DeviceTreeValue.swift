// The value of a device tree property.
//
// Responsible for: encoding the value types of the Devicetree Specification v0.4, section 2.2.4.2. Everything in a
// device tree is big-endian. Not responsible for: which property has which type.

import Hypervisor

/// A property's bytes, made from one of the types that the specification names.
public struct DeviceTreeValue: Sendable, Equatable {
    /// As they stand in the tree.
    public private(set) var bytes: [UInt8]
    /// Whether this was made from a string that holds a NUL, and so reads as something else.
    let containsStrayNUL: Bool

    private init(bytes: [UInt8], containsStrayNUL: Bool = false) {
        self.bytes = bytes
        self.containsStrayNUL = containsStrayNUL
    }

    /// `<empty>`: what matters is that the property is there.
    public static let empty = DeviceTreeValue(bytes: [])

    /// A `<prop-encoded-array>` of 32-bit cells (one cell is a `<u32>`).
    public static func cells(_ cells: UInt32...) -> DeviceTreeValue { .cells(cells) }

    /// A `<prop-encoded-array>` of 32-bit cells.
    public static func cells(_ cells: [UInt32]) -> DeviceTreeValue {
        DeviceTreeValue(bytes: cells.flatMap(\.bigEndianBytes))
    }

    /// A `<prop-encoded-array>` of 64-bit numbers, two cells each (one number is a `<u64>`).
    public static func doubleCells(_ numbers: UInt64...) -> DeviceTreeValue { .doubleCells(numbers) }

    /// A `<prop-encoded-array>` of 64-bit numbers, two cells each.
    public static func doubleCells(_ numbers: [UInt64]) -> DeviceTreeValue {
        DeviceTreeValue(bytes: numbers.flatMap(\.bigEndianBytes))
    }

    /// `reg` where both #address-cells and #size-cells are 2: an address and a length for every range.
    public static func reg(_ ranges: Range<PhysicalAddress>...) -> DeviceTreeValue { .reg(ranges) }

    /// `reg` where both #address-cells and #size-cells are 2: an address and a length for every range.
    public static func reg(_ ranges: [Range<PhysicalAddress>]) -> DeviceTreeValue {
        .doubleCells(ranges.flatMap { [$0.lowerBound, $0.upperBound - $0.lowerBound] })
    }

    /// A `<string>`: UTF-8 and a NUL.
    public static func string(_ string: String) -> DeviceTreeValue { .strings([string]) }

    /// A `<stringlist>`: each in UTF-8 with its NUL.
    public static func strings(_ strings: String...) -> DeviceTreeValue { .strings(strings) }

    /// A `<stringlist>`: each in UTF-8 with its NUL.
    public static func strings(_ strings: [String]) -> DeviceTreeValue {
        DeviceTreeValue(
            bytes: strings.flatMap { Array($0.utf8) + [0] },
            containsStrayNUL: strings.contains { $0.utf8.contains(0) })
    }

    /// A `<phandle>`, or several.
    public static func phandles(_ handles: PHandle...) -> DeviceTreeValue { .cells(handles.map(\.rawValue)) }

    /// Bytes that only the property's own binding explains.
    public static func bytes(_ bytes: [UInt8]) -> DeviceTreeValue { DeviceTreeValue(bytes: bytes) }
}

extension FixedWidthInteger {
    /// Most significant byte first.
    var bigEndianBytes: [UInt8] {
        stride(from: Self.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }
}
