// What firmware reads of fw_cfg: items by key, and a directory of those that have names.
//
// Responsible for: keys, and the forms of the items that everybody has. QEMU's docs/specs/fw_cfg.rst has both, and
// include/standard-headers/linux/qemu_fw_cfg.h the numbers. Not responsible for: the registers (`FwCfg`).

import Bytes

/// An item: bytes that are there, or that are read when they are wanted, such as a kernel's.
public struct FwCfgItem: Sendable {
    public let byteCount: UInt64
    /// `count` bytes from `offset` on, all of them in the item; nil if the host cannot read them.
    let read: @Sendable (_ offset: UInt64, _ count: Int) -> [UInt8]?

    public init(_ bytes: [UInt8]) {
        byteCount = UInt64(bytes.count)
        read = { Array(bytes[Int($0)..<Int($0) + $1]) }
    }

    /// - Parameters:
    ///   - byteCount: of the item.
    ///   - read: as above; called on a vCPU's thread.
    public init(byteCount: UInt64, read: @escaping @Sendable (_ offset: UInt64, _ count: Int) -> [UInt8]?) {
        self.byteCount = byteCount
        self.read = read
    }
}

/// All items of a machine.
public struct FwCfgItems: Sendable {
    /// Keys with a meaning of their own.
    public enum Key: UInt16, Sendable, CaseIterable {
        case signature = 0x00
        case id = 0x01
        case cpuCount = 0x05
        case kernelSize = 0x08
        case initrdSize = 0x0B
        case bootMenu = 0x0E
        case maximumCPUCount = 0x0F
        case kernelData = 0x11
        case initrdData = 0x12
        case commandLineSize = 0x14
        case commandLineData = 0x15
        case setupSize = 0x17
        case setupData = 0x18
        case directory = 0x19
    }

    /// The key of the first file; the others follow.
    static let firstFileKey: UInt16 = 0x20
    /// Bytes of a file's name, its NUL included.
    static let nameByteCount = 56
    /// Bits of the id: the registers that everybody has, and DMA.
    private static let features: UInt32 = 1 << 0 | 1 << 1

    private var items: [UInt16: FwCfgItem] = [:]
    /// Names of the files, in the order of their keys.
    private var names: [String] = []

    /// The items that every machine has.
    public init() {
        self[.signature] = FwCfgItem(Array("QEMU".utf8))
        self[.id] = FwCfgItem(Self.features.littleEndianBytes)
        updateDirectory()
    }

    /// An item by key.
    public subscript(key: Key) -> FwCfgItem? {
        get { items[key.rawValue] }
        set { items[key.rawValue] = newValue }
    }

    /// An item that is a number of 16 or 32 bits.
    public mutating func set(_ key: Key, to number: some FixedWidthInteger) {
        self[key] = FwCfgItem(number.littleEndianBytes)
    }

    /// Adds a file; its key follows from the order in which files are added.
    ///
    /// - Precondition: the name has at most 55 bytes, and is new.
    public mutating func add(_ name: String, _ item: FwCfgItem) {
        precondition(name.utf8.count < Self.nameByteCount && !names.contains(name), "no name for a file")
        items[Self.firstFileKey + UInt16(names.count)] = item
        names.append(name)
        updateDirectory()
    }

    /// Of the files, in their order.
    public var fileNames: [String] { names }

    /// A file by name.
    public func file(_ name: String) -> FwCfgItem? {
        names.firstIndex(of: name).flatMap { items[Self.firstFileKey + UInt16($0)] }
    }

    /// What is behind a key that the guest chose.
    func item(_ key: UInt16) -> FwCfgItem? { items[key] }

    private mutating func updateDirectory() {
        var bytes = UInt32(names.count).bigEndian.littleEndianBytes
        for (index, name) in names.enumerated() {
            let key = Self.firstFileKey + UInt16(index)
            bytes += UInt32(truncatingIfNeeded: items[key]?.byteCount ?? 0).bigEndian.littleEndianBytes
            bytes += key.bigEndian.littleEndianBytes
            bytes.append(zeros: 2)
            bytes += name.utf8
            bytes.append(zeros: Self.nameByteCount - name.utf8.count)
        }
        self[.directory] = FwCfgItem(bytes)
    }
}
