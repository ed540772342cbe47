// fw_cfg with two files, and who reads them.

import Bytes
import Hypervisor

@testable import Devices

struct FwCfgBench {
    static let ram: Range<PhysicalAddress> = 0x4000_0000..<0x4040_0000
    /// Where requests are, and where what is read goes.
    static let request: PhysicalAddress = ram.lowerBound
    static let buffer: PhysicalAddress = ram.lowerBound + 0x1_0000
    /// More than is copied at once.
    static let bigByteCount = (1 << 20) + 5

    static func byte(_ offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset * 7 + 1) }

    let memory: GuestMemory
    let device: FwCfg

    init() throws {
        memory = try GuestMemory(ram: [Self.ram])
        var items = FwCfgItems()
        items.add("etc/one", FwCfgItem([1, 2, 3]))
        items.add(
            "etc/two",
            FwCfgItem(byteCount: UInt64(Self.bigByteCount)) { offset, count in
                (Int(offset)..<Int(offset) + count).map(Self.byte)
            })
        items[.kernelData] = FwCfgItem(byteCount: 100) { _, _ in nil }
        device = FwCfg(items, memory: memory)
    }

    func select(_ key: UInt16) {
        device.write(offset: 8, size: 2, value: UInt64(key.byteSwapped), cpu: 0)
    }

    /// The first `count` bytes of an item, by the data register.
    func item(_ key: UInt16, count: Int) -> [UInt8] {
        select(key)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: device.read(offset: 0, size: 1, cpu: 0)) }
    }

    /// Makes a DMA request; returns what its control says afterwards.
    func request(control: UInt32, length: UInt32, buffer: UInt64 = 0, inHalves: Bool = false) -> UInt32? {
        memory.store(control.bigEndian, at: Self.request)
        memory.store(length.bigEndian, at: Self.request + 4)
        memory.store(buffer.bigEndian, at: Self.request + 8)
        let address = Self.request.byteSwapped
        if inHalves {
            device.write(offset: 16, size: 4, value: address & 0xFFFF_FFFF, cpu: 0)
            device.write(offset: 20, size: 4, value: address >> 32, cpu: 0)
        } else {
            device.write(offset: 16, size: 8, value: address, cpu: 0)
        }
        return memory.load(UInt32.self, at: Self.request).map(\.bigEndian)
    }
}
