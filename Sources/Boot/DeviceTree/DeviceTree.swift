// A device tree as a value.
//
// Responsible for: nodes and properties, and what makes their names valid (Devicetree Specification v0.4, sections
// 2.2.1 and 2.2.4). Not responsible for: the flattened format (DeviceTree+Flattening.swift), or what a machine puts
// into its tree (BoardDescription+DeviceTree.swift).

import Hypervisor

/// Why a device tree cannot be handed to a guest.
public enum DeviceTreeError: Error, Equatable, CustomStringConvertible {
    /// A node's name is not one that the specification allows.
    case invalidNodeName(String)
    /// A property's name is not one that the specification allows.
    case invalidPropertyName(String, node: String)
    /// Two children of one node have the same name.
    case duplicateNode(String, parent: String)
    /// A string holds a NUL, which would end it early.
    case stringContainsNUL(property: String)
    /// The tree is larger than a guest accepts.
    case tooLarge(byteCount: Int, limit: Int)

    public var description: String {
        switch self {
        case .invalidNodeName(let name):
            "device tree: \"\(name)\" is not a valid node name; use 1 to 31 of 0-9 a-z A-Z , . _ + - (and @address)"
        case .invalidPropertyName(let name, let node):
            "device tree: \"\(name)\" in \"\(node)\" is not a valid property name; "
                + "use 1 to 31 of 0-9 a-z A-Z , . _ + ? # -"
        case .duplicateNode(let name, let parent):
            "device tree: \"\(parent)\" has two children named \"\(name)\"; give every device and CPU its own address"
        case .stringContainsNUL(let property):
            "device tree: \"\(property)\" contains a NUL character; remove it"
        case .tooLarge(let byteCount, let limit):
            "device tree: \(byteCount) bytes are more than the \(limit) that a guest accepts; "
                + "shorten the command line"
        }
    }
}

/// A reference to a node: the value of its `phandle` property.
public struct PHandle: Sendable, Hashable {
    /// Unique in its tree; neither 0 nor 0xFFFF_FFFF.
    public let rawValue: UInt32

    /// - Parameter rawValue: unique in its tree; neither 0 nor 0xFFFF_FFFF.
    public init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }
}

/// A device tree, and what its flattened form says beside it.
public struct DeviceTree: Sendable, Equatable {
    /// The node `/`.
    public var root: DeviceTreeNode
    /// Memory that the guest must leave alone. May overlap what `memory` nodes describe.
    public var reservations: [Range<PhysicalAddress>]
    /// The `reg` value of the CPU that starts first.
    public var bootCPU: UInt32

    public init(root: DeviceTreeNode, reservations: [Range<PhysicalAddress>] = [], bootCPU: UInt32 = 0) {
        self.root = root
        self.reservations = reservations
        self.bootCPU = bootCPU
    }
}

/// A node with its properties and children, in the order in which they are written.
public struct DeviceTreeNode: Sendable, Equatable {
    /// One named property.
    public struct Property: Sendable, Equatable {
        public let name: String
        public let value: DeviceTreeValue
    }

    /// With its unit address, if it has one: `serial@9000000`. Empty for the root.
    public let name: String
    /// In the order of their first `set`.
    public private(set) var properties: [Property] = []
    /// Its children, in the order in which they are written.
    public var children: [DeviceTreeNode] = []

    /// A node without unit address, as it has no `reg`.
    public init(_ name: String) {
        self.name = name
    }

    /// A node whose `reg` begins with `address`; the name gets it in hexadecimal, without leading zeros.
    public init(_ name: String, at address: PhysicalAddress) {
        self.name = name + "@" + String(address, radix: 16)
    }

    /// The value of the property `name`; setting nil removes it.
    public subscript(name: String) -> DeviceTreeValue? {
        get { properties.first { $0.name == name }?.value }
        set {
            let index = properties.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): properties[index] = Property(name: name, value: value)
            case (let index?, nil): properties.remove(at: index)
            case (nil, let value?): properties.append(Property(name: name, value: value))
            case (nil, nil): break
            }
        }
    }
}
