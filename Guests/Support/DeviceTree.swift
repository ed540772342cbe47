// What a guest wants from its device tree: the cores, the conduit and the command line.
//
// A walk over the flattened form of the Devicetree Specification 0.4 §5, without building anything. Not a general
// parser: it looks for four properties, and believes the rest.

import _Volatile

/// The device tree at an address.
struct DeviceTree {
    private let address: UInt

    /// Nil if there is no device tree at `address`.
    init?(address: UInt) {
        guard address != 0, address % 4 == 0, Self.word(at: address) == Self.magic else { return nil }
        self.address = address
    }

    /// Calls `body` with the depth of the node (0 is the root), its name, and each property's name and value.
    func forEachProperty(_ body: (_ depth: Int, _ node: Text, _ property: Text, _ value: Text) -> Void) {
        var token = address + UInt(Self.word(at: address + 8))
        let strings = address + UInt(Self.word(at: address + 12))
        var depth = -1
        // The name of the node that properties belong to: in the flattened form they stand before any child.
        var node = Text(address: 0, count: 0)
        while true {
            let kind = Self.word(at: token)
            token += 4
            switch kind {
            case Self.beginNode:
                depth += 1
                node = Text(terminatedAt: token)
                token += (node.count + 4) & ~3
            case Self.endNode:
                depth -= 1
            case Self.property:
                let count = UInt(Self.word(at: token))
                let name = Text(terminatedAt: strings + UInt(Self.word(at: token + 4)))
                body(depth, node, name, Text(address: token + 8, count: count))
                token += 8 + (count + 3) & ~3
            case Self.nothing:
                break
            default:
                return
            }
        }
    }

    private static var magic: UInt32 { 0xD00D_FEED }
    private static var beginNode: UInt32 { 1 }
    private static var endNode: UInt32 { 2 }
    private static var property: UInt32 { 3 }
    private static var nothing: UInt32 { 4 }

    /// A big-endian word.
    static func word(at address: UInt) -> UInt32 {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: address).load().byteSwapped
    }
}

/// Bytes somewhere in memory.
struct Text {
    let address: UInt
    let count: UInt

    init(address: UInt, count: UInt) {
        self.address = address
        self.count = count
    }

    /// The bytes before the first zero.
    init(terminatedAt address: UInt) {
        var count: UInt = 0
        while VolatileMappedRegister<UInt8>(unsafeBitPattern: address + count).load() != 0 { count += 1 }
        self.init(address: address, count: count)
    }

    subscript(_ index: UInt) -> UInt8 {
        VolatileMappedRegister<UInt8>(unsafeBitPattern: address + index).load()
    }

    /// Without the first `start` bytes.
    func dropping(_ start: UInt) -> Text {
        Text(address: address + start, count: count - start)
    }

    func starts(with prefix: StaticString) -> Bool {
        guard prefix.utf8CodeUnitCount <= Int(count) else { return false }
        return prefix.withUTF8Buffer { bytes in
            for index in 0..<bytes.count where bytes[index] != self[UInt(index)] { return false }
            return true
        }
    }

    /// Whether the text is `other`; a zero at the end, as properties have it, does not count.
    func equals(_ other: StaticString) -> Bool {
        guard starts(with: other) else { return false }
        let rest = count - UInt(other.utf8CodeUnitCount)
        return rest == 0 || (rest == 1 && self[count - 1] == 0)
    }
}
