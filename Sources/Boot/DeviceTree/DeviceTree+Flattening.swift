// The flattened device tree ("DTB"): the format in which a guest gets its tree.
//
// Follows the Devicetree Specification v0.4, chapter 5: header (5.2), memory reservation block (5.3), structure block
// (5.4), strings block (5.5), in that order and aligned as 5.6 asks. Version 17.

import Hypervisor

/// The numbers of chapter 5.
private enum FlattenedFormat {
    static let magic: UInt32 = 0xD00D_FEED
    static let version: UInt32 = 17
    static let lastCompatibleVersion: UInt32 = 16
    /// Ten 32-bit fields (section 5.2).
    static let headerSize = 40
    /// Of the memory reservation block; the whole blob has to lie so too.
    static let reservationAlignment = 8
    /// Of every token in the structure block.
    static let tokenAlignment = 4
    /// Node and property names, without unit address (sections 2.2.1.1 and 2.2.4.1).
    static let nameLengths = 1...31

    enum Token: UInt32 {
        case beginNode = 1
        case endNode = 2
        case property = 3
        case end = 9
    }
}

extension DeviceTree {
    /// The largest tree that Linux accepts on arm64 (Documentation/arch/arm64/booting.rst, "Setup the device tree").
    public static let maximumByteCount = 2 << 20

    /// The tree as version 17 of the flattened format.
    ///
    /// - Throws: `DeviceTreeError` if a name, a string or the whole is not what the format or a guest allows.
    public func flattened() throws(DeviceTreeError) -> [UInt8] {
        var writer = StructureWriter()
        try writer.append(root, isRoot: true)
        writer.append(.end)

        // The block ends with an entry of zeros.
        let reservationBlock = (reservations + [0..<0]).flatMap {
            $0.lowerBound.bigEndianBytes + ($0.upperBound - $0.lowerBound).bigEndianBytes
        }
        let reservationOffset = FlattenedFormat.headerSize.roundedUp(to: FlattenedFormat.reservationAlignment)
        let structureOffset = reservationOffset + reservationBlock.count
        let stringsOffset = structureOffset + writer.structure.count
        let totalSize = stringsOffset + writer.strings.count
        guard totalSize <= Self.maximumByteCount else {
            throw .tooLarge(byteCount: totalSize, limit: Self.maximumByteCount)
        }

        let header: [UInt32] = [
            FlattenedFormat.magic, UInt32(totalSize), UInt32(structureOffset), UInt32(stringsOffset),
            UInt32(reservationOffset), FlattenedFormat.version, FlattenedFormat.lastCompatibleVersion, bootCPU,
            UInt32(writer.strings.count), UInt32(writer.structure.count),
        ]
        var blob = header.flatMap(\.bigEndianBytes)
        blob.reserveCapacity(totalSize)
        blob.append(contentsOf: reservationBlock)
        blob.append(contentsOf: writer.structure)
        blob.append(contentsOf: writer.strings)
        return blob
    }
}

/// Collects the structure block and the strings that it refers to.
private struct StructureWriter {
    var structure: [UInt8] = []
    var strings: [UInt8] = []
    /// Where each property name starts in `strings`: every name is stored once.
    private var stringOffsets: [String: UInt32] = [:]

    mutating func append(_ token: FlattenedFormat.Token) {
        structure.append(contentsOf: token.rawValue.bigEndianBytes)
    }

    mutating func append(_ node: DeviceTreeNode, isRoot: Bool = false) throws(DeviceTreeError) {
        guard isRoot ? node.name.isEmpty : node.name.isNodeName else { throw .invalidNodeName(node.name) }
        append(.beginNode)
        structure.append(contentsOf: node.name.utf8)
        structure.append(0)
        pad()
        for property in node.properties {
            try append(property, of: node)
        }
        var names: Set<String> = []
        for child in node.children {
            guard names.insert(child.name).inserted else {
                throw .duplicateNode(child.name, parent: isRoot ? "/" : node.name)
            }
            try append(child)
        }
        append(.endNode)
    }

    private mutating func append(
        _ property: DeviceTreeNode.Property, of node: DeviceTreeNode
    ) throws(DeviceTreeError) {
        guard property.name.isPropertyName else { throw .invalidPropertyName(property.name, node: node.name) }
        guard !property.value.containsStrayNUL else { throw .stringContainsNUL(property: property.name) }
        // The format's offsets and lengths have 32 bits; nothing that is longer could be within the limit anyway.
        guard let length = UInt32(exactly: property.value.bytes.count) else {
            throw .tooLarge(byteCount: property.value.bytes.count, limit: DeviceTree.maximumByteCount)
        }
        append(.property)
        structure.append(contentsOf: length.bigEndianBytes)
        structure.append(contentsOf: offset(of: property.name).bigEndianBytes)
        structure.append(contentsOf: property.value.bytes)
        pad()
    }

    private mutating func offset(of name: String) -> UInt32 {
        if let known = stringOffsets[name] { return known }
        let offset = UInt32(strings.count)
        stringOffsets[name] = offset
        strings.append(contentsOf: name.utf8)
        strings.append(0)
        return offset
    }

    private mutating func pad() {
        let padded = structure.count.roundedUp(to: FlattenedFormat.tokenAlignment)
        structure.append(contentsOf: repeatElement(0, count: padded - structure.count))
    }
}

extension String {
    /// `name` or `name@address` of section 2.2.1.1.
    fileprivate var isNodeName: Bool {
        let parts = split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.allSatisfy { part in !part.isEmpty && part.utf8.allSatisfy { $0.isNameCharacter } }
            && parts.first.map { FlattenedFormat.nameLengths.contains($0.utf8.count) } == true
    }

    /// A property name of section 2.2.4.1.
    fileprivate var isPropertyName: Bool {
        FlattenedFormat.nameLengths.contains(utf8.count)
            && utf8.allSatisfy { $0.isNameCharacter || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
    }
}

extension UInt8 {
    /// A character that node and property names share (tables 2.1 and 2.2 of the specification).
    fileprivate var isNameCharacter: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "+"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
